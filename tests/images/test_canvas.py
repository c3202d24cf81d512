import errno
import os

import numpy as np
import pytest
import torch
from images.drawn import icc_profile, photo

from daguerre.errors import UnwritablePicture, WeightsDamaged
from daguerre.images import Canvas, Picture, pages
from daguerre.tiling.windows import Window, plan_windows


@pytest.fixture(params=["in memory", "on disk"])
def _place(request, monkeypatch):
    if request.param == "on disk":
        monkeypatch.setattr(pages, "MEMORY_LIMIT", 0)


@pytest.mark.usefixtures("_place")
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_picture_copied_window_by_window_is_the_same(tmp_path, bits, channels):
    original = Picture.from_array(photo(50, 70, channels, bits))
    target = Canvas(50, 70, bits=bits, grey=original.grey, alpha=original.alpha)
    for window in plan_windows(50, 70, 32):
        target.write(window, original.read(window))
        if original.alpha:
            target.write_alpha(window, original.read_alpha(window))
    result = target.picture(like=original)
    assert np.array_equal(result.array(), original.array())
    assert np.array_equal(Picture.open(result.save(tmp_path / "a.png")).array(), original.array())


def test_large_canvases_are_on_disk_and_leave_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(pages, "MEMORY_LIMIT", 0)
    target = Canvas(30, 40)
    assert isinstance(target.levels, np.memmap)
    assert list(tmp_path.iterdir()) == []
    assert isinstance(Canvas(30, 40).picture().array(), np.ndarray)


def test_small_canvases_are_in_memory():
    assert not isinstance(Canvas(30, 40).levels, np.memmap)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="room is reserved on POSIX systems only")
def test_a_full_disk_is_reported_before_the_work(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pages, "MEMORY_LIMIT", 0)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UnwritablePicture, match=r"no room for 0\.1 GiB in .*No space left.*set TMPDIR"):
        Canvas(5000, 5000)


def test_unpainted_places_are_black_and_transparent():
    result = Canvas(3, 4, alpha=True).picture()
    assert result.read().max() == 0
    assert result.read_alpha().max() == 0


def test_a_grey_canvas_takes_the_lightness():
    target = Canvas(1, 1, grey=True)
    target.write(Window(0, 0, 1, 1), torch.tensor([1.0, 0.5, 0.0]).view(1, 3, 1, 1))
    assert target.picture().array().tolist() == [[round(255 * (0.299 + 0.587 / 2))]]


def test_a_colour_canvas_takes_grey():
    target = Canvas(1, 1)
    target.write(Window(0, 0, 1, 1), torch.full((1, 1, 1, 1), 0.2))
    assert target.picture().array().tolist() == [[[51, 51, 51]]]


def test_painting_alpha_touches_no_colour():
    target = Canvas(4, 4, alpha=True)
    image = torch.rand(1, 3, 4, 4)
    target.write(Window(0, 0, 4, 4), image)
    target.write_alpha(Window(0, 0, 2, 4), torch.zeros(1, 1, 2, 4))
    assert torch.allclose(target.picture().read(), image, atol=0.5 / 255 + 1e-6)


def test_profile_and_metadata_come_from_the_picture_it_is_like(tmp_path):
    from PIL import Image

    Image.fromarray(photo()).save(tmp_path / "a.png", icc_profile=icc_profile(), dpi=(300, 300))
    original = Picture.open(tmp_path / "a.png")
    result = Picture.open(Canvas(80, 120).picture(like=original).save(tmp_path / "b.tif"))
    assert result.profile == icc_profile()
    assert result.metadata.resolution == pytest.approx((11.811, 11.811), rel=1e-4)


@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (1, 3, 5, 4), (2, 3, 5, 5)])
def test_an_image_of_another_size_is_refused(shape):
    with pytest.raises(ValueError, match="does not fill a window of 5 x 5"):
        Canvas(9, 9).write(Window(0, 0, 5, 5), torch.zeros(shape))


def test_a_window_outside_is_refused():
    with pytest.raises(ValueError, match="not inside a picture of 9 x 9"):
        Canvas(9, 9).write(Window(5, 5, 5, 5), torch.zeros(1, 3, 5, 5))


def test_alpha_needs_a_canvas_that_has_it():
    with pytest.raises(ValueError, match="no alpha"):
        Canvas(9, 9).write_alpha(Window(0, 0, 1, 1), torch.zeros(1, 1, 1, 1))


@pytest.mark.parametrize(("height", "width", "bits"), [(0, 5, 8), (5, -1, 8), (5, 5, 12)])
def test_impossible_canvases_are_refused(height, width, bits):
    with pytest.raises(ValueError, match=f"no canvas of {height} x {width} pixels with {bits} bits"):
        Canvas(height, width, bits=bits)


def test_what_is_not_a_number_is_never_painted_black():
    with pytest.raises(WeightsDamaged, match="overflow, so it makes no picture"):
        Canvas(4, 4).write(Window(0, 0, 4, 4), torch.full((1, 3, 4, 4), float("nan")))
