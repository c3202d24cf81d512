import pytest
import torch
from PIL import Image

from daguerre.degradation.aging.real_textures import Texture
from daguerre.errors import DataError
from daguerre.training.data.damaged_photos import damaged_photo, load_marks, load_textures, marked_photo
from daguerre.training.data.lettering import lettering


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def picture(size=(90, 120)):
    return torch.randint(60, 160, (3, *size), generator=seeded(), dtype=torch.uint8)


def textures():
    cover = torch.zeros(1, 200, 200, dtype=torch.uint8)
    cover[:, ::40, :] = 255
    frame = torch.full((1, 200, 200), 255, dtype=torch.uint8)
    frame[:, 20:-20, 20:-20] = 0
    return [Texture("damage", cover), Texture("frame", frame, torch.full((3, 200, 200), 30, dtype=torch.uint8))]


@pytest.mark.parametrize("old", [False, True])
def test_examples_show_a_picture_damage_and_writing_each_marked(old):
    examples = [damaged_photo(picture(), textures(), 64, seeded(seed), old=old) for seed in range(40)]
    for example in examples:
        assert (example.image.shape, example.target.shape) == ((1, 3, 64, 64), (1, 2, 64, 64))
        assert example.image.min() >= 0
        assert example.image.max() <= 1
        assert set(example.target.unique().tolist()) <= {0, 1}
        assert (example.target.sum(1) <= 1).all(), "what is damaged is not written"
    damaged, written = (sum(bool(example.target[:, k].any()) for example in examples) for k in range(2))
    assert 10 < damaged < 40
    assert 4 < written < 20
    again = damaged_photo(picture(), textures(), 64, seeded(7), old=old)
    assert torch.equal(again.image, examples[7].image)


@pytest.mark.parametrize("size", [(30, 40), (64, 64), (700, 300)])
def test_pictures_of_any_size_and_no_textures_make_examples(size):
    for seed in range(6):
        assert damaged_photo(picture(size), [], 64, seeded(seed), old=False).image.shape == (1, 3, 64, 64)


def test_marked_photographs_show_their_marks_and_what_may_be_either():
    marks = torch.zeros(1, 90, 120, dtype=torch.uint8)
    marks[:, 20:26], marks[:, 60:66] = 255, 128
    photo = picture()
    photo[:, 20:26] = 255
    examples = [marked_photo(photo, marks, [], 64, seeded(seed)) for seed in range(20)]
    assert sum(bool(example.target[:, 0].any()) for example in examples) > 12
    bright = torch.cat([example.image.mean(1)[example.target[:, 0] > 0] for example in examples])
    assert bright.mean() > 0.75
    assert any((example.certain == 0).any() for example in examples)


def test_marks_are_known_by_the_names_of_their_photographs(tmp_path):
    (tmp_path / "marks").mkdir()
    Image.new("L", (8, 6), 255).save(tmp_path / "marks" / "a.png")
    marks = load_marks(tmp_path, ["marks"])
    assert marks.keys() == {"a"}
    assert marks["a"].shape == (1, 6, 8)


def test_textures_are_read_with_their_alpha_and_those_excluded_are_not(tmp_path):
    (tmp_path / "scans").mkdir()
    for name in ("a.png", "b.png"):
        scan = Image.new("RGBA", (60, 50), (255, 255, 255, 0))
        scan.paste((255, 255, 255, 255), (10, 10, 20, 20))
        scan.save(tmp_path / "scans" / name)
    assert [texture.form for texture in load_textures(tmp_path, ["scans"])] == ["damage"] * 2
    assert len(load_textures(tmp_path, ["scans"], exclude=["b.png"])) == 1
    with pytest.raises(DataError, match="no 'nowhere'"):
        load_textures(tmp_path, ["nowhere"])


def test_lettering_is_ink_on_some_of_the_picture():
    covers = [lettering(80, 80, size=12, generator=seeded(seed)) for seed in range(12)]
    assert all(cover.shape == (1, 1, 80, 80) for cover in covers)
    assert sum(bool(cover.max() > 0.5) for cover in covers) > 6
    assert all(cover.mean() < 0.5 for cover in covers)
