from pathlib import Path

import numpy as np
import pytest

from daguerre import weights
from daguerre.errors import OptionError, WeightsError
from daguerre.images import Picture
from daguerre.tasks.faces.detection import LANDMARKS, Boxes, Face, FaceFinder, copies, face_of, in_reading_order

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def astronaut():
    return Picture.open(EXAMPLES / "astronaut.jpg").array()


@pytest.fixture(autouse=True)
def no_fetched_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGUERRE_WEIGHTS", str(tmp_path / "weights"))


def find(picture, min_size=12, confidence=0.7, **how):
    return FaceFinder(min_size=min_size, confidence=confidence, **how)(picture)


def test_a_face_is_found_where_it_is_with_its_landmarks(astronaut):
    (face,) = find(Picture.from_array(astronaut))
    assert abs(face.left + face.side / 2 - 221) < 15
    assert abs(face.top + face.side / 2 - 114) < 15
    assert 75 <= face.side <= 120
    known = ((203, 106), (246, 106), (220, 126), (202, 143), (240, 144))  # eyes, nose, mouth
    assert np.abs(np.array(face.landmarks) - known).max() < 12


def test_no_face_is_found_in_a_cup_of_coffee():
    assert find(Picture.open(EXAMPLES / "coffee.jpg")) == []


def test_small_and_large_faces_are_found_in_one_picture(astronaut):
    import cv2

    small = cv2.resize(astronaut, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    large = cv2.resize(astronaut, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    large[1000 : 1000 + small.shape[0], 800 : 800 + small.shape[1]] = small
    first, second = find(Picture.from_array(large), confidence=0.75)
    assert 220 < first.side < 400
    assert 20 < second.side < 40


def test_windows_change_nothing(astronaut):
    picture = Picture.from_array(astronaut)
    (whole,), (parts,) = find(picture), find(picture, side=64)
    assert (parts.left, parts.top, parts.side) == (whole.left, whole.top, whole.side)
    assert parts.score == pytest.approx(whole.score, abs=2e-3)


def test_a_face_below_the_size_asked_for_is_left_alone(astronaut):
    assert find(Picture.from_array(astronaut), min_size=160) == []


def test_a_face_less_sure_than_asked_for_is_left_alone(astronaut):
    assert find(Picture.from_array(astronaut), confidence=0.99) == []


def test_copies_begin_where_the_least_face_is_seen_and_end_where_the_largest_is():
    picture = Picture.from_array(np.zeros((500, 1000, 3), np.uint8))
    assert [copy.width for copy in copies(picture, 12)] == [1000, 500, 250]
    assert [copy.width for copy in copies(picture, 100)] == [250]
    assert [copy.width for copy in copies(Picture.from_array(np.zeros((90, 90, 3), np.uint8)), 12)] == [90]


def row(places, height):
    box = [0, 0, height, height]
    return [*box, *[coordinate for place in places for coordinate in (place.real, place.imag)], 0.9]


def test_the_square_of_a_face_is_where_its_landmarks_lie_best():
    upright = face_of(row([100 + 20j + 50 * place for place in LANDMARKS], 58))
    assert (upright.left, upright.top, upright.side, upright.turn) == (100, 20, 50, 0)
    assert upright.landmarks[0] == pytest.approx((115.4, 38.5))
    lying = face_of(row([100 + 50j * (place - 0.5 - 0.5j) for place in LANDMARKS], 58))
    assert (lying.left, lying.top, lying.side, lying.turn) == (75, -25, 50, 90)


def test_a_profile_has_a_square_that_is_not_much_smaller_than_its_box():
    narrow = [complex(0.514 + (place.real - 0.514) / 8, place.imag) * 50 for place in LANDMARKS]
    assert face_of(row(narrow, 58)).side == round(0.85 * 50)


def test_the_published_network_is_used_once_it_is_there(astronaut, tmp_path):
    assert FaceFinder(min_size=12, confidence=0.6).model == "face-detection"
    (tmp_path / "weights").mkdir()
    there = weights.find("face-detection")
    (tmp_path / "weights" / "yunet.safetensors").write_bytes(there.read_bytes())
    assert FaceFinder(min_size=12, confidence=0.6).model == "yunet"


def test_weights_of_another_network_are_refused():
    with pytest.raises(WeightsError, match="a YuNet is needed here"):
        FaceFinder("tone", min_size=12, confidence=0.6)


def test_faces_are_numbered_as_one_reads():
    rows = [Face(300, 20, 50), Face(10, 30, 50), Face(100, 200, 40)]
    assert in_reading_order(rows) == [rows[1], rows[0], rows[2]]


def test_boxes_are_read_from_a_file_and_made_square(tmp_path):
    file = tmp_path / "boxes.txt"
    file.write_text("# left, top, width, height\n10, 20, 30, 40\n\n50 10 20 20 # aunt\n", encoding="utf-8")
    assert Boxes(file)(Picture.from_array(np.zeros((80, 90), np.uint8))) == [Face(50, 10, 20), Face(5, 20, 40)]


def test_a_box_may_reach_over_the_border_and_its_file_come_from_windows(tmp_path):
    file = tmp_path / "boxes.txt"
    file.write_text("-3 5 60 60\r\n", encoding="utf-8-sig")
    assert Boxes(file)(Picture.from_array(np.zeros((80, 90), np.uint8))) == [Face(-3, 5, 60)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1 2 3", "line 2: '1 2 3' is no box; write left, top, width and height in pixels"),
        ("left 2 3 4", "line 2: 'left 2 3 4' is no box"),
        ("90 10 20 20", "line 2: the box 90 10 20 20 is not in the picture, which has 90 x 80 pixels"),
        ("-20 10 20 20", "line 2: the box -20 10 20 20 is not in the picture"),
        ("10 10 0 5 # uncle", "line 2: the box 10 10 0 5 is smaller than a pixel"),
        ("nan 10 5 5", "line 2: the box nan 10 5 5 is not in the picture"),
        ("10 10 inf 5", "line 2: the box 10 10 inf 5 is far larger than the picture"),
        ("10 10 5 nan", "line 2: the box 10 10 5 nan is smaller than a pixel"),
        ("0 0 99999999999999999999 5", "line 2: the box 0 0 99999999999999999999 5 is far larger than the picture"),
        ("-1e308 0 1e308 1e308", "is far larger than the picture"),
    ],
)
def test_what_is_no_box_is_named_with_its_line(tmp_path, line, problem):
    file = tmp_path / "boxes.txt"
    file.write_text(f"10 10 20 20\n{line}\n", encoding="utf-8")
    with pytest.raises(OptionError) as error:
        Boxes(file)(Picture.from_array(np.zeros((80, 90), np.uint8)))
    assert problem in str(error.value)


def test_a_file_of_boxes_that_cannot_be_read_is_named(tmp_path):
    picture = Picture.from_array(np.zeros((80, 90), np.uint8))
    with pytest.raises(OptionError, match=r"cannot read the boxes in .*none\.txt \(No such file or directory\)"):
        Boxes(tmp_path / "none.txt")(picture)
    file = tmp_path / "boxes.txt"
    file.write_text("10 10 20 20\n", encoding="utf-16")
    with pytest.raises(OptionError, match=r"cannot read the boxes in .*; save it as plain text, in UTF-8"):
        Boxes(file)(picture)
