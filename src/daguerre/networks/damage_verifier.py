"""Our network that looks at one piece of detected damage at a time."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["CHANNELS", "MEASURES", "SIDE", "DamageVerifier"]

SIDE = 72  # pixels of a view
CHANNELS = 5  # of a view: red, green, blue, likelihood of damage, and the piece
MEASURES = 9
MIDDLE = 0.45  # gray of a usual photograph


class DamageVerifier(nn.Module):
    """Predicts whether a piece of what was taken for damage is damage, from two views of it and a few measurements.

    One view shows the piece closely, the other its surroundings. Features are averaged over each view, and over the
    piece in it.

    Args:
        features: of the convolutions of each view, each followed by pooling; the first has a stride of 2 instead.
        hidden: units between features and answer.
        dropout: of these, in training.
    """

    middle: Tensor
    spread: Tensor

    def __init__(self, *, features: Sequence[int] = (24, 32, 64, 96), hidden: int = 64, dropout: float = 0.3) -> None:
        super().__init__()
        self.views = nn.ModuleList(view_layers(features) for _ in range(2))
        self.hidden = nn.Linear(4 * features[-1] + MEASURES, hidden)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(hidden, 1)
        self.register_buffer("middle", torch.zeros(MEASURES))
        self.register_buffer("spread", torch.ones(MEASURES))

    def forward(self, near: Tensor, far: Tensor, measures: Tensor) -> Tensor:
        """Logits (B,) that pieces are damage.

        Args:
            near, far: (B, CHANNELS, SIDE, SIDE) in [0, 1].
            measures: (B, MEASURES), as from `daguerre.tasks.restoration.damage.piece_views`.
        """
        seen = [pooled(layers, view) for layers, view in zip(self.views, (near, far), strict=True)]
        x = torch.cat([*seen, (measures - self.middle) / self.spread], 1)
        logits: Tensor = self.last(self.dropout(F.relu(self.hidden(x))))[:, 0]
        return logits


def view_layers(features: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(CHANNELS, features[0], 4, stride=2, padding=1), nn.ReLU()]
    for inputs, outputs in pairwise(features):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers)


def pooled(layers: nn.Module, view: Tensor) -> Tensor:
    """Features of a view (B, CHANNELS, SIDE, SIDE), averaged over it and over its piece: (B, 2 C)."""
    centred = torch.cat([view[:, :3] - MIDDLE, view[:, 3:]], 1)
    features = layers(centred)
    piece = F.adaptive_avg_pool2d(view[:, -1:], features.shape[-2:])
    share = piece / piece.sum((2, 3), keepdim=True).clamp(min=1e-4)
    return torch.cat([features.mean((2, 3)), (features * share).sum((2, 3))], 1)
