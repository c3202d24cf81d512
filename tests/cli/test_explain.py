import json

import pytest
from images.drawn import photo

from daguerre.cli.main import main
from daguerre.images import Picture


@pytest.fixture
def results(desk):
    Picture.from_array(photo(16, 20)).save(desk / "old.png")
    assert main(["upscale", "old.png", "--scale", "2", "-o", "new one.png", "--quiet"]) == 0
    return desk


def test_one_picture_is_explained_in_full(results, capsys):
    assert main(["explain", "new one.png"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("new one.png\n\nA photograph that a computer has corrected.")
    assert "Enlarged 2 times" in out
    assert out.endswith("daguerre verify 'new one.png' old.png\n")


def test_of_a_folder_each_picture_gets_a_line_and_kinds_are_counted(results, capsys):
    (results / "broken.png").write_bytes(b"none")
    assert main(["explain", "."]) == 1
    told = capsys.readouterr()
    assert "new one.png: A photograph that a computer has corrected." in told.out
    assert "old.png: Daguerre has left no record in it." in told.out
    assert "1 of 3: A photograph that a computer has corrected. Nothing was painted into it.\n" in told.out
    assert "broken.png" in told.err


def test_programs_get_the_records_themselves(results, capsys):
    assert main(["explain", "new one.png", "old.png", "--json"]) == 0
    new, old = map(json.loads, capsys.readouterr().out.splitlines())
    assert new["digital_source_type"].endswith("/algorithmicallyEnhanced")
    assert [step["task"] for step in new["steps"]] == ["upscale"]
    assert (old["digital_source_type"], old["steps"]) == (None, [])


def test_nothing_named_is_told(desk, capsys):
    assert main(["explain"]) == 1
    assert "name at least one picture or folder" in capsys.readouterr().err
