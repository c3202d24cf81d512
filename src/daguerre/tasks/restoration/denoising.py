"""Remove grain, noise, halftones and compression artifacts from a photograph of any size."""

from torch import Tensor

from daguerre.images import Picture
from daguerre.images.filters import reach_of, sharpened
from daguerre.images.window_map import map_windows
from daguerre.progress import ProgressCallback, silent
from daguerre.tiling import Window
from daguerre.weights import Model
from daguerre.weights.model import up_to_multiple

__all__ = ["MODEL", "denoise"]

MODEL = "texture"


def denoise(photo: Picture, model: Model, progress: ProgressCallback = silent, *, blur: float = 0.0) -> Picture:
    """Remove grain and noise from a photograph; the result has 16 bits.

    Args:
        blur: sigma in pixels of its Gaussian blur, which is undone first. Deconvolution amplifies noise, so a blurred
            photograph is denoised before and after.
    """

    def compute(window: Window, colours: Tensor) -> Tensor:
        return model(sharpened(colours, blur).clamp(0, 1) if blur else colours, border="replicate")

    halo = up_to_multiple(model.halo + (reach_of(blur) if blur else 0), model.multiple)
    return map_windows(
        photo,
        compute,
        step="deblurring" if blur else "denoising",
        side=model.window_side(halo=halo),
        halo=halo,
        bits=16,
        progress=progress,
    )
