"""How masks are scored against what was marked by hand in real photographs, and that those marks are well formed."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality import real_damage
from benchmarks.quality.real_damage import DAMAGE, MARKS, SOUND, Mark, Marks, Score, load_marks, score
from daguerre.images import Picture

SCRATCH = {"kind": "scratch", "line": [[10, 20], [50, 20]], "width": 2}
SPECK = {"kind": "speck", "spot": [80, 40], "radius": 2}
CAPTION = {"kind": "caption", "area": [[10, 60], [40, 60], [40, 75], [10, 75]]}
UNSURE = {"area": [[60, 60], [90, 60], [90, 75], [60, 75]]}


@pytest.fixture
def marked(tmp_path):
    """Marks of a photograph of 100 x 80 pixels: a scratch, a speck, a caption, an area of which nobody can tell."""
    entry = {"file": "photo.png", "size": [100, 80], "half": "work"}
    entry |= {"damage": [SCRATCH, SPECK], "sound": [CAPTION], "unsure": [UNSURE]}
    (tmp_path / "photo.json").write_text(json.dumps(entry))
    return load_marks("work", tmp_path)[0]


def mask_of(*areas):
    mask = np.zeros((80, 100), np.bool_)
    for rows, columns in areas:
        mask[slice(*rows), slice(*columns)] = True
    return mask


def test_half_a_scratch_two_pixels_aside_is_found_and_less_is_not(marked):
    assert score(marked, mask_of(((22, 23), (10, 31)))).found == Counter(scratch=1)
    assert score(marked, mask_of(((23, 24), (10, 51)))).found == Counter()
    assert score(marked, mask_of(((20, 21), (10, 24)))).found == Counter()


def test_a_speck_is_found_where_its_mask_lies_and_not_five_pixels_aside(marked):
    assert score(marked, mask_of(((39, 42), (79, 82)))).found == Counter(speck=1)
    assert score(marked, mask_of(((39, 42), (86, 88)))).found == Counter()


def test_pixels_more_than_a_rim_away_from_damage_are_sound(marked):
    result = score(marked, mask_of(((15, 20), (20, 30))))  # the scratch covers rows 19 to 21 or less
    assert (result.marked, result.sound) == (50, 10)


def test_where_nobody_can_tell_counts_neither_way(marked):
    result = score(marked, mask_of(((60, 76), (60, 91))))
    assert (result.marked, result.sound) == (0, 0)


def test_a_caption_is_hit_when_more_than_a_twentieth_of_it_is_marked(marked):
    assert score(marked, mask_of(((60, 76), (10, 11)))).hit == Counter()
    assert score(marked, mask_of(((60, 76), (10, 12)))).hit == Counter(caption=1)


def test_damage_on_a_caption_is_no_hit():
    caption, scratch = Mark.read(CAPTION), Mark("scratch", "line", [[10, 67], [40, 67]], 3)
    marks = Marks("photo.png", 80, 100, "work", [scratch], [caption], [])
    assert score(marks, mask_of(((65, 70), (10, 41)))).hit == Counter()


def test_an_empty_mask_finds_nothing(marked):
    result = score(marked, mask_of())
    assert (result.found.total(), result.marked, result.sound) == (0, 0, 0)


def test_scores_add_up_and_specks_are_counted_apart(marked):
    total = score(marked, mask_of(((20, 21), (10, 51)))) + score(marked, mask_of(((39, 42), (79, 82))))
    assert total.row() == {
        "damage": "1 of 2",
        "specks": "1 of 2",
        "look-alikes hit": "0 of 2",
        "marked": "50",
        "sound": "0.0 %",
    }
    assert Score() + total == total


def test_masks_are_read_scored_written_and_drawn(marked, tmp_path, monkeypatch, capsys):
    masks, drawn, table = tmp_path / "masks", tmp_path / "drawn", tmp_path / "table.csv"
    masks.mkdir()
    Picture.from_array(np.full((80, 100, 3), 90, np.uint8)).save(tmp_path / "photo.png")
    Picture.from_array(255 * mask_of(((20, 21), (10, 51))).astype(np.uint8)).save(masks / "photo-scratches.png")
    monkeypatch.setattr(real_damage, "load_marks", lambda half: [marked])
    words = ["real_damage", str(tmp_path), "--masks", str(masks)]
    monkeypatch.setattr("sys.argv", [*words, "-o", str(table)])
    real_damage.main()
    assert "scratch         1 of    1 found" in capsys.readouterr().out
    assert "photo.png,41,0,1,1" in table.read_text()
    monkeypatch.setattr("sys.argv", [*words, "--show", str(drawn)])
    real_damage.main()
    assert Picture.open(drawn / "photo.png").width == 200


def test_a_photograph_of_another_size_is_refused(marked, tmp_path):
    Picture.from_array(np.zeros((40, 50, 3), np.uint8)).save(tmp_path / "photo.png")
    with pytest.raises(SystemExit, match="50 x 40 pixels, but was marked at 100 x 80"):
        real_damage.open_photograph(tmp_path, marked)


def test_a_photograph_that_is_not_there_is_named(marked, tmp_path):
    with pytest.raises(SystemExit, match=r"has no photo\.png"):
        real_damage.open_photograph(tmp_path / "empty", marked)


def test_both_halves_show_the_same_kinds_of_damage_about_as_often():
    work, end = (load_marks(half) for half in ("work", "end"))
    assert abs(len(work) - len(end)) <= 1
    kinds = [Counter(mark.kind for marks in half for mark in marks.damage) for half in (work, end)]
    for kind in ("scratch", "crack", "speck", "peeled", "fold"):
        few, many = sorted(count[kind] for count in kinds)
        assert many <= 1.5 * few, kind


@pytest.mark.parametrize("path", sorted(MARKS.glob("*.json")), ids=lambda path: path.stem)
def test_marks_are_of_known_kinds_inside_their_photograph(path):
    marks, entry = Marks.load(path), json.loads(path.read_text())
    assert path.stem == Path(marks.file).stem
    assert marks.half in ("work", "end")
    assert {"source", "source_path"} <= entry.keys()
    assert {mark.kind for mark in marks.damage} <= set(DAMAGE)
    assert {mark.kind for mark in marks.sound} <= set(SOUND)
    for mark in marks.damage + marks.sound + marks.unsure:
        points = np.array(mark.points)
        assert (points >= -1).all(), mark
        assert (points <= [marks.width, marks.height]).all(), mark
        assert len(points) >= {"spot": 1, "line": 2, "area": 3}[mark.shape], mark
