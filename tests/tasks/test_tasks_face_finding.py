from pathlib import Path

import cv2
import numpy as np
import pytest

import daguerre.tasks.face_finding as module
from daguerre.errors import OptionError
from daguerre.images import Picture
from daguerre.tasks.face_finding import Face, FaceFinder, YuNet, in_reading_order, merged, read_boxes

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def astronaut():
    return Picture.open(EXAMPLES / "astronaut.jpg").array()


def find(picture, min_size=70, confidence=0.5):
    return FaceFinder(min_size=min_size, confidence=confidence)(picture)


def test_a_face_is_found_where_it_is(astronaut):
    (face,) = find(Picture.from_array(astronaut))
    assert abs(face.left + face.side / 2 - 221) < 15
    assert abs(face.top + face.side / 2 - 114) < 15
    assert 75 <= face.side <= 120


def test_the_order_of_the_search_is_no_matter(astronaut):
    assert find(Picture.from_array(astronaut)) == find(Picture.from_array(astronaut))


def test_no_face_is_found_in_a_cup_of_coffee():
    assert find(Picture.open(EXAMPLES / "coffee.jpg")) == []


def test_a_face_below_the_size_asked_for_is_left_alone(astronaut):
    assert find(Picture.from_array(astronaut), min_size=160) == []


def test_a_face_less_sure_than_asked_for_is_left_alone(astronaut):
    assert find(Picture.from_array(astronaut), confidence=0.99) == []


def test_a_large_picture_is_searched_on_a_copy_and_told_in_its_own_pixels(astronaut):
    (small,) = find(Picture.from_array(astronaut))
    (large,) = find(Picture.from_array(astronaut.repeat(3, 0).repeat(3, 1)), min_size=210)
    assert large.side == pytest.approx(3 * small.side, rel=0.15)
    assert large.top == pytest.approx(3 * small.top, abs=40)


def test_firings_of_one_face_become_one_with_their_number():
    boxes = np.array([[10, 10, 50], [12, 9, 50], [9, 12, 52], [200, 40, 30], [20, 20, 24]], float)
    (first, votes), (second, alone) = merged(boxes)
    assert (votes, alone) == (3, 1)
    assert first == (10, 10, 50)
    assert second == (200, 40, 30)


def test_faces_are_numbered_as_one_reads():
    rows = [Face(300, 20, 50), Face(10, 30, 50), Face(100, 200, 40)]
    assert in_reading_order(rows) == [rows[1], rows[0], rows[2]]


def test_boxes_are_read_from_a_file_and_made_square(tmp_path):
    file = tmp_path / "boxes.txt"
    file.write_text("# left, top, width, height\n10, 20, 30, 40\n\n50 10 20 20 # aunt\n", encoding="utf-8")
    faces = read_boxes(file, Picture.from_array(np.zeros((80, 90), np.uint8)))
    assert faces == [Face(5, 20, 40), Face(50, 10, 20)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1 2 3", "line 2: '1 2 3' is no box; write left, top, width and height in pixels"),
        ("left 2 3 4", "line 2: 'left 2 3 4' is no box"),
        ("80 10 20 20", "line 2: the box 80 10 20 20 is not inside the picture, which has 90 x 80 pixels"),
        ("10 10 0 5", "line 2: the box 10 10 0 5 is not inside"),
        ("nan 10 5 5", "line 2: the box nan 10 5 5 is not inside"),
    ],
)
def test_what_is_no_box_is_named_with_its_line(tmp_path, line, problem):
    file = tmp_path / "boxes.txt"
    file.write_text(f"10 10 20 20\n{line}\n", encoding="utf-8")
    with pytest.raises(OptionError) as error:
        read_boxes(file, Picture.from_array(np.zeros((80, 90), np.uint8)))
    assert problem in str(error.value)


def test_a_file_of_boxes_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OptionError, match=r"cannot read the boxes in .*none\.txt"):
        read_boxes(tmp_path / "none.txt", Picture.from_array(np.zeros((80, 90), np.uint8)))


def test_what_yunet_says_becomes_squares_of_the_picture(tmp_path, monkeypatch):
    class Detector:
        def detect(self, levels):
            assert levels.shape == (600, 1200, 3)
            assert tuple(levels[0, 0]) == (30, 20, 10)  # blue first
            return 1, np.array([[100, 50, 30, 40, *[0] * 10, 0.9], [300, 50, 8, 10, *[0] * 10, 0.8]], np.float32)

    class Made:
        create = staticmethod(lambda path, config, size, confidence: Detector())

    file = tmp_path / "yunet.onnx"
    file.write_bytes(b"network")
    monkeypatch.setattr(module, "YUNET", module.hashlib.sha256(b"network").hexdigest())
    monkeypatch.setattr(cv2, "FaceDetectorYN", Made)
    picture = Picture.from_array(np.full((1200, 2400, 3), (10, 20, 30), np.uint8))
    assert YuNet(file, min_size=40, confidence=0.5)(picture) == [Face(190, 100, 80, 0.9)]


def test_another_file_than_yunets_is_refused(tmp_path):
    file = tmp_path / "other.onnx"
    file.write_bytes(b"other")
    with pytest.raises(OptionError, match="is not face_detection_yunet_2023mar"):
        YuNet(file, min_size=40, confidence=0.5)
    with pytest.raises(OptionError, match="cannot read YuNet's file"):
        YuNet(tmp_path / "none.onnx", min_size=40, confidence=0.5)
