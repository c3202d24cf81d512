"""Batch normalization for training only: added after every convolution, folded into it before export.

So a deep network that has to support tiling, and treat every picture alike, can still be trained from scratch.
"""

from torch import Tensor, nn

__all__ = ["NormalizedConv", "fold", "normalize"]


class NormalizedConv(nn.Module):
    """A convolution and the normalization of its result."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self.norm = nn.BatchNorm2d(conv.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))  # type: ignore[no-any-return]


def normalize(network: nn.Module) -> nn.Module:
    """Replace every convolution in `network` by a normalized one; returns `network`."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d):
                setattr(parent, name, NormalizedConv(child))
    return network


def fold(network: nn.Module) -> dict[str, Tensor]:
    """Weights of the plain network equivalent to a normalized one in evaluation mode."""
    weights = dict(network.state_dict())
    for name, module in network.named_modules():
        if isinstance(module, NormalizedConv):
            for key in [key for key in weights if key.startswith(name + ".")]:
                del weights[key]
            weights[f"{name}.weight"], weights[f"{name}.bias"] = fold_conv(module.conv, module.norm)
    return weights


def fold_conv(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of g (w x + b - m) / s + h, as one convolution."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = norm.weight / (norm.running_var + norm.eps).sqrt()
    bias = -norm.running_mean if conv.bias is None else conv.bias - norm.running_mean
    return (conv.weight * gain.view(-1, 1, 1, 1)).detach(), (bias * gain + norm.bias).detach()
