"""The examples of docs/python.md run as printed."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import daguerre

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^## (.*?)\n+```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE))
RECIPE = """
name = "tiny"
step = "regression"
steps = 2
batch = 1
crop = 16
network = {name = "CompactResNet", arguments = {scale = 2, features = 4, blocks = 1}}
data = {parts = ["."]}
optimizer = {lr = 0.01}
losses = {l1 = 1.0}
validation = {every = 2, crop = 32}
"""


@pytest.fixture
def folder(desk, small_style):
    """What the page expects to be there, small."""
    picture = daguerre.Picture.open(ROOT / "examples" / "small.jpg")
    for name in ("photo.jpg", "old.jpg", "painting.jpg"):
        picture.save(desk / name)
    (desk / "scans").mkdir()
    for name in ("one.jpg", "two.jpg"):
        picture.save(desk / "scans" / name)
    (desk / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return desk


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_runs_as_printed(title, folder):
    example = folder / "example.py"
    example.write_text(EXAMPLES[title], encoding="utf-8")
    if "__main__" in EXAMPLES[title]:
        path = {"PYTHONPATH": str(ROOT / "src")}
        subprocess.run([sys.executable, example], env=os.environ | path, check=True, capture_output=True, timeout=300)
    else:
        exec(compile(EXAMPLES[title], str(example), "exec"), {"__name__": title})


def test_every_example_is_found():
    assert len(EXAMPLES) == PAGE.count("```python") >= 10


def test_the_web_handler_answers_with_a_picture_and_says_what_is_wrong(folder):
    handler: dict = {}
    exec(EXAMPLES["Bytes in, bytes out: a web handler"], handler)

    def ask(body):
        told = {}
        environ = {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
        answer = handler["application"](environ, lambda status, headers: told.update(status=status))
        return told["status"], b"".join(answer)

    status, answer = ask((folder / "old.jpg").read_bytes())
    assert status == "200 OK"
    assert daguerre.Picture.from_bytes(answer).array().shape == daguerre.Picture.open("old.jpg").array().shape
    assert [record["task"] for record in daguerre.records_of(answer)] == ["restore"]
    status, answer = ask(b"no picture")
    assert status == "400 Bad Request"
    assert b"is not a picture" in answer


def test_the_table_names_what_there_is():
    for name in re.findall(r"`(\w+)`", PAGE.split("| --- |")[1].split("\n\n")[0]):
        assert hasattr(daguerre, name)
