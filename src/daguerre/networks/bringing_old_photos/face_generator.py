"""The face generator of old-photo restoration, as published."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.networks.blocks import check_size

__all__ = ["FaceGenerator", "fold_spectral_norm"]


class SPADE(nn.Module):
    """Batch normalization with per-pixel scale and shift predicted from the degraded face (SPADE).

    Park et al. 2019, https://arxiv.org/abs/1903.07291, sec. 3.
    """

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.param_free_norm = nn.BatchNorm2d(features, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(3, hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, features, 3, padding=1)
        self.mlp_beta = nn.Conv2d(hidden, features, 3, padding=1)

    def forward(self, x: Tensor, face: Tensor) -> Tensor:
        condition = self.mlp_shared(F.interpolate(face, size=x.shape[2:], mode="bilinear"))
        made: Tensor = self.param_free_norm(x) * (1 + self.mlp_gamma(condition)) + self.mlp_beta(condition)
        return made


class SPADEBlock(nn.Module):
    """Two convolutions after modulated normalization, added to the input, with a convolution if channels change."""

    def __init__(self, inputs: int, outputs: int, hidden: int) -> None:
        super().__init__()
        between = min(inputs, outputs)
        self.conv_0 = nn.Conv2d(inputs, between, 3, padding=1)
        self.conv_1 = nn.Conv2d(between, outputs, 3, padding=1)
        self.norm_0 = SPADE(inputs, hidden)
        self.norm_1 = SPADE(between, hidden)
        self.reshapes = inputs != outputs
        if self.reshapes:
            self.conv_s = nn.Conv2d(inputs, outputs, 1, bias=False)
            self.norm_s = SPADE(inputs, hidden)

    def forward(self, x: Tensor, face: Tensor) -> Tensor:
        beside = self.conv_s(self.norm_s(x, face)) if self.reshapes else x
        x = self.conv_0(F.leaky_relu(self.norm_0(x, face), 0.2))
        x = self.conv_1(F.leaky_relu(self.norm_1(x, face), 0.2))
        return beside + x


class FaceGenerator(nn.Module):
    """Generates a face from a 32nd of its size, modulated at every size by the degraded face.

    Wan et al. 2020, https://arxiv.org/abs/2004.09484, sec. 3.4; 2022, https://arxiv.org/abs/2009.07047, sec. 3.4
    (`SPADEGenerator` of the published code, files Setting_9_epoch_100 for 256 pixels and FaceSR_512 for 512;
    92,059,587 parameters). Published weights have spectral normalization: see `fold_spectral_norm`.
    The input is a whole face; it need not be square.

    Args:
        features: channels at full size; sixteen times as many at the smallest.
        hidden: channels of the condition.
        side: size of the training faces in pixels; it does not change the computation.
    """

    scale = 1
    multiple = 32

    def __init__(self, *, features: int = 64, hidden: int = 128, side: int = 256) -> None:
        super().__init__()
        self.side = side
        self.fc = nn.Conv2d(3, 16 * features, 3, padding=1)
        self.head_0 = SPADEBlock(16 * features, 16 * features, hidden)
        self.G_middle_0 = SPADEBlock(16 * features, 16 * features, hidden)
        self.G_middle_1 = SPADEBlock(16 * features, 16 * features, hidden)
        self.up_0 = SPADEBlock(16 * features, 8 * features, hidden)
        self.up_1 = SPADEBlock(8 * features, 4 * features, hidden)
        self.up_2 = SPADEBlock(4 * features, 2 * features, hidden)
        self.up_3 = SPADEBlock(2 * features, features, hidden)
        self.conv_img = nn.Conv2d(features, 3, 3, padding=1)

    def forward(self, face: Tensor) -> Tensor:
        """Redraw `face` (B, 3, H, W) in [0, 1], aligned; the result has the same shape and range.

        Raises:
            ValueError: H or W is not a multiple of 32.
        """
        check_size(face, self.multiple, "the face generator")
        face = face * 2 - 1
        size = [side // self.multiple for side in face.shape[2:]]
        x = self.fc(F.interpolate(face, size=size, mode="bilinear"))
        x = self.head_0(x, face)
        x = self.G_middle_0(doubled(x), face)
        x = self.G_middle_1(x, face)
        for block in (self.up_0, self.up_1, self.up_2, self.up_3):
            x = block(doubled(x), face)
        return (torch.tanh(self.conv_img(F.leaky_relu(x, 0.2))) + 1) / 2


def doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def fold_spectral_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict with spectral normalization folded into the weights.

    weight = weight_orig / (u^T W v), with W = weight_orig as (out, -1): `torch.nn.utils.spectral_norm` in evaluation.

    Args:
        state: has `X.weight_orig`, `X.weight_u` and `X.weight_v` for each normalized layer X; other tensors stay.
    """
    folded = {}
    for name, tensor in state.items():
        layer, _, leaf = name.rpartition(".")
        if leaf == "weight_orig":
            sigma = state[f"{layer}.weight_u"] @ (tensor.flatten(1) @ state[f"{layer}.weight_v"])
            folded[f"{layer}.weight"] = tensor / sigma
        elif leaf not in ("weight_u", "weight_v"):
            folded[name] = tensor
    return folded
