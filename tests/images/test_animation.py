import pytest
import pyvips
import torch

from daguerre.errors import OutputExists, UnwritablePicture
from daguerre.images.animation import write_film

FRAMES = [torch.full((1, 3, 24, 32), shade) for shade in (0.0, 0.5, 1.0)]


@pytest.mark.parametrize("name", ["film.webp", "film.gif"])
def test_a_film_holds_its_frames_in_order(name, tmp_path):
    path = write_film(FRAMES, tmp_path / name)
    film = pyvips.Image.new_from_file(str(path), n=-1)
    assert (film.width, film.get("page-height"), film.height) == (32, 24, 72)
    assert [film(16, row)[0] for row in (12, 36, 60)] == pytest.approx([0, 128, 255], abs=6)
    assert film.get("delay")[0] < film.get("delay")[-1]
    assert film.get("loop") == 0
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(UnwritablePicture, match=r"a JPEG file cannot hold a film; use \.webp or \.gif"):
        write_film(FRAMES, tmp_path / "film.jpg")


def test_a_film_is_not_replaced_unasked(tmp_path):
    path = write_film(FRAMES, tmp_path / "film.webp")
    with pytest.raises(OutputExists, match="exists already"):
        write_film(FRAMES, path)
    write_film(FRAMES[:1], path, overwrite=True)
    assert pyvips.Image.new_from_file(str(path), n=-1).height == 24


def test_a_missing_folder_is_reported(tmp_path):
    with pytest.raises(UnwritablePicture, match="nowhere"):
        write_film(FRAMES, tmp_path / "nowhere" / "film.webp")
