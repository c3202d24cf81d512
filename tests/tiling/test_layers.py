import pytest
import torch
from tiling.streams import STREAMINGS, whole
from torch import nn

from daguerre.tiling.rows import Rows, Streaming, streamed

LAYERS = {
    "reflected": [nn.ReflectionPad2d(3), nn.Conv2d(3, 4, 7)],
    "replicated": [nn.ReplicationPad2d(2), nn.Conv2d(3, 4, 5)],
    "zeros": [nn.Conv2d(3, 4, 3, padding=1)],
    "own padding": [nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")],
    "dilated": [nn.Conv2d(3, 4, 3, padding=2, dilation=2)],
    "strided": [nn.Conv2d(3, 4, 4, stride=2, padding=1)],
    "by threes": [nn.Conv2d(3, 4, 5, stride=3)],
    "depthwise": [nn.Conv2d(3, 3, 3, padding=1, groups=3), nn.Conv2d(3, 4, 1)],
    "transposed": [nn.ConvTranspose2d(3, 4, 4, stride=2, padding=1)],
    "nearest": [nn.Upsample(scale_factor=3), nn.Conv2d(3, 4, 3, padding=1)],
    "bilinear": [nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(3, 4, 3, padding=1)],
    "pooled": [nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2)],
    "activated": [nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.LeakyReLU(0.1, inplace=True), nn.Tanh(), nn.Sigmoid()],
    "batch norm": [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4).eval()],
    "instance norm": [nn.Conv2d(3, 4, 3), nn.InstanceNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.InstanceNorm2d(4)],
    "norm first": [nn.InstanceNorm2d(3), nn.Conv2d(3, 4, 3, padding=1)],
}


@pytest.mark.parametrize("streaming", STREAMINGS)
@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS.keys())
def test_by_rows_every_layer_makes_what_it_makes_of_a_tensor(layers, streaming):
    network = nn.Sequential(*layers)
    image = torch.rand(1, 3, 17, 14)
    rows = streamed(network, Rows.of(image, streaming))
    with torch.no_grad():
        expected = network(image)
    assert rows.shape == expected.shape
    assert not whole(rows).requires_grad
    torch.testing.assert_close(whole(rows), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (nn.PixelShuffle(2), "pixel_shuffle cannot be streamed"),
        (nn.BatchNorm2d(4), "evaluation mode"),
        (nn.InstanceNorm2d(4, affine=True), "with parameters"),
        (nn.MaxPool2d(3, padding=1), "padded pooling"),
        (nn.Upsample(size=(5, 5)), "interpolation"),
        (nn.ConvTranspose2d(4, 4, 3, stride=2, output_padding=1), "transposed convolution with output padding"),
    ],
)
def test_what_cannot_be_streamed_is_named(network, reason):
    with pytest.raises(TypeError, match=reason):
        streamed(network, Rows.of(torch.rand(1, 4, 8, 8), Streaming()))
