import json
import re
import shutil
from pathlib import Path

import pytest

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture
def faces(run):
    shutil.copy(ASTRONAUT, "photo.jpg")
    return lambda *words: run("faces", "--device", "cpu", *words)


def test_the_result_lies_beside_the_picture_and_the_faces_are_counted(faces):
    ran = faces("photo.jpg")
    assert ran.status == 0
    assert Path("photo-faces.jpg").exists()
    assert re.search(r"photo-faces.jpg  1 face found, 1 refined \(changed by up to 0\.\d %\)", ran.err)


def test_a_list_numbers_the_faces_and_writes_nothing(faces):
    ran = faces("photo.jpg", "--list")
    assert ran.status == 0
    heading, names, row = ran.out.splitlines()
    assert heading == "# photo.jpg: 1 face"
    assert names.split() == ["#", "left", "top", "width", "height"]
    assert "# face 1, score 0." in row
    assert [path.name for path in Path().iterdir()] == ["photo.jpg"]


def test_a_list_can_be_given_back_as_boxes(faces):
    Path("faces.txt").write_text(faces("photo.jpg", "--list").out, encoding="utf-8")
    listed = json.loads(faces("photo.jpg", "--list", "--json").out)["faces"]
    again = json.loads(faces("photo.jpg", "--boxes", "faces.txt", "--list", "--json").out)["faces"]
    assert [{**face, "score": 1.0, "turn": 0.0, "landmarks": []} for face in listed] == again


def test_a_list_needs_no_network(faces):
    assert faces("photo.jpg", "--list", "--model", "nobody").status == 0


@pytest.mark.parametrize("words", [("--only", "1"), ("--skip", "1"), ("-o", "there.jpg")])
def test_a_list_refuses_what_it_would_not_heed(faces, words):
    ran = faces("photo.jpg", "--list", *words)
    assert ran.lines == ["daguerre: --list only lists the faces it finds; leave out --only, --skip and --output"]
    assert ran.status == 1


def test_a_list_can_be_json(faces):
    told = json.loads(faces("photo.jpg", "--list", "--json").out)
    assert told["input"] == "photo.jpg"
    assert [set(face) for face in told["faces"]] == [{"number", "left", "top", "side", "score", "turn", "landmarks"}]


def test_a_list_of_what_is_no_picture_fails_and_goes_on(faces):
    Path("broken.jpg").write_bytes(b"no picture")
    ran = faces("broken.jpg", "photo.jpg", "--list")
    assert ran.status == 1
    assert "broken.jpg" in ran.err
    assert "photo.jpg: 1 face" in ran.out


def test_a_list_as_json_says_of_every_picture_what_failed(faces):
    Path("broken.jpg").write_bytes(b"no picture")
    ran = faces("broken.jpg", "photo.jpg", "--list", "--json")
    first, second = map(json.loads, ran.out.splitlines())
    assert first["input"] == "broken.jpg"
    assert "broken.jpg" in first["error"]
    assert len(second["faces"]) == 1


def test_faces_that_change_too_much_are_named(faces):
    ran = faces("photo.jpg", "--face-limit", "0")
    assert "1 face found, 0 refined, left as they are because they would change too much: 1" in ran.err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("photo.jpg", "--only", "2"), "--only names face 2, but there are 1"),
        (("photo.jpg", "--boxes", "none.txt"), "cannot read the boxes in none.txt"),
        (("photo.jpg", "--only", "x"), "only is 'x'"),
        (("photo.jpg", "--model", "nobody"), "nobody"),
    ],
)
def test_what_cannot_be_done_is_one_line(faces, words, problem):
    ran = faces(*words)
    assert ran.status == 1
    assert len(ran.lines) == 1
    assert problem in ran.err


def test_a_list_can_be_of_standard_input(faces, piped):
    piped(Path("photo.jpg").read_bytes())
    assert faces("-", "--list").out.startswith("# standard input: 1 face\n")


def test_a_name_in_a_list_stays_in_its_line(faces):
    shutil.copy("photo.jpg", "a\n0 0 50 50.jpg")
    lines = faces("a\n0 0 50 50.jpg", "--list").out.splitlines()
    assert lines[0] == r"# a\n0 0 50 50.jpg: 1 face"
    assert len(lines) == 3


def test_numbers_of_faces_fit_one_picture(faces):
    shutil.copy("photo.jpg", "other.jpg")
    ran = faces("photo.jpg", "other.jpg", "--skip", "1")
    assert ran.lines == ["daguerre: --only, --skip and --boxes fit one picture, but there are 2"]
