from pathlib import Path

import numpy as np
import pytest
from onnx_files import write_convolutions

import daguerre.tasks.faces.detection as module
from daguerre.errors import MissingExtra, OptionError
from daguerre.images import Picture
from daguerre.tasks.faces.detection import Boxes, Face, FaceFinder, YuNet, in_reading_order, merged

EXAMPLES = Path(__file__).parents[3] / "examples"


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


def test_an_opencv_without_cascades_is_named_with_the_ways_out(monkeypatch):
    import cv2

    monkeypatch.delattr(cv2, "CascadeClassifier")
    module.cascade.cache_clear()
    with pytest.raises(MissingExtra, match=r"OpenCV .* finds no faces by itself; install 'opencv-python-headless<5'"):
        FaceFinder(min_size=70, confidence=0.5)


def test_no_face_is_found_in_a_cup_of_coffee():
    assert find(Picture.open(EXAMPLES / "coffee.jpg")) == []


def test_where_votes_are_few_eyes_decide(astronaut, monkeypatch):
    picture = Picture.from_array(astronaut)
    monkeypatch.setattr(module, "CERTAIN", 1.0)
    assert len(find(picture)) == 1  # has eyes
    blind = astronaut.copy()
    (face,) = find(picture)
    rows = slice(face.top + face.side // 5, face.top + face.side // 2)
    blind[rows, face.left : face.left + face.side] = blind[rows, face.left : face.left + face.side].mean((0, 1))
    monkeypatch.setattr(module, "merged", lambda boxes: [((face.left, face.top, face.side), 30)])
    assert find(Picture.from_array(blind)) == []
    monkeypatch.setattr(module, "CERTAIN", 0.5)
    assert len(find(Picture.from_array(blind))) == 1


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


def sees_blue(path, stride=16):
    """Write a network with YuNet's outputs that takes every blue cell for the middle of a face of 80 x 96 pixels."""
    outputs = {}
    for step in (8, 16, 32):
        blind = np.zeros((1, 3, step, step))
        looks = blind + np.array([1, 0, -1]).reshape(1, 3, 1, 1) / (255 * step * step)  # blue comes first, red last
        outputs |= {
            f"cls_{step}": (looks if step == stride else blind, np.zeros(1), step),
            f"obj_{step}": (blind, np.ones(1), step),
            f"bbox_{step}": (blind.repeat(4, 0), np.array([0.5, 0.5, *np.log([80 / step, 96 / step])]), step),
            f"kps_{step}": (blind.repeat(10, 0), np.zeros(10), step),
        }
    write_convolutions(path, outputs, side=64)


def test_what_opencv_makes_of_a_network_like_yunet_becomes_squares_of_the_picture(tmp_path, monkeypatch):
    file = tmp_path / "yunet.onnx"
    sees_blue(file)
    monkeypatch.setattr(module, "YUNET", module.hashlib.sha256(file.read_bytes()).hexdigest())
    levels = np.zeros((1200, 2400, 3), np.uint8)
    levels[320:352, 640:672] = (0, 0, 255)  # a cell of 16 pixels on the copy, which has half the size
    levels[320:352, 1600:1632] = (255, 0, 0)
    picture = Picture.from_array(levels)
    # The box on the copy is 80 wide, 96 high, its middle (328, 168); the cell's borders are blurred there.
    (face,) = YuNet(file, min_size=40, confidence=0.5)(picture)
    assert face == Face(560, 240, 192, face.score)
    assert 0.95 < face.score < 1
    assert YuNet(file, min_size=220, confidence=0.5)(picture) == []
    assert YuNet(file, min_size=40, confidence=0.5)(Picture.from_array(np.zeros((90, 90, 3), np.uint8))) == []


def test_another_file_than_yunets_is_refused(tmp_path):
    file = tmp_path / "other.onnx"
    file.write_bytes(b"other")
    with pytest.raises(OptionError, match="is not face_detection_yunet_2023mar"):
        YuNet(file, min_size=40, confidence=0.5)
    with pytest.raises(OptionError, match="cannot read YuNet's file"):
        YuNet(tmp_path / "none.onnx", min_size=40, confidence=0.5)
