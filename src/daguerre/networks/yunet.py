"""YuNet, a face detector: the published network, and ours, which is wider."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.networks.blocks import check_size
from daguerre.networks.receptive_field import Layer, conv, enlarge, halo_of, unshuffle

__all__ = [
    "STRIDES",
    "YuNet",
    "boxes_of",
    "candidates_of",
    "faces_of",
    "landmarks_of",
    "overlap",
    "published_names",
    "scores_of",
    "without_doubles",
]

STRIDES = (8, 16, 32)
"""Pixels between the cells of each of the three maps that YuNet makes."""
MAX_UNION_OVERLAP, MAX_INNER_OVERLAP = (
    0.3,
    0.7,
)  # maximum overlap of two boxes, as a fraction of their union, and of the smaller one
HEADS = {"cls": 1, "bbox": 4, "obj": 1, "kps": 10}
"""Outputs of each head in each cell, in the published file's order."""


class Unit(nn.Module):
    """A pointwise convolution, then a depthwise one of 3x3; then, except in heads, a ReLU."""

    def __init__(self, inputs: int, outputs: int, *, activated: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, groups=outputs)
        self.activated = activated

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2(self.conv1(x))
        return F.relu(x) if self.activated else x


class YuNet(nn.Module):
    """An anchor-free detector of faces with five landmarks each.

    Wu et al. 2023, https://doi.org/10.1007/s11633-023-1423-y, as in face_detection_yunet_2023mar.onnx of OpenCV's model
    zoo: every cell of three maps predicts the likelihood of a face there, its box and landmarks. The score is `sqrt(cls
    * obj)`. Ours has more features and units; otherwise it is the same.

    Args:
        features: channels at a half and a quarter of the size, at the end of the latter, and from an eighth on.
        units: in each of the stages at an eighth, a 16th and a 32nd.
    """

    multiple = 32

    def __init__(self, *, features: Sequence[int] = (16, 32, 64, 64), units: int = 2) -> None:
        super().__init__()
        half, quarter, eighth, deep = features
        self.first = nn.Conv2d(3, half, 3, stride=2, padding=1)
        widths = [[half, half], [half, half, quarter, quarter, eighth], [eighth] + [deep] * units]
        widths += [[deep] * (units + 1)] * 2
        self.stages = nn.ModuleList(nn.Sequential(*[Unit(a, b) for a, b in pairwise(stage)]) for stage in widths)
        self.lateral = nn.ModuleList(Unit(deep, deep) for _ in STRIDES)
        self.heads = nn.ModuleDict(
            {
                name: nn.ModuleList(Unit(deep, outputs, activated=False) for _ in STRIDES)
                for name, outputs in HEADS.items()
            }
        )
        self.deep, self.units = deep, units

    @property
    def halo(self) -> int:
        """Input pixels on each side that can influence a cell, rounded up to `multiple`."""
        down: list[Layer] = [unshuffle(2)]
        stages = [[conv(3)], [down[0], conv(3, 4)], *[[down[0], conv(3, self.units)]] * 3]
        layers = [conv(3), *down, *[layer for stage in stages for layer in stage]]
        layers += [conv(3), enlarge(2), conv(3), enlarge(2), conv(3), conv(3), enlarge(STRIDES[0])]
        return math.ceil(halo_of(*layers, scale=1, period=self.multiple) / self.multiple) * self.multiple

    def forward(self, image: Tensor) -> list[Tensor]:
        """Maps (B, 16, H / stride, W / stride) for each of `STRIDES`, of `image` (B, 3, H, W) in [0, 1].

        Channels: logits of `cls` and `obj`; the box's middle, in cells to the right of and below the cell's place, and
        the logarithms of its width and height in cells; x and y likewise of the right eye, the left eye, the tip of the
        nose, and the right and the left corner of the mouth, as the person has them.

        Raises:
            ValueError: H or W is not a multiple of 32.
        """
        return self.heads_of(self.features(image))

    def heads_of(self, features: Sequence[Tensor]) -> list[Tensor]:
        """The maps made from `features`."""
        order = ("cls", "obj", "bbox", "kps")
        return [
            torch.cat([cast(nn.ModuleList, self.heads[name])[number](level) for name in order], 1)
            for number, level in enumerate(features)
        ]

    def features(self, image: Tensor) -> list[Tensor]:
        """The features (B, C, H / stride, W / stride) from which the maps of `image` (B, 3, H, W) are made.

        Raises:
            ValueError: H or W is not a multiple of 32.
        """
        check_size(image, self.multiple, type(self).__name__)
        x = F.relu(self.first(image.flip(1) * 255))  # it expects BGR
        levels = []
        for number, stage in enumerate(self.stages):
            x = stage(F.max_pool2d(x, 2) if number else x)
            levels.append(x)
        x = self.lateral[2](levels[4])
        features = [x]
        for number in (1, 0):
            x = self.lateral[number](levels[number + 2] + F.interpolate(x, scale_factor=2, mode="nearest"))
            features.insert(0, x)
        return features


def published_names() -> Iterator[str]:
    """Names of the convolutions of a YuNet of two units, in the published file's order of execution."""
    yield "first"
    units = [f"stages.{stage}.{unit}" for stage, count in enumerate((1, 4, 2, 2, 2)) for unit in range(count)]
    units += [f"lateral.{level}" for level in (2, 1, 0)]
    units += [f"heads.{name}.{level}" for name in HEADS for level in range(len(STRIDES))]
    for unit in units:
        yield from (f"{unit}.conv1", f"{unit}.conv2")


def scores_of(made: Tensor) -> Tensor:
    """Face score of each cell of a map (B, 16, h, w): (B, h, w) in [0, 1]."""
    return made[:, :2].sigmoid().prod(1).sqrt()


def places(made: Tensor) -> Tensor:
    """Column and row of each cell of a map (B, 16, h, w): (2, h, w)."""
    rows, columns = (torch.arange(length, dtype=made.dtype, device=made.device) for length in made.shape[-2:])
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"))


def boxes_of(made: Tensor, stride: int) -> Tensor:
    """Left, top, right and bottom of each cell's box, in pixels: (B, 4, h, w) from a map (B, 16, h, w)."""
    middle, half = places(made) + made[:, 2:4], made[:, 4:6].exp() / 2
    return torch.cat([middle - half, middle + half], 1) * stride


def landmarks_of(made: Tensor, stride: int) -> Tensor:
    """Each cell's five landmarks, x and y in pixels: (B, 10, h, w) from a map (B, 16, h, w)."""
    return (places(made).repeat(5, 1, 1) + made[:, 6:]) * stride


def candidates_of(
    maps: Sequence[Tensor], least: float, *, rows: tuple[int, int] = (0, 2**31), columns: tuple[int, int] = (0, 2**31)
) -> Tensor:
    """All detections in the maps of one picture, several per face: (n, 15).

    Args:
        maps: (1, 16, h, w) for each of `STRIDES`.
        least: minimum score of a face.
        rows, columns: first and last-plus-one of the pixels whose cells count.

    Returns:
        For each detection: left, top, right and bottom, x and y of the landmarks, in pixels, and the score.
    """
    seen = []
    for made, stride in zip(maps, STRIDES, strict=True):
        scores, (x, y) = scores_of(made), places(made) * stride
        wanted = (scores[0] >= least) & (y >= rows[0]) & (y < rows[1]) & (x >= columns[0]) & (x < columns[1])
        whole = torch.cat([boxes_of(made, stride), landmarks_of(made, stride), scores[:, None]], 1)
        seen.append(whole[0, :, wanted].T)
    return torch.cat(seen)


def faces_of(maps: Sequence[Tensor], least: float) -> Tensor:
    """The detections of `candidates_of` after non-maximum suppression, highest score first."""
    return without_doubles(candidates_of(maps, least))


def without_doubles(faces: Tensor) -> Tensor:
    """Non-maximum suppression of faces (n, 15), highest score first: drops what overlaps a better one."""
    faces = faces[faces[:, 14].argsort(descending=True, stable=True)]
    kept: list[Tensor] = []
    while len(faces):
        best, faces = faces[0], faces[1:]
        kept.append(best)
        common, areas = shared(best, faces), area(faces)
        union = area(best[None]) + areas - common
        least = torch.minimum(area(best[None]), areas).clamp(min=1e-6)
        faces = faces[(common <= MAX_UNION_OVERLAP * union) & (common <= MAX_INNER_OVERLAP * least)]
    return torch.stack(kept) if kept else faces


def area(boxes: Tensor) -> Tensor:
    """Pixels of boxes (n, 4 or more): (n,)."""
    return (boxes[:, 2:4] - boxes[:, :2]).clamp(min=0).prod(1)


def shared(face: Tensor, others: Tensor) -> Tensor:
    """Pixels that a box (4 or more,) shares with each of others (n, 4 or more): (n,)."""
    first, last = torch.maximum(face[:2], others[:, :2]), torch.minimum(face[2:4], others[:, 2:4])
    return (last - first).clamp(min=0).prod(1)


def overlap(face: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of a box (4 or more,) with each of others (n, 4 or more): (n,) in [0, 1]."""
    common = shared(face, others)
    return common / (area(face[None]) + area(others) - common).clamp(min=1e-6)
