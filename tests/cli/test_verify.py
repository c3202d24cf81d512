import json

import pytest
from images.drawn import photo

from daguerre.cli.main import main
from daguerre.images import Picture


@pytest.fixture
def results(desk):
    Picture.from_array(photo(16, 20)).save(desk / "old.png")
    Picture.from_array(photo(16, 20, seed=5)).save(desk / "other.png")
    assert main(["upscale", "old.png", "--scale", "2", "-o", "new.png", "--quiet"]) == 0
    return desk


def test_the_exit_status_says_whether_it_is_what_it_claims_to_be(results, capsys):
    assert main(["verify", "new.png", "old.png"]) == 0
    assert capsys.readouterr().out == "new.png: the same file, byte for byte\n"
    assert main(["verify", "new.png", "other.png"]) == 1
    assert capsys.readouterr().out.startswith(
        "new.png: made from another file\n  it was made from old.png with SHA-256 "
    )


def test_where_it_was_edited_is_told(results, capsys):
    picture = Picture.open(results / "new.png")
    levels = picture.array().copy()
    levels[3:5, 8:10] = 255 - levels[3:5, 8:10]
    Picture.from_array(levels, like=picture).save("new.png", overwrite=True)
    assert main(["verify", "new.png", "old.png"]) == 1
    assert "all between 8, 3 and 10, 5" in capsys.readouterr().out
    assert main(["verify", "new.png", "old.png", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["where"]) == ("another picture", [8, 3, 10, 5])
    assert 0 < told["differing_percent"] < 1


def test_a_picture_without_a_record_is_told_in_a_line(results, capsys):
    assert main(["verify", "old.png", "old.png"]) == 1
    assert "old.png has no record of what was done" in capsys.readouterr().err
