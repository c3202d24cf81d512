"""No file that is read is ever replaced, however the result's name is spelled."""

import os
from pathlib import Path

import pytest
from images.drawn import photo

from daguerre.cli.batch import refuse_shared
from daguerre.cli.identity import identity, name_key, place
from daguerre.cli.jobs import Output, plan_jobs
from daguerre.errors import OptionError
from daguerre.images import Picture


@pytest.fixture
def pictures(desk, narrow_vgg):
    """Two photographs and a painting in a folder, and other ways to it."""
    for name in ("a.png", "a-2x.png", "style.png", "mask.png"):
        Path("d").mkdir(exist_ok=True)
        Picture.from_array(photo(40, 40, seed=len(name))).save(Path("d", name))
    Path("link").symlink_to("d")
    Path("e").mkdir()
    for name in ("a.png", "a-2x.png", "style.png", "mask.png"):
        os.link(Path("d", name), Path("e", f"hard-{name}"))
        Path("e", f"soft-{name}").symlink_to(Path("..", "d", name))
    return {path: path.read_bytes() for path in Path("d").iterdir()}


def spellings(path):
    """Other names of a file in d/."""
    name = Path(path).name
    absolute = str(Path(path).absolute())
    return [f"d/{name}", f"d/../d/{name}", absolute, f"link/{name}", f"e/hard-{name}", f"e/soft-{name}"]


def unchanged(before):
    return {path: path.read_bytes() for path in Path("d").iterdir()} == before


@pytest.mark.parametrize("spelling", range(6))
def test_a_result_replaces_no_picture_however_it_is_spelled(run, pictures, spelling):
    target = spellings("d/a.png")[spelling]
    ran = run("upscale", "d/a.png", "-o", target, "--overwrite", "--scale", "2")
    assert ran.status == 1
    assert len(ran.lines) == 1
    assert f"{target} is the original itself, which is never replaced; name another file" in ran.err
    assert unchanged(pictures)


@pytest.mark.parametrize("folder", ["d", "./d", "link", "$PWD/d", "$PWD/link/../d"])
def test_a_result_replaces_no_other_picture_that_is_read(run, pictures, folder):
    folder = folder.replace("$PWD", os.getcwd())
    ran = run("upscale", "d/a.png", "d/a-2x.png", "-o", folder, "--overwrite", "--scale", "2")
    assert ran.status == 1
    first, second, _ = ran.lines
    assert first.endswith("a-2x.png is read, too, and never replaced; name another file or folder")
    assert "a-2x-2x.png  80 x 80 pixels" in second
    Path("d/a-2x-2x.png").unlink()
    assert unchanged(pictures)


@pytest.mark.parametrize("spelling", range(6))
def test_a_style_is_never_replaced(run, pictures, spelling):
    target = spellings("d/style.png")[spelling]
    words = ("stylize", "d/a.png", "--style", "d/style.png", "--method", "optimize", "--steps", "1", "--overwrite")
    ran = run(*words, "-o", target)
    assert ran.status == 1
    assert f"{target} is read, too, and never replaced" in ran.err
    assert unchanged(pictures)


@pytest.mark.parametrize("spelling", range(6))
@pytest.mark.parametrize(
    "words",
    [
        ("upscale", "--invented"),
        ("restore", "--mask-out"),
        ("scratches", "--overlay"),
        ("age", "--mask"),
        ("age", "--clean"),
        ("run", "--steps", "upscale", "--write-recipe"),
    ],
    ids=lambda words: words[-1],
)
def test_what_is_written_besides_replaces_nothing_that_is_read(run, pictures, words, spelling):
    target = spellings("d/a-2x.png")[spelling]
    command, *rest = words
    ran = run(command, "d/a-2x.png", "-o", "x.png", "--overwrite", *rest, target)
    assert (ran.status, len(ran.lines)) == (1, 1)
    assert ran.lines[0].startswith(f"daguerre: {target} is read, or written for something else, too")
    assert unchanged(pictures)
    assert not Path("x.png").exists()


def test_stages_replace_nothing_that_is_read(run, pictures):
    Path("d/a-2x.png").rename("d/a-1-upscale.png")
    before = {path: path.read_bytes() for path in Path("d").iterdir()}
    words = ("--steps", "upscale,restore", "--overwrite", "--stages", "link", "-o", "new")
    ran = run("run", "d/a.png", "d/a-1-upscale.png", *words)
    assert (ran.status, len(ran.lines)) == (1, 1)
    assert "link/a-1-upscale.png is read, or written for something else, too" in ran.err
    assert unchanged(before)


def test_a_recipe_that_is_followed_is_not_replaced(run, pictures):
    Path("r.toml").write_text('[[step]]\ntask = "upscale"\n')
    os.link("r.toml", "other.toml")
    for target in ("r.toml", "d/../r.toml", str(Path("r.toml").absolute()), "other.toml"):
        ran = run("run", "--recipe", "r.toml", "--write-recipe", target, "--overwrite")
        assert ran.status == 1
        assert f"{target} is read, or written for something else, too" in ran.err
    assert Path("r.toml").read_text() == '[[step]]\ntask = "upscale"\n'


def test_a_mask_without_an_ending_is_protected_too(run, pictures):
    Path("mask").symlink_to("d/mask.png")
    ran = run("restore", "d/a.png", "--scratches", "mask", "--overwrite", "-o", "d/mask.png")
    assert ran.status == 1
    assert unchanged(pictures)


def test_a_disk_that_ignores_case_is_understood(tmp_path, monkeypatch):
    """Such a disk gives the same file for a name in another case; so does a hard link."""
    monkeypatch.chdir(tmp_path)
    Path("Photo.JPG").touch()
    os.link("Photo.JPG", "photo.jpg")
    jobs = plan_jobs([Path("Photo.JPG")], Output(output=Path("new.jpg")), "")
    with pytest.raises(OptionError, match=r"photo\.jpg is read, or written for something else, too"):
        refuse_shared([Path("photo.jpg")], jobs)


def test_an_identity_does_not_depend_on_spelling_even_of_what_is_not_there_yet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("d").mkdir()
    Path("link").symlink_to("d")
    for name in ("d/new.png", "link/new.png", "./d/new.png", f"{tmp_path}/link/new.png"):
        assert identity(Path(name)) == place(Path(name)) == identity(Path("d/new.png"))
    assert identity(Path("d/new.png")) != identity(Path("d/other.png"))
    assert name_key(Path("d/É.png")) == name_key(Path("link/e\u0301.PNG"))
    assert identity(Path("none/new.png")) == identity(Path("./none/new.png"))
    assert identity(Path("zero\0byte"))
