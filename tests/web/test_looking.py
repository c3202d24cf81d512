import numpy as np
import pytest

from daguerre.errors import PictureError
from daguerre.images import Picture
from daguerre.web.looking import dial, inspect, paint_mask, save_small, schema, show_damage, show_tones


def ignore(event): ...


def test_small_pictures_are_small_plain_and_keep_their_shape(tmp_path):
    random = np.random.default_rng(0)
    large = Picture.from_array(random.integers(0, 65535, (300, 500, 3), np.uint16))
    small = save_small(large, tmp_path / "small.jpg", 15000)
    assert (small.height, small.width) == (95, 158)
    assert Picture.open(tmp_path / "small.jpg").bits == 8
    tiny = save_small(small, tmp_path / "tiny.jpg", 10**9)
    assert (tiny.height, tiny.width) == (95, 158)


def test_a_photograph_is_looked_at_and_a_broken_one_is_told_by_its_name(tmp_path, tiny):
    seen = inspect(str(tiny), str(tmp_path), 10**7, ignore)
    assert (seen["width"], seen["height"], seen["preview"]) == (96, 96, [96, 96])
    assert {path.name for path in tmp_path.iterdir()} == {"preview.jpg", "thumb.jpg"}
    (tmp_path / "broken.jpg").write_bytes(tiny.read_bytes()[:900])
    with pytest.raises(PictureError) as told:
        inspect(str(tmp_path / "broken.jpg"), str(tmp_path), 10**7, ignore)
    assert str(told.value).startswith("broken.jpg")
    assert str(tmp_path) not in str(told.value)


def test_a_large_photograph_is_refused_by_its_beginning(tmp_path, tiny):
    head = tmp_path / "head"
    head.write_bytes(tiny.read_bytes()[:-500])
    assert inspect(str(head), "", 10**7, ignore)["width"] == 96
    with pytest.raises(PictureError, match="more than the 5,000"):
        inspect(str(head), "", 5000, ignore)
    head.write_bytes(b"no picture at all, which is told once it is here")
    assert inspect(str(head), "", 5000, ignore) == {}


def test_a_mask_that_was_left_alone_stays_to_the_pixel_and_what_was_painted_is_added(tmp_path):
    whole = np.zeros((200, 300), bool)
    whole[50:53, 20:280] = True
    Picture.from_array(np.full((200, 300, 3), 128, np.uint8)).save(tmp_path / "photo.png")
    Picture.from_array(whole).save(tmp_path / "mask.png")
    found = whole[::2, ::2]
    Picture.from_array(found).save(tmp_path / "damage.png")
    painted = found.copy()
    painted[80:90, 10:20] = True
    painted[:, 100:] = False
    Picture.from_array(painted).save(tmp_path / "painted.png")
    names = [str(tmp_path / name) for name in ("photo.png", "painted.png", "damage.png", "mask.png", "made.png")]
    paint_mask(*names, ignore)
    made = np.asarray(Picture.open(tmp_path / "made.png")) > 0
    assert np.array_equal(made[:150, :190], whole[:150, :190])  # three rows high, though the small one had two
    assert made[160:180, 20:40].all()
    assert not made[50:53, 210:].any()
    paint_mask(*names[:2], "", "", names[4], ignore)
    assert (np.asarray(Picture.open(tmp_path / "made.png")) > 0).sum() == 4 * painted.sum()


def test_damage_and_tones_are_shown_small(tmp_path, tiny):
    show_damage(str(tiny), str(tmp_path), 0.5, ignore)
    assert np.asarray(Picture.open(tmp_path / "mask.png")).shape == (96, 96)
    assert (tmp_path / "damage.png").is_file()
    assert show_tones(str(tiny), str(tmp_path), ignore) == ["off", "auto", "strong", "sepia"]
    shown = [np.asarray(Picture.open(tmp_path / f"tone-{number}.jpg")).astype(float) for number in range(4)]
    assert np.abs(shown[0] - shown[2]).mean() > 2


def test_a_part_is_enlarged_while_one_chooses(tiny):
    part = Picture.from_bytes(dial(str(tiny), 0.9, 0.1, False, 0.0, 2.0, ignore))
    assert (part.height, part.width) == (192, 192)


def test_the_schema_knows_types_defaults_choices_and_help():
    tables = schema(ignore)
    assert set(tables) == {"restore", "faces", "upscale", "stylize", "saving"}
    strength = tables["restore"]["properties"]["strength"]
    assert (strength["type"], strength["default"]) == ("number", 1.0)
    assert strength["description"]
    assert tables["restore"]["properties"]["fix_fading"]["enum"] == ["auto", "strong", "off"]
    assert tables["stylize"]["properties"]["style"] == {
        "type": "array",
        "items": {"type": "string"},
        "description": tables["stylize"]["properties"]["style"]["description"],
        "default": [],
    }
    assert "device" not in tables["restore"]["properties"]
