"""Fading, yellowing, casts and uneven light undone: seen on the whole picture, corrected window by window."""

from dataclasses import dataclass

import torch
from torch import Tensor

from daguerre.images import Picture
from daguerre.images.pixels import luma
from daguerre.images.resize import read_resized
from daguerre.networks.tone_curves import ToneCurves, apply_curves, blend_curves, extremes, stretched_curves
from daguerre.tasks.restoration.tint import Tint
from daguerre.tiling import Window
from daguerre.weights import Model

__all__ = ["MODEL", "USUAL", "Caution", "ToneCorrection"]

MODEL = "tone"


@dataclass(frozen=True)
class Caution:
    """How far tones are corrected on which evidence.

    The ends of the tones are moved before the network looks, for it has learnt little of strong casts: with five laid
    over 21 photographs it reaches 17.9 dB by itself, 19.6 so, and 25.3 if told that they have faded; where these are
    aged in six ways 25.2, 25.0 and 22.9; and new ones keep 54.5 and 57.1 dB in the first two cases
    (benchmarks/quality/tones.py).

    Args:
        told_stretch: how far the ends move where the tones are known to have changed, of the way to black and white.
        told_share: how much of what the network then wants is done.
        most_stretch: how far they move at most where nobody knows.
        plain_change: mean change by the network alone from which they move that far.
        slight_change: a smaller one is as often wrong as right, so the smaller it is, the less of it is made. That
            costs aged photographs 0.1 dB; new ones keep 57.1 dB instead of 54.5, the worst but one 41 instead of 35.
    """

    told_stretch: float = 0.85
    told_share: float = 0.5
    most_stretch: float = 0.5
    plain_change: float = 0.13
    slight_change: float = 0.03


USUAL = Caution()


@dataclass(frozen=True)
class ToneCorrection:
    """What becomes of the tones of one picture, wherever in it; made by `estimate`.

    Applied to a window it looks at nothing but each pixel and its place, so windows fit together to the last bit. It
    sends [0, 1] into [0, 1], leaves black black and white white, never turns the order of tones around, and keeps
    grey grey wherever the picture is grey as a whole.

    Args:
        height, width: of the picture in pixels.
        curves: as `ToneCurves` gives them, (1, 3, K, cells, cells); for lightness alone (1, 1, K, cells, cells).
        change: mean absolute difference that it makes, in [0, 1].
        pale: how far the darkest and the lightest tones then are from black and white, both together, in [0, 1].
        tint: of a print without colour. Curves of three channels would turn sepia blue or green here and there.
    """

    height: int
    width: int
    curves: Tensor
    change: float
    pale: float
    tint: Tint | None = None

    @classmethod
    @torch.inference_mode()
    def estimate(
        cls,
        picture: Picture,
        model: Model,
        *,
        changed: bool = False,
        keep_colour: bool = False,
        caution: Caution = USUAL,
    ) -> "ToneCorrection":
        """Look at a reduced copy of a picture; however large that is, it is read strip by strip.

        Args:
            model: a `ToneCurves`; runs in float32.
            changed: the tones have surely changed. Else they may be as they were: a pale picture may be pale by nature,
                and only where the network sees that much has changed more is done than it asks for.
            keep_colour: correct lightness alone: every pixel keeps its hue, and its saturation as far as its new
                lightness allows; the yellow of paper and the brown of a sepia print stay as they are.

        Raises:
            UnreadablePicture: the file is damaged.
        """
        network = model.expect(ToneCurves)
        copy, _ = read_resized(picture, network.side, network.side)
        if keep_colour or picture.grey:
            copy = luma(copy).expand(-1, 3, -1, -1)
        image, places = copy.to(model.device.torch_device), (torch.arange(network.side) + 0.5) / network.side
        tint = Tint.of(copy)

        def correct(curves: Tensor) -> tuple[Tensor, float]:
            made = apply_curves(copy, curves, places, places)
            made = tint.kept(copy, made) if tint else made
            return made, (made - copy).abs().mean().item()

        if changed:
            curves = stretched_curves(network, image, caution.told_stretch, caution.told_share).cpu()
            share = 1.0
        else:
            evidence = min(correct(network(image).cpu())[1] / caution.plain_change, 1)
            curves = stretched_curves(network, image, caution.most_stretch * evidence).cpu()
            share = min(correct(curves)[1] / caution.slight_change, 1.0)
        curves = blend_curves(curves, share)
        made, change = correct(curves)
        dark, light = extremes(made)
        pale = (dark + 1 - light).mean().item()
        return cls(picture.height, picture.width, curves[:, :1] if keep_colour else curves, change, pale, tint)

    def __call__(self, window: Window, image: Tensor) -> Tensor:
        """Correct the pixels `image` (1, 3, h, w) in [0, 1] of a window; gives (1, 3, h, w) in [0, 1]."""
        rows = (torch.arange(window.top, window.bottom) + 0.5) / self.height
        columns = (torch.arange(window.left, window.right) + 0.5) / self.width
        curves = self.curves.to(image)
        if curves.shape[1] == image.shape[1]:
            made = apply_curves(image, curves, rows, columns)
            return self.tint.kept(image, made) if self.tint else made
        light = luma(image)
        return relit(image, light, apply_curves(light, curves, rows, columns))


def relit(image: Tensor, light: Tensor, wanted: Tensor) -> Tensor:
    """Give every pixel another lightness and keep its hue; and its saturation, unless a channel would leave [0, 1].

    Args:
        image: (B, 3, H, W) in [0, 1].
        light: its lightness (B, 1, H, W).
        wanted: the lightness of the result (B, 1, H, W) in [0, 1].
    """
    colour = (image - light) * (wanted / light.clamp(min=1e-6))
    room = (1 - wanted) / colour.amax(1, keepdim=True).clamp(min=1e-6)
    return (wanted + colour * room.clamp(max=1)).clamp(0, 1)
