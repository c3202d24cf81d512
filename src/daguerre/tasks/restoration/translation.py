"""Translation between latent spaces as a pure function of a window: for remaining blur and grain, and damage."""

from collections.abc import Callable

import torch
from torch import Tensor

from daguerre import weights
from daguerre.devices import Device
from daguerre.images import Picture
from daguerre.networks.compact_translation import ACTIVITY_RADIUS, CompactTranslation, LatentRestoration
from daguerre.networks.compact_vae import CompactEncoder, CompactVAE
from daguerre.tiling import Window
from daguerre.weights import Model

__all__ = ["MODELS", "Translation", "load_restoration", "read_damage", "spread"]

MODELS = ("restore-vae-old", "restore-vae-clean", "restore-translation")

WINDOW_CELLS = 5  # cells along a window's side: 16 megapixels take 1354 MiB above torch's import, with 8 cells 1681
# Limit of the local change, relative to that in the calmest part of the photograph. 12 aged photographs reach 30.09 dB
# in their aged tones, with 4 or 9 30.10; 7 clean ones, only translated, come back at 49.8 dB, with 4 at 49.4.
CHANGE_LIMIT = 2.0
CALM_SHARE = 0.1  # of the photograph
NOISE_TONES = (0.04, 0.96)  # lightness outside which noise does not show, as in black and white borders
SAMPLES_PER_AXIS = 3  # windows down and across in which this is measured
SAMPLE_SIDE = 192  # pixels of one


def load_restoration(device: Device) -> Model:
    """The encoder of old photographs, the translation, and the decoder of clean ones, as one `LatentRestoration`.

    Raises:
        WeightsNotFound: a network is missing.
    """
    old, clean, translation = (weights.load(name) for name in MODELS)
    network = LatentRestoration(
        CompactEncoder.of(old.network), clean.expect(CompactVAE), translation.expect(CompactTranslation)
    )
    return Model(network.eval(), translation.header).on(device)


class Translation:
    """Restores any window of a photograph from just the pixels that it depends on.

    Args:
        model: a `LatentRestoration`.
        size: (height, width) of the photograph.
        limit: the largest local change where nothing is damaged, as in `LatentRestoration`.
    """

    def __init__(self, model: Model, size: tuple[int, int], limit: float | None = None) -> None:
        self.model, self.size, self.limit = model, size, limit
        self.network = model.expect(LatentRestoration)
        self.side = WINDOW_CELLS * self.network.cell  # pixels of a window

    def source(self, window: Window) -> Window:
        """The window that a window of the result depends on; it begins at a cell."""
        spans = []
        for first, length, size in zip(
            (window.top, window.left), (window.height, window.width), self.size, strict=True
        ):
            cell, before, after = self.network.cell, self.network.reach_before, self.network.reach_after
            start = max((first - after) // cell * cell - before, 0) // cell * cell
            stop = min(-(-(first + length + after) // cell) * cell + before, size)
            spans.append((start, stop - start))
        (top, height), (left, width) = spans
        return Window(top, left, height, width)

    def __call__(self, window: Window, image: Tensor, mask: Tensor) -> Tensor:
        """Restore a window.

        Args:
            image: (1, 3, h, w) in [0, 1], the pixels of `source(window)`.
            mask: (1, 1, h, w) of the same pixels: 1 where damaged and filled coarsely, else 0.

        Returns:
            (1, 3, window.height, window.width) on the CPU, unclamped.
        """
        return self.compute(window, image, mask, lambda image, mask: self.network(image, mask, self.limit))

    def activity(self, window: Window, image: Tensor, mask: Tensor) -> Tensor:
        """Size of the change around undamaged pixels of a window, neither black nor white: (n,)."""
        around = self.compute(window, image, mask, self.network.activity)
        rows, columns = window.within(self.source(window)).slices
        light = image[..., rows, columns].mean(1, keepdim=True)
        sound = (mask[..., rows, columns] == 0) & (light > NOISE_TONES[0]) & (light < NOISE_TONES[1])
        some = (..., slice(ACTIVITY_RADIUS, None, ACTIVITY_RADIUS), slice(ACTIVITY_RADIUS, None, ACTIVITY_RADIUS))
        return around[some][sound[some]]

    def compute(
        self, window: Window, image: Tensor, mask: Tensor, function: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        around = self.model.run(function, image.contiguous(memory_format=torch.channels_last), mask, border="replicate")
        return around[(..., *window.within(self.source(window)).slices)].cpu()

    def calm(self, read: Callable[[Window], tuple[Tensor, Tensor]]) -> float | None:
        """The limit for a photograph: noise is everywhere, so what is removed from its calmest parts is noise.

        Args:
            read: returns the image and the mask of `source(window)`, as for a call.
        """
        measured = torch.cat([self.activity(window, *read(self.source(window))) for window in spread(*self.size)])
        return CHANGE_LIMIT * measured.quantile(CALM_SHARE).item() if len(measured) else None


def spread(height: int, width: int) -> list[Window]:
    """A few windows spread evenly over a photograph of any size."""
    sides = tuple(min(SAMPLE_SIDE, length) for length in (height, width))
    tops, lefts = (
        sorted({round((length - side) * k / (SAMPLES_PER_AXIS - 1)) for k in range(SAMPLES_PER_AXIS)})
        for length, side in zip((height, width), sides, strict=True)
    )
    return [Window(top, left, *sides) for top in tops for left in lefts]


def read_damage(mask: Picture, window: Window) -> Tensor:
    """Damage (1, 1, h, w): 1 where a mask is light, else 0."""
    return (mask.read(window)[:, :1] > 0.5).float()
