"""Our network that looks at one piece of detected damage at a time."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.networks.vgg import VGG19

__all__ = ["CHANNELS", "MEASURES", "SIDE", "DamageVerifier"]

SIDE = 64  # pixels of a view
CHANNELS = 5  # of a view: red, green, blue, likelihood of damage, and the piece
MEASURES = 9
RING = 4  # pixels around a piece that are described on their own
FARTHEST = 6.0  # standard deviations by which a description may differ from the mean


class DamageVerifier(nn.Module):
    """Predicts whether a piece of what was taken for damage is damage.

    A perceptual network, which is not trained, describes the view in gray: features of some layers, averaged over the
    piece, a ring around it and the whole view. Two layers decide by these, the piece's likelihood and a few
    measurements.

    Args:
        width: channels of the VGG-19 as a fraction of the paper's, of each block's.
        layers: of the VGG-19.
        hidden: units between description and answer.
        dropout: of the description and of these units, in training.
    """

    middle: Tensor
    spread: Tensor

    def __init__(
        self,
        *,
        width: float | Sequence[float] = 1.0,
        layers: Sequence[str] = ("relu1_2", "relu2_2", "relu3_4"),
        hidden: int = 64,
        dropout: float = 0.6,
    ) -> None:
        super().__init__()
        self.layers = tuple(layers)
        self.vgg = VGG19(width=width).requires_grad_(False)
        self.vgg.end(self.layers[-1])
        inputs = MEASURES + 1 + 3 * sum(self.vgg.channels(layer) for layer in self.layers)
        self.deciding = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 1)
        )
        self.register_buffer("middle", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))

    def describe(self, views: Tensor, measures: Tensor) -> Tensor:
        """Descriptions (B, C) of pieces, by which they are told apart.

        Args:
            views: (B, CHANNELS, SIDE, SIDE) in [0, 1].
            measures: (B, MEASURES), as from `daguerre.tasks.restoration.damage.piece_views`.
        """
        grey = views[:, :3].mean(1, keepdim=True).expand(-1, 3, -1, -1)
        likely, piece = views[:, 3:4], views[:, 4:]
        ring = (F.max_pool2d(piece, 2 * RING + 1, stride=1, padding=RING) - piece).clamp(min=0)
        found = self.vgg(grey.contiguous(memory_format=torch.channels_last), self.layers)
        described = [measures, mean_over(likely, piece)]
        for layer in self.layers:
            features = found[layer].float()
            described += [mean_over(features, where).sqrt() for where in (piece, ring, torch.ones_like(piece))]
        return torch.cat(described, 1)

    def forward(self, described: Tensor) -> Tensor:
        """Logits (B,) that pieces with these descriptions (B, C) are damage."""
        logits: Tensor = self.deciding(((described - self.middle) / self.spread).clamp(-FARTHEST, FARTHEST))[:, 0]
        return logits


def mean_over(features: Tensor, where: Tensor) -> Tensor:
    """Means (B, C) of features (B, C, h, w), >= 0, over a part of a view (B, 1, H, W), weighted by how much."""
    weight = F.adaptive_avg_pool2d(where, (features.shape[2], features.shape[3]))
    return (features * weight).sum((2, 3)) / weight.sum((2, 3)).clamp(min=1e-4)
