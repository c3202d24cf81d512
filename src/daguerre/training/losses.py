"""Training losses: small modules that are summed.

Images are (B, 3, H, W) in [0, 1]; `made` is a network's output, `wanted` the target; every loss is a scalar.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "KL",
    "L1",
    "Charbonnier",
    "Dice",
    "FeatureMatching",
    "GANLoss",
    "Grid",
    "Hinge",
    "LeastSquares",
    "Perceptual",
    "RelativisticAverage",
    "TotalVariation",
    "Vanilla",
    "WeightedSum",
    "content_distance",
    "gram",
    "log_mse",
    "sorted_colours",
]

FAINT = 1e-3  # length of features below which their direction does not count
MSE_FLOOR = 3e-5  # mean square error below which `log_mse` hardly falls: 45 dB


class L1(nn.Module):
    """Mean absolute difference: mean |a - b|. From 0. By hand: 0.5 against 0.25 everywhere is 0.25."""

    def forward(self, made: Tensor, wanted: Tensor) -> Tensor:
        return (made - wanted).abs().mean()


class Charbonnier(nn.Module):
    """An L1 that is smooth at 0: mean of sqrt((a - b)² + ε²). From ε.

    By hand: with ε = 0.003, a difference of 0.004 everywhere is 0.005.
    Lai et al. 2017, https://arxiv.org/abs/1704.03915, eq. 4.
    """

    def __init__(self, epsilon: float = 1e-3) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, made: Tensor, wanted: Tensor) -> Tensor:
        return ((made - wanted).square() + self.epsilon**2).sqrt().mean()


class Dice(nn.Module):
    """Dice loss of two masks: 1 - (2 Σ a b + s) / (Σ a + Σ b + s), summed over a batch, averaged over channels.

    Between 0, equal masks of zeros and ones, and nearly 1. It counts only the rare damaged pixels, however many
    undamaged ones there are. By hand: with s = 0, 0.5 everywhere against ones in one half is 1 - 2 · 0.25 / (0.5 + 0.5)
    = 0.5. Milletari et al. 2016, https://arxiv.org/abs/1606.04797, sec. 3, without the squares.

    Args:
        smooth: s in pixels; it keeps batches without damage from mattering much.
    """

    def __init__(self, smooth: float = 100.0) -> None:
        super().__init__()
        self.smooth = smooth

    def forward(self, made: Tensor, wanted: Tensor) -> Tensor:
        both, either = (x.sum(dim=(0, 2, 3)) for x in (made * wanted, made + wanted))
        return (1 - (2 * both + self.smooth) / (either + self.smooth)).mean()


def log_mse(made: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Mean over a batch of log10 of each image's mean square error, so that slight grain counts as much as holes.

    From log10 of `MSE_FLOOR`. By hand: a difference of 0.1 everywhere is -2.

    Args:
        weight: (B, 1, H, W), 1 for pixels that count and 0 for those that do not.
    """
    squares = ((made - wanted).square() * weight).sum((1, 2, 3))
    mse = squares / (made.shape[1] * weight.sum((1, 2, 3))).clamp(min=1)
    return (mse + MSE_FLOOR).log10().mean()


class TotalVariation(nn.Module):
    """Total variation: mean |right neighbor - pixel| + mean |lower neighbor - pixel|. In [0, 2].

    The target is not used. By hand: alternating columns of 0 and 1 have 1, a checkerboard has 2. Rudin et al. 1992, in
    its anisotropic form.
    """

    def forward(self, made: Tensor, wanted: Tensor) -> Tensor:
        return made.diff(dim=3).abs().mean() + made.diff(dim=2).abs().mean()


class Grid(nn.Module):
    """Grid artifacts of upsampled feature maps that are not in the target. From 0.

    In squares of `BLOCKS` x `BLOCKS` cells of the difference, pixels at the same position in their cells are averaged,
    which leaves what the cells share; the loss is the variance of that. By hand: alternating columns of 1 and 0 against
    0 everywhere have 0.25; a constant difference has 0.

    Args:
        period: side of a cell in pixels.
    """

    BLOCKS = 8

    def __init__(self, period: int) -> None:
        super().__init__()
        self.period = period

    def forward(self, made: Tensor, wanted: Tensor) -> Tensor:
        rows, columns = (min(self.BLOCKS, side // self.period) for side in made.shape[2:])
        height, width = rows * self.period, columns * self.period
        squares = (made - wanted).unfold(2, height, height).unfold(3, width, width)  # (B, C, y, x, height, width)
        cells = squares.reshape(*squares.shape[:4], rows, self.period, columns, self.period)
        shared = cells.mean((-4, -2))  # (B, C, y, x, period, period)
        return (shared - shared.mean((-2, -1), keepdim=True)).square().mean()


class FeatureMatching(nn.Module):
    """L1 between feature maps, averaged over the maps of each layer, then over layers. From 0.

    By hand: a layer that differs by 1 everywhere and one that does not differ make 0.5.
    Wang et al. 2018 (pix2pixHD), https://arxiv.org/abs/1711.11585, eq. 4, for a discriminator's features.
    """

    def forward(self, made: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
        parts = [(a - b.detach()).abs().mean() for a, b in zip(made, wanted, strict=True)]
        return torch.stack(parts).mean()


class KL(nn.Module):
    """Kullback-Leibler divergence of normal distributions from the standard one: mean of (m² + s² - ln s² - 1) / 2.

    From 0, in nats for each latent number. By hand: mean 1 and variance 1 have 0.5.
    Kingma and Welling 2014, https://arxiv.org/abs/1312.6114, appendix B.
    """

    def forward(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        return (mean.square() + log_variance.exp() - log_variance - 1).mean() / 2


class Perceptual(nn.Module):
    """Difference of two images' features in a pretrained network: a weighted sum over layers. From 0.

    Mean |f(a) - f(b)|, of layers before the activation (`conv5_4`), where features are not yet sparse: Wang et al. 2018
    (ESRGAN), https://arxiv.org/abs/1809.00219, section 3.3. Or of directions, the features of each position scaled to
    length 1: mean over positions of their squared difference, of layers after it (`relu5_3`), as in
    `evaluation.perceptual_distance`. By hand: features (3, 4) against (6, 8) everywhere are 3.5, or 0 of directions.

    Args:
        features: maps an image and layer names to feature maps by name; it is frozen.
        layers: weight of each layer.
        directions: whether directions are compared.
    """

    def __init__(self, features: nn.Module, layers: Mapping[str, float], *, directions: bool = False) -> None:
        super().__init__()
        self.features = features.eval().requires_grad_(False)
        self.layers = dict(layers)
        self.directions = directions

    def forward(self, made: Tensor, wanted: Tensor) -> Tensor:
        with torch.no_grad():
            true = self.features(wanted, list(self.layers))
        seen = self.features(made, list(self.layers))
        parts = [
            weight * self.difference(seen[name].float(), true[name].float()) for name, weight in self.layers.items()
        ]
        return torch.stack(parts).sum()

    def difference(self, seen: Tensor, true: Tensor) -> Tensor:
        """The difference of one layer's features (B, C, H, W)."""
        if not self.directions:
            return (seen - true).abs().mean()
        return (F.normalize(seen, eps=FAINT) - F.normalize(true, eps=FAINT)).square().sum(1).mean()


def gram(features: Tensor) -> Tensor:
    """Gram matrices, as means over positions, of feature maps (B, C, H, W): (B, C, C)."""
    x = features.flatten(2)
    return x @ x.transpose(1, 2) / x.shape[2]


def sorted_colours(image: Tensor, directions: Tensor, count: int) -> Tensor:
    """`count` of the colors of images (B, 3, H, W) projected on directions (D, 3), sorted: (B, D, count)."""
    seen = torch.einsum("bchw,dc->bdhw", image, directions).flatten(2).sort(2).values
    places = torch.linspace(0, seen.shape[2] - 1, count, device=seen.device).round().long()
    return seen[:, :, places]


def content_distance(found: Tensor, wanted: Tensor) -> Tensor:
    """Difference in arrangement of two feature maps (B, C, H, W): mean of (n(a) - n(b))² / 2 for each picture, (B,).

    n subtracts each channel's mean and divides by its deviation, so that colors and contrasts, which belong to the
    style, do not count. 0 for the same arrangement, about 1 for unrelated ones. By hand: a and 2 a + 1 have 0, a and -a
    2.
    """
    return (settled(found.float()) - settled(wanted.float())).square().mean((1, 2, 3)) / 2


def settled(features: Tensor) -> Tensor:
    """Each channel with mean 0 and deviation 1, or less if it hardly varies compared with the others."""
    x = features - features.mean((2, 3), keepdim=True)
    power = x.square().mean((2, 3), keepdim=True)
    return x / (power + 0.02 * power.mean(1, keepdim=True) + 1e-8).sqrt()


class WeightedSum(nn.Module):
    """The sum of losses between two images, each with its weight, and every part by itself.

    By hand: L1 with weight 2 and a difference of 0.25 everywhere sum to 0.5; the part is still 0.25.
    """

    def __init__(self, losses: Mapping[str, nn.Module], weights: Mapping[str, float]) -> None:
        super().__init__()
        self.losses = nn.ModuleDict(losses)
        self.weights = dict(weights)

    def forward(
        self, made: Tensor, wanted: Tensor, others: Mapping[str, Tensor] | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum, and the parts, detached; `others` are the targets of single losses, by name."""
        parts = {name: loss(made, (others or {}).get(name, wanted)) for name, loss in self.losses.items()}
        total = sum((self.weights[name] * part for name, part in parts.items()), start=made.new_zeros(()))
        return total, {name: part.detach() for name, part in parts.items()}


class GANLoss(nn.Module):
    """Adversarial loss from a discriminator's logits of real and generated images; any shape, large means "real".

    A discriminator's loss is half the sum of its losses on real and on generated images.
    """

    def for_generator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The generator's loss."""
        raise NotImplementedError

    def for_discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's loss."""
        raise NotImplementedError


class Vanilla(GANLoss):
    """Cross-entropy: -ln σ(real) - ln(1 - σ(fake)) against -ln σ(fake). From 0; ln 2 where all logits are 0.

    Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, eq. 1, with the generator's loss of section 3.
    """

    def for_generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return F.softplus(-fake).mean()

    def for_discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (F.softplus(-real).mean() + F.softplus(fake).mean()) / 2


class RelativisticAverage(GANLoss):
    """Cross-entropy on how much more real an image looks than the mean of the other kind. From 0.

    With r = real - mean(fake) and f = fake - mean(real): -ln σ(r) - ln(1 - σ(f)) against -ln σ(f) - ln(1 - σ(r)),
    both halved. By hand: ln 2 for both where all logits are equal.
    Jolicoeur-Martineau 2018, https://arxiv.org/abs/1807.00734, section 4.2; ESRGAN's eq. 1 and 2.
    """

    def for_generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return self.for_discriminator(fake, real)

    def for_discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (F.softplus(fake.mean() - real).mean() + F.softplus(fake - real.mean()).mean()) / 2


class LeastSquares(GANLoss):
    """Squares: (real - 1)² + fake² against (fake - 1)². From 0.

    By hand: logits of 0 for all cost the discriminator 0.5 and the generator 1.
    Mao et al. 2017, https://arxiv.org/abs/1611.04076, eq. 9; the generator's without the half.
    """

    def for_generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (fake - 1).square().mean()

    def for_discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return ((real - 1).square().mean() + fake.square().mean()) / 2


class Hinge(GANLoss):
    """Margins: max(0, 1 - real) + max(0, 1 + fake), which is at least 0, against -fake, which has no bound.

    By hand: logits of 0 for all cost the discriminator 1 and the generator 0.
    Lim and Ye 2017, https://arxiv.org/abs/1705.02894, section 2.
    """

    def for_generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -fake.mean()

    def for_discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2
