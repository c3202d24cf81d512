"""EfficientNet-Lite0, a small image classifier for a thousand classes."""

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["EfficientNetLite0"]

SIDE = 224  # pixels; the training size
MEAN, DEVIATION = 127 / 255, 128 / 255  # that inputs are normalized by
STEM, HEAD = 32, 1280
STAGES = (
    # repeats, kernel, stride, expansion, output channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class EfficientNetLite0(nn.Module):
    """Inverted residuals with depthwise convolutions, without squeeze-and-excitation and with ReLU6.

    Tan and Le 2019, https://arxiv.org/abs/1905.11946, table 1; the Lite variant is from TensorFlow's TPU repository,
    `efficientnet/lite`. Key names are those of the PyTorch ports (4,652,008 parameters).

    Args:
        classes: number of labels.
    """

    def __init__(self, *, classes: int = 1000) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, STEM, 3, stride=2)
        self._bn0 = norm(STEM)
        blocks, channels = [], STEM
        for repeats, kernel, stride, expansion, wider in STAGES:
            for repeat in range(repeats):
                blocks.append(InvertedResidual(channels, wider, kernel, stride if repeat == 0 else 1, expansion))
                channels = wider
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv2d(channels, HEAD, 1)
        self._bn1 = norm(HEAD)
        self._fc = nn.Linear(HEAD, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (B, classes) of `image` (B, 3, H, W) in [0, 1]; as trained with the shorter side at 224."""
        x = (image - MEAN) / DEVIATION
        x = F.relu6(self._bn0(self._conv_stem(x)))  # H / 2
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))  # (B, 1280, H / 32, W / 32)
        logits: Tensor = self._fc(x.mean((2, 3)))
        return logits

    def classify(self, image: Tensor) -> Tensor:
        """Like `forward`, for pictures of any size: resized to a shorter side of 224 pixels first."""
        share = SIDE / min(image.shape[2:])
        size = [round(side * share) for side in image.shape[2:]]
        logits: Tensor = self(F.interpolate(image, size, mode="bicubic", antialias=True))
        return logits


class InvertedResidual(nn.Module):
    """Expand, depthwise convolution, project; plus the input where the shapes match."""

    def __init__(self, channels: int, wider: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = channels * expansion
        if expansion > 1:
            self._expand_conv = SameConv2d(channels, inner, 1)
            self._bn0 = norm(inner)
        self._depthwise_conv = SameConv2d(inner, inner, kernel, stride=stride, groups=inner)
        self._bn1 = norm(inner)
        self._project_conv = SameConv2d(inner, wider, 1)
        self._bn2 = norm(wider)
        self.widens = expansion > 1
        self.skips = stride == 1 and channels == wider

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu6(self._bn0(self._expand_conv(x))) if self.widens else x
        inner = F.relu6(self._bn1(self._depthwise_conv(inner)))
        narrow: Tensor = self._bn2(self._project_conv(inner))
        return x + narrow if self.skips else narrow


class SameConv2d(nn.Conv2d):
    """A convolution without bias, with TensorFlow's "same" padding: an odd pixel goes to the right and the bottom."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        across, down = (max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[:1:-1])
        made: Tensor = super().forward(F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2)))
        return made


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
