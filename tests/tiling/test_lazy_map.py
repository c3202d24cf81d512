import errno
import weakref

import pytest
import torch
from tiling.streams import STREAMINGS, whole
from torch import nn
from torch.nn import functional as F

from daguerre.errors import DeviceError
from daguerre.tiling import lazy_map
from daguerre.tiling.lazy_map import Storage
from daguerre.tiling.rows import Rows, Streaming, streamed


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


def test_a_full_disk_is_reported_with_the_way_out(monkeypatch):
    storage = Storage(3, 8, 8, torch.float32, Streaming(memory=0))

    class Full:
        def seek(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage, "file", Full())
    with pytest.raises(DeviceError, match=r"No space left on device.*set TMPDIR"):
        storage.write(0, torch.rand(1, 3, 2, 8))


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
