"""`-` stands for standard input and output."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
import pyvips
from images.drawn import photo

from daguerre.cli.standard import passing
from daguerre.images import Picture


@pytest.fixture
def piped(run, piped, monkeypatch):
    """Run a command with bytes at standard input; gives what it says, and what standard output got."""

    def through(content, *words):
        piped(content)
        out = io.TextIOWrapper(io.BytesIO())
        monkeypatch.setattr("sys.stdout", out)
        return run(*words), out.buffer.getvalue()

    return through


def drawn(ending=".png", size=(20, 30)):
    """A photograph as bytes."""
    path = Picture.from_array(photo(*size)).save(f"drawn{ending}")
    content = path.read_bytes()
    path.unlink()
    return content


def kind(content):
    image = pyvips.Image.new_from_buffer(content, "")
    return image.get("vips-loader").split("load")[0], image.width


@pytest.mark.parametrize(
    ("ending", "words", "format"),
    [
        (".png", [], "png"),
        (".jpg", [], "jpeg"),
        (".tif", [], "tiff"),
        (".webp", [], "webp"),
        (".png", ["--format", "jpeg"], "jpeg"),
        (".jpg", ["--format", "png"], "png"),
        (".jpg", ["--format", ".TIF"], "tiff"),
    ],
)
def test_a_picture_comes_in_and_goes_out(piped, ending, words, format):
    ran, out = piped(drawn(ending), "upscale", "-", "-o", "-", "--scale", "2", *words)
    assert (ran.status, len(ran.lines)) == (0, 1)
    assert ran.lines[0].startswith("standard output  60 x 40 pixels")
    assert kind(out) == (format, 60)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [("restore",), ("scratches",), ("age",), ("faces",), ("run", "--steps", "upscale"), ("upscale",)],
    ids=lambda words: words[0],
)
def test_every_picture_task_can_do_it(piped, words):
    ran, out = piped(drawn(), *words, "-", "-o", "-", "--quiet")
    assert (ran.status, ran.err) == (0, "")
    assert kind(out)[0] == "png"
    assert list(Path().iterdir()) == []


def test_stylizing_can_do_it(piped, small_style):
    Path("wave.png").write_bytes(drawn(size=(40, 40)))
    ran, out = piped(drawn(size=(40, 50)), "stylize", "-", "--style", "wave.png", "-o", "-", "--quiet")
    assert (ran.status, ran.err) == (0, "")
    assert kind(out) == ("png", 50)


def test_only_one_end_can_be_standard(piped):
    ran, out = piped(drawn(), "upscale", "-", "-o", "out.jpg", "--scale", "2")
    assert ran.lines[0].startswith("out.jpg  60 x 40 pixels")
    assert out == b""
    ran, out = piped(b"", "upscale", "out.jpg", "-o", "-", "--scale", "2", "--quiet")
    assert kind(out) == ("jpeg", 120)


def test_in_a_folder_it_has_a_name(piped):
    assert piped(drawn(), "upscale", "-", "-o", "new", "--scale", "2")[0].status == 0
    assert [path.name for path in Path("new").iterdir()] == ["stdin-2x.png"]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["-"], "standard input: no folder to put the result in; add -o FILE, or -o - for standard output"),
        (["-", "-o", "-", "--json"], "--json and --output - both want standard output; leave one of them out"),
        (["-", "-o", "-", "--format", "jpg2"], "no format is called 'jpg2'"),
        (["-", "-o", "a.png", "--format", "jpeg"], "a.png does not end in .jpeg, as --format wants it"),
        (["-", "other.png", "-o", "-"], "- names one file, but there are 2 pictures"),
    ],
)
def test_what_cannot_be_done_is_one_line(piped, words, problem):
    ran, out = piped(drawn(), "upscale", *words)
    assert (ran.status, len(ran.lines), out) == (1, 1, b"")
    assert problem in ran.err


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_called_by_where_it_came_from(piped, content):
    ran, out = piped(content, "upscale", "-", "-o", "-")
    assert (ran.status, len(ran.lines), out) == (1, 1, b"")
    assert ran.lines[0].startswith("daguerre: standard input is ")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_is_given_no_picture(run, monkeypatch):
    monkeypatch.setattr("sys.stdout", Terminal())
    ran = run("upscale", "photo.png", "-o", "-")
    assert ran.lines == ["daguerre: a terminal shows no pictures; send standard output somewhere: -o - > result.jpg"]


def test_nobody_is_waited_for_to_type_a_picture(run, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal())
    ran = run("upscale", "-", "-o", "a.png")
    assert ran.lines == [
        "daguerre: - reads the picture from standard input, which is a terminal; give it one: - < photo.jpg"
    ]


def test_files_beside_the_result_need_a_result_in_a_folder(piped, narrow_vgg):
    words = ("--style", "wave.png", "--method", "optimize", "--losses")
    ran, out = piped(drawn(), "stylize", "-", "-o", "-", *words)
    assert (ran.status, out) == (1, b"")
    assert "a result at standard output has no folder for files beside it; name a file with -o" in ran.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize(
    ("redirected", "problem"),
    [
        (">/dev/full", "daguerre: photo.png: cannot write to standard output (No space left on device)"),
        (">&-", "daguerre: standard output is closed; name a file with -o"),
    ],
)
def test_a_picture_that_cannot_be_sent_is_a_failure_and_leaves_nothing(desk, redirected, problem):
    Path("photo.png").write_bytes(drawn())
    command = f"{sys.executable} -m daguerre upscale photo.png -o - --scale 2 {redirected}"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()) == (1, [problem])
    assert not list(desk.parent.glob("daguerre-passing-*"))


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_uses_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / "daguerre-passing-left"
    left.mkdir()
    (left / "standard input.png").touch()
    first, second = passing(), passing()
    assert sorted(tmp_path.iterdir()) == sorted((first, second))
