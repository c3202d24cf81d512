import errno
import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from daguerre.errors import DeviceError
from daguerre.tiling import lazy_map
from daguerre.tiling.lazy_map import Storage
from daguerre.tiling.rows import Rows, Streaming, streamed, traced_halo


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def whole(rows):
    return torch.cat([rows.read(top, bottom) for top, bottom in rows.strips()], 2)


STREAMINGS = [
    pytest.param(Streaming(elements=1, memory=0), id="row by row, in files"),
    pytest.param(Streaming(elements=700, memory=0), id="strips, in files"),
    pytest.param(Streaming(elements=700), id="strips, in memory"),
    pytest.param(Streaming(), id="at once"),
]

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


def mixture(x):
    """Sums, products, a skip connection and a cut, as networks write them."""
    y = F.relu(F.conv2d(x * 2 - 1, torch.ones(3, 3, 3, 3), padding=1))
    y = torch.cat([y, 1 - x], 1) / torch.tensor(2.0)
    y = y * y + torch.sign(y) - 0.5 * y
    return F.pad(y, (0, -2, -1, -3))


@pytest.mark.parametrize("streaming", STREAMINGS)
def test_by_rows_arithmetic_is_that_of_tensors(streaming):
    image = torch.rand(1, 3, 17, 14)
    rows = streamed(mixture, Rows.of(image, streaming))
    torch.testing.assert_close(whole(rows), mixture(image), rtol=1e-5, atol=1e-5)


def test_each_map_is_computed_once():
    reads = []

    def read(top, bottom):
        reads.append((top, bottom))
        return torch.rand(1, 3, bottom - top, 8)

    layers = [nn.Conv2d(3, 3, 3, padding=1), nn.InstanceNorm2d(3), nn.ReLU(), nn.Conv2d(3, 3, 3, padding=1)]
    strips = []
    streaming = Streaming(elements=3 * 8 * 4, after_strip=strips.append)
    rows = streamed(nn.Sequential(*layers), Rows(3, 8, 8, read, streaming=streaming))
    whole(rows)
    assert reads == [(0, 5), (3, 8)]  # two strips of four rows, each with its neighbours
    assert strips == [3 * 8 * 4] * 2


def test_a_run_ends_where_the_caller_says():
    class Stopped(Exception):
        pass

    def stop(values):
        raise Stopped

    network = nn.Sequential(nn.Conv2d(3, 3, 3), nn.InstanceNorm2d(3))
    with pytest.raises(Stopped):
        streamed(network, Rows.of(torch.rand(1, 3, 8, 8), Streaming(after_strip=stop)))


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


def test_a_full_disk_is_reported_with_the_way_out(monkeypatch):
    storage = Storage(3, 8, 8, torch.float32, Streaming(memory=0))

    class Full:
        def seek(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage, "file", Full())
    with pytest.raises(DeviceError, match=r"No space left on device.*set TMPDIR"):
        storage.write(0, torch.rand(1, 3, 2, 8))


def reach_of(network, multiple, out):
    """Rows and columns around a window in the middle that have a gradient from its output, measured."""
    image = torch.rand(1, 3, 96, 96, dtype=torch.float64, requires_grad=True)
    made = network.double()(image)
    first = 48 // multiple * out
    made[..., first : first + out, first : first + out].sum().backward()
    rows, columns = (image.grad.abs().sum((0, 1, axis)).nonzero() for axis in (3, 2))
    begin = 48 // multiple * multiple
    assert rows.equal(columns)
    return max(begin - int(rows.min()), int(rows.max()) + 1 - begin - multiple)


@pytest.mark.parametrize(
    ("layers", "multiple", "out"),
    [
        ([nn.Conv2d(3, 2, 7, padding=3), nn.Conv2d(2, 2, 3, padding=1)], 1, 1),
        ([nn.Conv2d(3, 2, 3, padding=4, dilation=4)], 1, 1),
        ([nn.Conv2d(3, 2, 4, stride=2, padding=1), nn.Conv2d(2, 2, 4, stride=2, padding=1)], 4, 1),
        ([nn.Conv2d(3, 2, 4, 2, 1), nn.Conv2d(2, 2, 3, 1, 1), nn.ConvTranspose2d(2, 2, 4, 2, 1)], 2, 2),
        ([nn.Conv2d(3, 2, 3, 2, 1), nn.Upsample(scale_factor=2), nn.Conv2d(2, 2, 9, 1, 4)], 2, 2),
        ([nn.Conv2d(3, 2, 3, 2, 1), nn.Upsample(scale_factor=2, mode="bilinear")], 2, 2),
        ([nn.Upsample(scale_factor=4), nn.Conv2d(3, 2, 9, padding=4)], 1, 4),
    ],
)
def test_the_traced_halo_is_the_measured_one(layers, multiple, out):
    network = nn.Sequential(*layers)
    for parameter in network.parameters():
        nn.init.uniform_(parameter, 0.5, 1)  # no cancelling
    assert traced_halo(network, multiple=multiple) == reach_of(network, multiple, out)


def test_the_traced_halo_takes_the_longest_way_and_no_statistics():
    def network(x):
        deep = F.instance_norm(F.conv2d(F.conv2d(x, torch.ones(3, 3, 5, 5), padding=2), torch.ones(3, 3, 3, 3)))
        return F.pad(deep, (1, 1, 1, 1), mode="reflect") + x

    assert traced_halo(network) == 3


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.InstanceNorm2d(3), nn.ReLU())

    def forward(self, x):
        return x + self.inner(self.inner(x))


def test_the_maps_kept_at_a_time_do_not_grow_with_the_depth(monkeypatch):
    kept = weakref.WeakSet()

    class Watched(Storage):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            kept.add(self)

    monkeypatch.setattr(lazy_map, "Storage", Watched)
    most = []
    for depth in (3, 9):
        counts = []
        streaming = Streaming(after_strip=lambda _, counts=counts: counts.append(len(kept)))
        network = nn.Sequential(*[Block() for _ in range(depth)])
        whole(streamed(network, Rows.of(torch.rand(1, 3, 8, 8), streaming)))
        most.append(max(counts))
    assert most == [3, 3]
