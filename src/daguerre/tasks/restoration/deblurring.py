"""Measure how blurred a photograph is as a whole, by its sharpest edges."""

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.images import Picture
from daguerre.images.filters import gaussian
from daguerre.images.pixels import luma
from daguerre.images.visible import read_colours
from daguerre.tiling import Window, plan_windows

__all__ = ["MAX_SIGMA", "measure_edges"]

WINDOW_SIDE = 1024  # pixels of a window
REBLUR_SIGMA = 1.0  # pixels; sigma of the Gaussian that it is blurred with again
RATIO_HALO = 5  # pixels on each side that a ratio depends on
MIN_SLOPE = 0.02  # minimum slope of an edge after that, in lightness per pixel
SHARPNESS_QUANTILE = 0.9  # of the edges are less sharp than those that decide
MIN_EDGES = 100  # minimum number of edges
HISTOGRAM_BINS = 600
HISTOGRAM_MAX = 6.0
# The measurement is three quarters of a Gaussian's sigma (21 photographs, blurred by 0.8 to 2.5 pixels: median 0.63,
# 0.75, 0.88, 1.18, 1.49, 1.91; little less after grain, noise or compression is cleaned), since a line is steeper than
# an edge. Sharp ones come to 0.29 to 0.65, blurred by 1.2 pixels to 0.76 to 1.20.
SEEN_OF_SIGMA = 0.75
MAX_SIGMA = 4.0  # pixels; the widest blur that is undone


def measure_edges(photo: Picture) -> float:
    """Measure the width of the sharpest edges of a noise-free photograph, as steps blurred by a Gaussian.

    Every edge is blurred again, and the decrease in its slope tells how steep it was: a factor of sqrt(1 + (1/s)^2) for
    a step blurred by s pixels (Zhuo and Sim 2011, "Defocus map estimation from a single image"). Even a sharp
    photograph has soft edges where it is out of focus; a blurred one has no sharp edge. So the sharpest tenth of the
    edges decides. The photograph is read window by window, and the result does not depend on the windows.

    Returns:
        The Gaussian's sigma in pixels, at most `MAX_SIGMA`; 0 if there are hardly any edges. From
        `daguerre.images.filters.BLURRED_SIGMA` on, the photograph counts as blurred.

    Raises:
        UnreadablePicture: the file is damaged.
    """
    counts = torch.zeros(HISTOGRAM_BINS, dtype=torch.float64)
    for window in plan_windows(photo.height, photo.width, WINDOW_SIDE):
        source = window.grown(RATIO_HALO, photo.height, photo.width)
        ratios = edge_ratios(luma(read_colours(photo, source)[0]), window.within(source))
        counts += torch.histc(ratios, bins=HISTOGRAM_BINS, min=0, max=HISTOGRAM_MAX).double()
    if counts.sum() < MIN_EDGES:
        return 0.0
    place = int((counts.cumsum(0) < SHARPNESS_QUANTILE * counts.sum()).sum())
    ratio = (place + 0.5) * HISTOGRAM_MAX / HISTOGRAM_BINS
    measured = REBLUR_SIGMA / max(ratio**2 - 1, 1e-3) ** 0.5
    return min(round(float(measured) / SEEN_OF_SIGMA, 2), MAX_SIGMA)


def edge_ratios(light: Tensor, window: Window) -> Tensor:
    """Ratio of each edge's slope to that after blurring again: (n,), clamped to the histogram.

    Args:
        light: (1, 1, h, w) in [0, 1].
        window: where in it edges count.
    """
    soft = gaussian(light, REBLUR_SIGMA)
    (down, across), (soft_down, soft_across) = slopes(light), slopes(soft)
    steep = torch.hypot(soft_down, soft_across)
    around = F.pad(steep, (1, 1, 1, 1))
    upright = steep >= torch.maximum(around[..., 1:-1, :-2], around[..., 1:-1, 2:])
    level = steep >= torch.maximum(around[..., :-2, 1:-1], around[..., 2:, 1:-1])
    edge = torch.where(soft_across.abs() >= soft_down.abs(), upright, level) & (steep > MIN_SLOPE)
    along = (down * soft_down + across * soft_across) / steep.square().clamp(min=1e-12)
    rows, columns = window.slices
    return along[..., rows, columns][edge[..., rows, columns]].clamp(0, HISTOGRAM_MAX - 1e-3)


def slopes(light: Tensor) -> tuple[Tensor, Tensor]:
    """Slope in lightness per pixel downwards and to the right, from the pixels before and after."""
    wide = F.pad(light, (1, 1, 1, 1), mode="replicate")
    down = (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]) / 2
    return down, (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]) / 2
