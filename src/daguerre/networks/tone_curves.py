"""The network that predicts tone curves against fading from a reduced copy, and how curves are applied."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["ToneCurves", "apply_curves", "blend_curves", "extremes", "stretched_curves"]

LUMA = (0.299, 0.587, 0.114)
TAIL_SHARE = 0.005  # fraction of the pixels beyond each of a channel's extreme tones (percentiles)
STRETCH_RIM = 0.02  # fraction of the range that a stretch leaves to the tones beyond them
EVEN_SHARE = 0.2  # flattest fraction of the copy, where vignetting is estimated
LIGHT_FIELD_CHANNELS = 4  # channels of the light field estimated from it
STRETCH_SEGMENTS = 64  # segments of a stretched curve
MAX_LOG_SLOPE = 3.0  # bound on the log slope of a segment, before normalization


class Residual(nn.Module):
    """Two 3x3 convolutions with a ReLU between them, added to the input; no normalization, replicated edges."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = same(features, features)
        self.conv2 = same(features, features)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.leaky_relu(self.conv1(x), 0.1))  # type: ignore[no-any-return]


def same(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, padding_mode="replicate")


class ToneCurves(nn.Module):
    """Predicts tone curves for every part of a photograph from a copy of the whole, reduced to a square.

    A grid of curves, like HDRnet's bilateral grid of affine maps (Gharbi et al. 2017, https://arxiv.org/abs/1707.02880,
    section 3), for each channel and each of `cells` x `cells` parts of the picture.
    Differs from HDRnet: curves instead of affine maps, so that results cannot leave [0, 1]; cells are blended by cubic
    B-splines, which leave no kinks in a sky; further inputs are histograms of the whole copy, which show black point,
    white point and casts; pixel coordinates; and how even areas darken across the picture, which tells vignetting from
    shadow (after Zheng et al. 2008, Single-image vignetting correction using radial gradient symmetry).

    With any weights a curve is piecewise linear and rises from (0, 0) to (1, 1): nothing is clipped, and the order of
    tones stays. All are the identity at initialization. Of a copy whose channels are equal, the three curves are equal.

    By design the result depends on the whole picture, and only through the reduced copy.

    Args:
        side: of the copy in pixels, a multiple of 16.
        features: channels after the first convolution; doubled with each halving, up to four times as many.
        cells: grid cells along each axis.
        segments: of each curve.
        bins: of each histogram.

    Raises:
        ValueError: `side` is not a multiple of 16.
    """

    def __init__(
        self, *, side: int = 64, features: int = 24, cells: int = 6, segments: int = 16, bins: int = 32
    ) -> None:
        super().__init__()
        if side % 16:
            raise ValueError(f"side is {side}; it must be a multiple of 16")
        self.side, self.cells, self.segments, self.bins = side, cells, segments, bins
        wide = 4 * features
        self.places = nn.Conv2d(3, features, 1, stride=2, bias=False)
        self.tilt = nn.Linear(2 * cells**2, wide, bias=False)
        self.field = nn.Linear(2 * cells**2, LIGHT_FIELD_CHANNELS * cells**2)
        self.lift = nn.Conv2d(LIGHT_FIELD_CHANNELS, wide, 1, bias=False)
        self.body = nn.Sequential(
            same(3, features, 2),
            nn.LeakyReLU(0.1),
            same(features, 2 * features, 2),
            nn.LeakyReLU(0.1),
            same(2 * features, wide, 2),
            nn.LeakyReLU(0.1),
            Residual(wide),
        )
        self.summary = nn.Sequential(
            nn.Linear(4 * bins + 2 * wide, wide), nn.LeakyReLU(0.1), nn.Linear(wide, wide), nn.LeakyReLU(0.1)
        )
        self.merge = nn.Conv2d(2 * wide, wide, 1)
        self.whole = nn.Linear(wide, 3 * segments)
        self.parts = nn.Conv2d(wide, 3 * segments, 1)
        for head in (self.whole, self.parts):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]
        for late in (self.places, self.tilt, self.lift):
            nn.init.zeros_(late.weight)

    def forward(self, image: Tensor) -> Tensor:
        """Curves of `image` (B, 3, side, side) in [0, 1].

        Returns:
            Values of the curves at `segments` + 1 even steps from 0 to 1: (B, 3, segments + 1, cells, cells), in
            [0, 1], rising along the third axis.
        """
        batch = len(image)
        y, x = torch.meshgrid(*[torch.linspace(-1, 1, self.side, device=image.device).to(image)] * 2, indexing="ij")
        first = self.body[0](image - 0.5) + self.places(torch.stack([x.square(), y.square(), y])[None])
        local = self.body[1:](first)  # (B, 4 features, side / 8, side / 8)
        spread = torch.cat([local.mean((2, 3)), local.amax((2, 3))], 1)
        slopes = self.slopes(image)
        about = self.summary[0](torch.cat([self.histograms(image), spread], 1)) + self.tilt(slopes)
        about = self.summary[1:](about)  # (B, 4 features)
        cells = F.adaptive_avg_pool2d(local, self.cells)
        joined = torch.cat([cells, about[..., None, None].expand_as(cells)], 1)
        merged = self.merge(joined) + self.lift(
            self.field(slopes).unflatten(1, (LIGHT_FIELD_CHANNELS, self.cells, self.cells))
        )
        steepness = self.whole(about)[..., None, None] + self.parts(F.leaky_relu(merged, 0.1))
        steepness = steepness.view(batch, 3, self.segments, self.cells, self.cells)
        grey = (image == image[:, :1]).flatten(1).all(1).view(batch, 1, 1, 1, 1)
        steepness = torch.where(grey, steepness.mean(1, keepdim=True), steepness).float()
        rises = (MAX_LOG_SLOPE * torch.tanh(steepness / MAX_LOG_SLOPE)).softmax(2)
        return F.pad(rises.cumsum(2), (0, 0, 0, 0, 1, 0)).clamp(max=1)

    def slopes(self, image: Tensor) -> Tensor:
        """Vertical and horizontal gradient of log lightness in each cell, where it is smallest.

        Edges hardly count: uneven light and vignetting show in the even areas.

        Returns:
            (B, 2 * cells * cells) in [-4, 4].
        """
        light = (image * image.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
        black = 0.9 * light.flatten(1).quantile(TAIL_SHARE, dim=1).view(-1, 1, 1, 1).clamp(max=0.9)
        bright = ((light - black) / (1 - black)).clamp(min=0.02).log()
        bright = F.avg_pool2d(F.pad(bright, (2, 2, 2, 2), mode="replicate"), 2, 1)  # (B, 1, side + 3, side + 3)
        bright = F.avg_pool2d(bright, 2, 1)  # (B, 1, side + 2, side + 2)
        down = (bright[..., 2:, 1:-1] - bright[..., :-2, 1:-1]) / 2
        across = (bright[..., 1:-1, 2:] - bright[..., 1:-1, :-2]) / 2
        steep = (down.square() + across.square()).sqrt()
        usual = steep.flatten(1).quantile(EVEN_SHARE, dim=1).view(-1, 1, 1, 1).clamp(min=1e-4)
        weight = (1 + (steep / usual).square()) ** -2
        means = F.adaptive_avg_pool2d(torch.cat([down * weight, across * weight, weight], 1), self.cells)
        return (self.side * means[:, :2] / means[:, 2:].clamp(min=1e-3)).clamp(-4, 4).flatten(1)

    def histograms(self, image: Tensor) -> Tensor:
        """Square roots of the histograms of red, green, blue and lightness: (B, 4 bins)."""
        light = (image * image.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
        scaled = torch.cat([image, light], 1).flatten(2).clamp(0, 1) * (self.bins - 1)  # (B, 4, pixels)
        below = scaled.floor().clamp(max=self.bins - 2)
        above, index = scaled - below, below.long()  # each tone is shared between the two nearest bins
        counts = scaled.new_zeros(*scaled.shape[:2], self.bins)
        counts = counts.scatter_add(2, index, 1 - above).scatter_add(2, index + 1, above)
        return (counts / scaled.shape[2]).clamp(min=1e-6).sqrt().flatten(1)


def apply_curves(image: Tensor, curves: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Apply to every pixel the curve at its position.

    A result depends only on the pixel, its position and the curves, to the last bit, so windows equal the whole.

    Args:
        image: (B, C, h, w) in [0, 1], C being 1 or 3.
        curves: (B, C, K, cells, cells), from `ToneCurves`.
        rows, columns: centers of the pixels (h,) and (w,), as parts of the whole picture's height and width.

    Returns:
        (B, C, h, w) in [0, 1].
    """
    steps, cells = curves.shape[2] - 1, curves.shape[-1]
    down, across = (spline_weights(places, cells).to(image) for places in (rows, columns))  # (h, cells), (w, cells)
    scaled = image.clamp(0, 1) * steps
    below = scaled.detach().floor().clamp(max=steps - 1)
    above, index = scaled - below, below.long()
    made = torch.zeros_like(image)
    for column in range(cells):
        here = across[:, column].nonzero()[:, 0]
        if not len(here):
            continue
        span = slice(int(here[0]), int(here[-1]) + 1)
        table = torch.zeros_like(curves[..., :1, 0]).expand(-1, -1, -1, len(rows))  # (B, C, K, h)
        for row in range(cells):  # a fixed order of summation; the rounding of a matrix product depends on its size
            table = table + curves[..., row, column, None] * down[:, row]
        table = table.transpose(2, 3)  # (B, C, h, K)
        lower = table.gather(3, index[..., span])
        upper = table.gather(3, index[..., span] + 1)
        part = (lower + (upper - lower) * above[..., span]) * across[span, column]
        made = made + F.pad(part, (span.start, image.shape[3] - span.stop))
    return made.clamp(0, 1)


def stretched_curves(
    network: ToneCurves, image: Tensor, far: float, share: float = 1.0, *, inside: Tensor | None = None
) -> Tensor:
    """Curves predicted by `network` after each channel's extreme tones have moved towards black and white.

    That undoes even losses of contrast, overall and per channel, which need not be learned.

    Args:
        image: (B, 3, side, side) in [0, 1].
        far: how far the extremes move, in [0, 1].
        share: strength of the network's own correction afterwards, in [0, 1].
        inside: the part of the image in which the extremes are measured; by default all of it.

    Returns:
        Both steps in one: (B, 3, KNOTS + 1, cells, cells), as from `ToneCurves`.
    """
    low, high = extremes(image if inside is None else inside)
    low, high = far * low, 1 - far * (1 - high)
    curves = blend_curves(network(stretch(image.flatten(2), low, high).view_as(image)), share)
    steps = torch.linspace(0, 1, STRETCH_SEGMENTS + 1, device=image.device).expand(*image.shape[:2], -1)
    return compose(curves, stretch(steps, low, high))


def extremes(image: Tensor) -> tuple[Tensor, Tensor]:
    """Low and high percentile (`TAIL_SHARE`) of each channel of `image` (B, C, H, W): (B, C, 1) each.

    They are at least a tenth apart.
    """
    tones = image.flatten(2)
    few = round(TAIL_SHARE * (tones.shape[2] - 1))
    low, high = (tones.kthvalue(k, dim=2, keepdim=True).values for k in (1 + few, tones.shape[2] - few))
    low = low.clamp(max=0.85)
    return low, torch.maximum(high, low + 0.1)


def stretch(tones: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Tones (B, C, N), those between `low` and `high` (B, C, 1) spread over nearly all of [0, 1].

    In straight lines through (0, 0), (low, dark), (high, 1 - light), (1, 1); `dark` and `light` are `STRETCH_RIM`, or
    as far from black and white as `low` and `high` are, if that is less.
    """
    low, high = low.clamp(min=1e-4), high.clamp(max=1 - 1e-4)
    dark, light = (room.clamp(max=STRETCH_RIM) for room in (low, 1 - high))
    middle = dark + (tones - low) / (high - low) * (1 - light - dark)
    under, over = tones / low * dark, 1 - (1 - tones) / (1 - high) * light
    return torch.where(tones < low, under, torch.where(tones > high, over, middle)).clamp(0, 1)


def compose(curves: Tensor, tones: Tensor) -> Tensor:
    """`curves` (B, C, K, cells, cells) applied to `tones` (B, C, N) in [0, 1]: (B, C, N, cells, cells)."""
    scaled = tones[..., None, None] * (curves.shape[2] - 1)
    below = scaled.detach().floor().clamp(max=curves.shape[2] - 2)
    index = below.long().expand(-1, -1, -1, *curves.shape[3:])
    lower, upper = curves.gather(2, index), curves.gather(2, index + 1)
    return lower + (upper - lower) * (scaled - below)


def blend_curves(curves: Tensor, strength: float) -> Tensor:
    """Curves between the identity, at a `strength` of 0, and `curves` (…, K, cells, cells), at 1."""
    identity = torch.linspace(0, 1, curves.shape[-3], device=curves.device)[:, None, None]
    return torch.lerp(identity.expand_as(curves), curves, strength)


def spline_weights(places: Tensor, cells: int) -> Tensor:
    """Weight of each of `cells` at `places` (n,) in [0, 1]: (n, cells), from 0, each row summing to 1.

    Cubic B-splines around the centers of the cells; weights beyond the border go to the cell at the border.
    Computed on the CPU, since not every device has float64.
    """
    centre = places.cpu().double() * cells - 0.5
    first = torch.floor(centre)
    weights = torch.zeros(len(places), cells, dtype=torch.float64)
    for tap in range(-1, 3):
        cell = first + tap
        away = (centre - cell).abs()
        near, far = 2 / 3 - away**2 + away**3 / 2, (2 - away).clamp(min=0) ** 3 / 6
        weight = torch.where(away < 1, near, far)
        weights.scatter_add_(1, cell.clamp(0, cells - 1).long()[:, None], weight[:, None])
    return weights.float()
