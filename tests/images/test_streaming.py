import pytest
import torch
from images.drawn import photo
from torch import nn
from torch.nn import functional as F

from daguerre.images import Picture
from daguerre.images.streaming import Meter, padded, rows_of, work
from daguerre.networks.bringing_old_photos.vae import PhotoVAE
from daguerre.tiling import Rows, Streaming, streamed


def test_the_work_of_a_large_picture_is_told_by_a_small_one():
    counts = []
    streaming = Streaming(elements=1000, memory=0, after_strip=counts.append)
    rows = Rows.of(torch.rand(1, 3, 44, 32), streaming)
    network = PhotoVAE(features=6, blocks=1)
    expected = work(8, network.encode, rows)
    streamed(network.encode, rows).settled()
    assert sum(counts) == expected


@pytest.fixture
def picture():
    return Picture.from_array(photo(11, 14))


def rows(picture, **how):
    return rows_of(picture, 3, picture.read, Streaming(elements=3 * 14 * 4, **how))


def test_rows_are_read_of_the_picture_as_they_are_asked_for(picture):
    assert torch.equal(rows(picture).read(3, 8), picture.read()[:, :, 3:8])


@pytest.mark.parametrize(
    ("multiple", "smallest", "height", "width", "mode"),
    [(8, 1, 16, 16, "reflect"), (8, 32, 32, 32, "replicate"), (1, 1, 11, 14, "reflect")],
)
def test_a_picture_is_mirrored_up_to_a_multiple_or_repeated_where_it_is_too_small(
    picture, multiple, smallest, height, width, mode
):
    made = padded(rows(picture), multiple, smallest)
    wanted = F.pad(picture.read(), (0, width - 14, 0, height - 11), mode=mode)
    assert made.shape == (1, 3, height, width)
    assert torch.equal(torch.cat([made.read(*strip) for strip in made.strips()], 2), wanted)


def test_a_meter_reaches_its_total_and_strips_end_where_the_picture_does(picture):
    told = []
    meter = Meter(told.append)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.InstanceNorm2d(4), nn.Conv2d(4, 3, 3, padding=1))
    source = padded(rows(picture, after_strip=meter), 8, 1)
    strips = list(meter.strips(meter.measured("drawing", 8, network, source), picture))
    with torch.no_grad():
        wanted = network(F.pad(picture.read(), (0, 2, 0, 5), mode="reflect"))[:, :, :11, :14]
    torch.testing.assert_close(torch.cat([strip for _, strip in strips], 2), wanted, rtol=1e-5, atol=1e-5)
    assert [window.top for window, _ in strips] == [0, *(window.bottom for window, _ in strips[:-1])]
    assert {one.step for one in told} == {"drawing"}
    assert (told[0].done, told[-1].done) == (0, told[-1].total)
