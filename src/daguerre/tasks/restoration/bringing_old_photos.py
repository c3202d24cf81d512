"""Microsoft's published networks, "Bringing Old Photos Back to Life", on photographs of any size.

Wan et al. 2020, https://arxiv.org/abs/2004.09484, and 2022, https://arxiv.org/abs/2009.07047. A photograph is encoded
by the autoencoder of old photographs, its latent map is translated, and the result is decoded by the autoencoder of
clean ones.

Differs from the published program, which resizes a picture to a multiple of the network's stride and stretches the
brightness of each result: here the border is mirrored up to the multiple and cropped again, and brightness is left as
the networks output it. The detector runs at full size, not at a short side of 256 pixels.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre import weights
from daguerre.devices import Device
from daguerre.errors import OptionError, WeightsNotFound
from daguerre.images import Canvas, Picture
from daguerre.images.pixels import luma
from daguerre.images.streaming import Meter, padded, rows_of
from daguerre.images.visible import read_colours
from daguerre.networks.bringing_old_photos.vae import PhotoVAE
from daguerre.progress import ProgressCallback, silent
from daguerre.tiling import Rows, Streaming, Window, plan_windows

__all__ = ["Filling", "PublishedDetector", "PublishedRestorer", "models", "require"]

Filling = Literal["attention", "patches"]
"""How damage is filled: with a mean over all undamaged places weighted by similarity (2020), or with copies of the most
similar patches (2022), which the published program uses for large pictures."""

OLD, CLEAN, CLEAN_SCRATCHED = "microsoft-vae-a-quality", "microsoft-vae-b-quality", "microsoft-vae-b-scratch"
QUALITY = (OLD, "microsoft-mapping-quality", CLEAN)
FILLING: dict[Filling, tuple[str, str, str]] = {
    "attention": (OLD, "microsoft-mapping-scratch", CLEAN_SCRATCHED),
    "patches": (OLD, "microsoft-mapping-patch-attention", CLEAN_SCRATCHED),
}
DETECTOR = "microsoft-scratch-detection"
GROWN = {"attention": 0, "patches": 3}  # pixels by which the published program dilates the mask, for each filling
SMALLEST = 8  # pixels: the autoencoder mirrors the border of its quarter-size map, which must be two pixels wide


def models(filling: Filling | None) -> tuple[str, str, str]:
    """Names of the weights of encoder, translation and decoder; without `filling`, those for undamaged pictures."""
    return FILLING[filling] if filling else QUALITY


def require(names: Sequence[str]) -> None:
    """Make sure that weights are on this computer.

    Raises:
        WeightsNotFound: names all that are missing, and how to get them.
    """
    missing = []
    for name in dict.fromkeys(names):
        try:
            weights.find(name)
        except WeightsNotFound:
            missing.append(name)
    if missing:
        listed = " ".join(missing)
        raise WeightsNotFound(
            f"Microsoft's networks are not in {weights.weights_folder()}; "
            f"fetch them with `daguerre models fetch {listed}`"
        )


class PublishedRestorer:
    """Restores photographs with Microsoft's networks, keeping them loaded between pictures.

    Args:
        device: where to compute, in float32: results in bfloat16 agree with it only to 28 to 32 dB.
        filling: how to fill the damage that a mask marks; None if there will be no masks.

    Raises:
        WeightsNotFound: names all weights that are missing, and how to get them.
    """

    def __init__(self, device: Device, *, filling: Filling | None = "attention") -> None:
        require([*models(None), *models(filling)])
        self.device, self.filling = replace(device, dtype=torch.float32), filling
        self.networks: dict[str, nn.Module] = {}

    def network(self, name: str) -> nn.Module:
        if name not in self.networks:
            self.networks[name] = self.device.place(weights.load(name).network)
        return self.networks[name]

    @torch.inference_mode()
    def __call__(
        self, picture: Picture, mask: Picture | None = None, *, progress: ProgressCallback = silent
    ) -> Picture:
        """Restore a photograph, keeping its size, bit depth, profile, metadata and transparency; gray stays neutral.

        Args:
            mask: the damage, as a picture of the same size, light where damaged. Without a mask, or with a black one,
                nothing is filled.

        Raises:
            OptionError: the mask has another size, or no filling was chosen.
        """
        filling = self.filling_for(picture, mask)
        damage = Damage(mask, GROWN[filling]) if mask is not None and filling else None
        encoder, translation, decoder = (self.network(name) for name in models(filling))
        meter = Meter(progress)
        streaming = Streaming(device=self.device.torch_device, after_strip=meter)
        multiple = PhotoVAE.multiple * int(getattr(translation, "multiple", 1))
        image = padded(colours_of(picture, damage, streaming), multiple, SMALLEST)
        latent = meter.measured("encoding", SMALLEST, cast(PhotoVAE, encoder).encode, image).settled()
        beside = [padded(damage.rows(streaming), multiple, SMALLEST)] if damage else []
        clean = meter.measured("translating", SMALLEST, translation, latent, *beside).settled()
        made = meter.measured("decoding", SMALLEST, cast(PhotoVAE, decoder).decode, clean)
        canvas = Canvas(picture.height, picture.width, bits=picture.bits, grey=picture.grey, alpha=picture.alpha)
        for window, strip in meter.strips(made, picture):
            canvas.write(window, strip)
            if picture.alpha:
                canvas.write_alpha(window, picture.read_alpha(window))
        return canvas.picture(like=picture)

    def filling_for(self, picture: Picture, mask: Picture | None) -> Filling | None:
        """How to fill the damage; None if there is none."""
        if mask is None:
            return None
        if (mask.height, mask.width) != (picture.height, picture.width):
            raise OptionError(
                f"the mask has {mask.width} x {mask.height} pixels, the photograph {picture.width} x {picture.height}; "
                "they must be of one size"
            )
        windows = plan_windows(mask.height, mask.width, 1024)
        if not any(damaged(mask, window).any() for window in windows):
            return None
        if self.filling is None:
            raise OptionError("this restorer was made without a filling for damaged places; choose one")
        return self.filling


class PublishedDetector:
    """Probability that each pixel is part of a scratch, from Microsoft's network at full size.

    With its halo of 157 pixels, windows would cost six times the work, so the photograph is streamed by rows.

    Args:
        device: where to compute.
        network: the detector, if already loaded.

    Raises:
        WeightsNotFound: names the weights that are missing, and how to get them.
    """

    threshold = 0.4
    """Probability from which the published program counts a pixel as scratched."""

    def __init__(self, device: Device, network: nn.Module | None = None) -> None:
        if network is None:
            require([DETECTOR])
            network = weights.load(DETECTOR).network
        self.device = device
        self.network = device.place(network)

    @torch.inference_mode()
    def __call__(self, picture: Picture, *, progress: ProgressCallback = silent) -> Canvas:
        """Probabilities: gray, 255 = certainly scratched."""
        meter = Meter(progress)
        streaming = Streaming(device=self.device.torch_device, after_strip=meter)
        multiple = int(getattr(self.network, "multiple", 1))
        smallest = 2 * multiple  # it mirrors the border of its smallest map, which takes two pixels
        image = padded(colours_of(picture, None, streaming), multiple, smallest)
        canvas = Canvas(picture.height, picture.width, grey=True)
        with self.device.autocast():
            logits = meter.measured("finding scratches", smallest, self.network, image)
            for window, strip in meter.strips(logits, picture):
                canvas.write(window, strip.float().sigmoid())
        return canvas


class Damage:
    """The damage of a photograph: a mask, dilated by some pixels."""

    def __init__(self, mask: Picture, grown: int) -> None:
        self.mask, self.grown = mask, grown

    def read(self, window: Window) -> Tensor:
        """1 where damaged, else 0: (1, 1, h, w)."""
        around = window.grown(self.grown, self.mask.height, self.mask.width)
        wide = F.max_pool2d(damaged(self.mask, around), 2 * self.grown + 1, stride=1, padding=self.grown)
        return wide[(..., *window.within(around).slices)]

    def rows(self, streaming: Streaming) -> Rows:
        return rows_of(self.mask, 1, self.read, streaming)


def damaged(mask: Picture, window: Window) -> Tensor:
    """1 where the mask is light, else 0: (1, 1, h, w)."""
    return (luma(mask.read(window)) > 0.5).float()


def colours_of(picture: Picture, damage: Damage | None, streaming: Streaming) -> Rows:
    """A photograph by rows, white where it is damaged, as in the networks' training."""

    def read(window: Window) -> Tensor:
        colours, _ = read_colours(picture, window)
        return colours if damage is None else torch.maximum(colours, damage.read(window))

    return rows_of(picture, 3, read, streaming)
