"""How blurred a photograph is as a whole, measured at the sharpest edges in it."""

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
REBLUR_SIGMA = 1.0  # pixels: deviation of the Gaussian that it is blurred with once more
RATIO_HALO = 5  # pixels on each side that a ratio depends on
MIN_SLOPE = 0.02  # slope of an edge then, in lightness per pixel, from which it counts
SHARPNESS_QUANTILE = 0.9  # of the edges are less sharp than those that tell
MIN_EDGES = 100  # edges that there must be
HISTOGRAM_BINS = 600
HISTOGRAM_MAX = 6.0
# What is found is three quarters of a Gaussian's deviation (21 photographs, blurred by 0.8 to 2.5 pixels: 0.63, 0.75,
# 0.88, 1.18, 1.49, 1.91 in the middle, with grain, noise or compression cleaned before it little less), for a line is
# steeper than an edge. Sharp ones come to 0.29 to 0.65, blurred by 1.2 pixels to 0.76 to 1.20.
SEEN_OF_SIGMA = 0.75
MAX_SIGMA = 4.0  # pixels: the widest blur that is undone


def measure_edges(photo: Picture) -> float:
    """How wide the sharpest edges of a photograph without noise are, as steps blurred by a Gaussian.

    Every edge is blurred once more, and how much less steep it then is tells how steep it was: by a factor of
    sqrt(1 + (1/s)^2) if it was a step blurred by s pixels (Zhuo and Sim 2011, "Defocus map estimation from a single
    image"). What is out of focus is soft in a sharp photograph, too; where all is blurred nothing is sharp. So the
    sharpest tenth of the edges tells, and where that is sharp the photograph is. It is read window by window, and the
    answer does not depend on the windows.

    Returns:
        The Gaussian's deviation in pixels, at most WIDEST; 0 if there are hardly any edges. From
        `daguerre.images.filters.BLURRED` on the photograph counts as blurred.

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
    """How much steeper each edge is than after blurring once more: (n,), clamped to the histogram.

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
    """Lightness per pixel downwards and to the right, by the pixels before and after."""
    wide = F.pad(light, (1, 1, 1, 1), mode="replicate")
    down = (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]) / 2
    return down, (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]) / 2
