import json
from pathlib import Path

import numpy as np
import pytest
from images.drawn import photo

from daguerre.images import Picture


@pytest.fixture
def restore(run):
    return lambda *words: run("restore", *words, "--device", "cpu")


def draw(name, *shape, like=lambda levels: levels):
    return Picture.from_array(like(photo(*shape or (60, 48)))).save(name)


def scratched(levels):
    levels[20:22, 5:40] = 255
    return levels


def pale(levels):
    return (90 + levels / 4).astype(np.uint8)


def mask(name, height=60, width=48):
    levels = np.zeros((height, width), np.uint8)
    levels[19:23, 4:41] = 255
    return Picture.from_array(levels).save(name)


def test_a_photograph_is_restored_beside_itself_and_stays(restore):
    draw("old.jpg")
    before = Path("old.jpg").read_bytes()
    ran = restore("old.jpg")
    assert (ran.status, ran.out) == (0, "")
    assert ran.err.startswith("old-restored.jpg  ")
    assert "% was damaged, " in ran.err
    assert "tones changed by" in ran.err
    assert Picture.open("old-restored.jpg").height == 60
    assert Path("old.jpg").read_bytes() == before


def test_a_mask_that_was_found_or_drawn_is_filled_and_written_back(restore):
    draw("old.png", like=scratched)
    mask("mask.png")
    ran = restore("old.png", "--scratches", "mask.png", "--mask-out", "used.png", "--fix-fading", "off", "--json")
    said = json.loads(ran.out)
    assert (said["input"], said["output"]) == ("old.png", "old-restored.png")
    assert said["damaged_percent"] == pytest.approx(100 * 4 * 37 / (60 * 48), abs=0.01)
    assert (Picture.open("used.png").array() == Picture.open("mask.png").array()).all()
    found = restore("old.png", "-o", "found.png", "--mask-out", "found-mask.png")
    assert found.status == 0
    assert Picture.open("found-mask.png").array().squeeze().shape == (60, 48)


def test_every_stage_is_written_without_loss(restore):
    draw("old.jpg", like=scratched)
    mask("mask.png")
    assert restore("old.jpg", "--scratches", "mask.png", "--stains", "off", "--stages", "way").status == 0
    assert sorted(path.name for path in Path("way").iterdir()) == [
        "old-2-damage.png",
        "old-3-inpainted.png",
        "old-4-denoised.png",
        "old-5-translated.png",
    ]


def test_folders_for_masks_and_stages_are_made_and_stages_lie_as_their_pictures_do(restore):
    for folder in ("scans/one", "scans/two"):
        Path(folder).mkdir(parents=True)
        draw(f"{folder}/a.png")
    others = ("--fix-fading", "off", "--faces", "off", "--stains", "off")
    assert restore("scans", "-o", "out", "--stages", "way", *others).status == 0
    assert {path.parent for path in Path("way").rglob("*damage.png")} == {Path("way/one"), Path("way/two")}
    assert restore("scans/one/a.png", "-o", "a.png", "--mask-out", "masks/new/a.png", *others).status == 0
    assert Path("masks/new/a.png").exists()
    assert restore("scans", "-o", "again", "--mask-out", "found", *others).status == 0
    assert sorted(Path("found").rglob("*.png")) == [
        Path(f"found/{folder}/a-scratches.png") for folder in ("one", "two")
    ]


def test_damage_is_filled_as_sensitivity_and_size_ask(restore):
    old = Picture.open(Path(__file__).parents[2] / "examples" / "old.jpg").array()
    Picture.from_array(old[-256:, -256:]).save("old.png")
    others = ("--fix-fading", "off", "--faces", "off", "--stains", "off", "--overwrite", "--json")

    def found(*words):
        return json.loads(restore("old.png", *words, *others).out)["damaged_percent"]

    assert found("--sensitivity", "1") >= found() > 0
    assert found("--min-length", "256") < found()
    assert found("--min-area", "65536") == 0


def test_kept_colours_are_the_photographs_own(restore):
    draw("old.png", like=lambda levels: (pale(levels) * [1, 0.9, 0.7]).astype(np.uint8))
    others = ("--scratches", "off", "--faces", "off", "--stains", "off", "--fix-fading", "strong")
    assert restore("old.png", "-o", "kept.png", "--keep-colour", *others).status == 0
    assert restore("old.png", "-o", "free.png", *others).status == 0
    before, kept, free = (Picture.open(name).read() for name in ("old.png", "kept.png", "free.png"))
    tint, still = ((image.mean((0, 2, 3))[0] / image.mean((0, 2, 3))[2]).item() for image in (before, kept))
    assert tint > 1.3
    assert still == pytest.approx(tint, abs=0.1)
    assert (kept - free).abs().mean() > 0.01


def test_a_folder_is_restored_and_one_unreadable_picture_does_not_stop_it(restore):
    Path("scans").mkdir()
    draw("scans/a.png")
    Path("scans/b.png").write_bytes(b"no picture")
    ran = restore("scans", "-o", "restored", "--scratches", "off", "--faces", "off")
    assert ran.status == 1
    assert Path("restored/a-restored.png").exists()
    assert "scans/b.png" in ran.err
    assert "1 of 2 pictures failed" in ran.err


def test_who_has_a_pale_photograph_is_told_what_to_do_if_it_has_faded(restore):
    draw("pale.png", like=pale)
    others = ("--scratches", "off", "--faces", "off", "--overwrite")
    assert "(still pale: if it has faded, try --fix-fading strong)" in restore("pale.png", *others).err
    for how in ("strong", "off"):
        assert "pale:" not in restore("pale.png", "--fix-fading", how, *others).err
    draw("usual.png")
    assert "pale:" not in restore("usual.png", *others).err


def test_how_blurred_it_was_is_said(restore):
    draw("old.png")
    ran = restore("old.png", "--blur", "1.5", "--faces", "off")
    assert ran.status == 0
    assert "blurred by 1.5 pixels, tones changed by" in ran.err
    said = json.loads(restore("old.png", "-o", "off.png", "--blur", "off", "--faces", "off", "--json").out)
    assert said["blur_pixels"] == 0


def test_what_was_stained_is_said_and_lightened_unless_told_otherwise(restore):
    down, across = np.mgrid[0:256, 0:320]
    light = 150 + 50 * np.sin(down / 40) * np.sin(across / 30)
    levels = np.stack([light, 0.97 * light, 0.9 * light], axis=2)
    stained = np.exp(-((down - 120) ** 2 + (across - 150) ** 2) / 2500)[..., None] * [0.3, 0.5, 0.75]
    Picture.from_array((levels * (1 - stained)).astype(np.uint8)).save("old.png")
    others = ("--scratches", "off", "--faces", "off", "--fix-fading", "off", "--json")
    said = json.loads(restore("old.png", "-o", "lifted.png", *others).out)
    assert said["stained_percent"] > 2
    assert json.loads(restore("old.png", "-o", "left.png", "--stains", "off", *others).out)["stained_percent"] == 0
    off = {
        name: np.abs(Picture.open(name).array() - levels)[100:140, 130:170].mean()
        for name in ("lifted.png", "left.png")
    }
    assert off["lifted.png"] < 0.5 * off["left.png"]


def scan(name, *prints):
    levels = np.full((200, 300, 3), 250, np.uint8)
    for top, left in prints:
        levels[top : top + 70, left : left + 110] = 30 + photo(70, 110) // 2
    return Picture.from_array(levels).save(name)


PLAIN = ("--scratches", "off", "--stains", "off", "--faces", "off", "--fix-fading", "off", "--blur", "off")


def test_every_print_of_a_scan_becomes_a_file_if_that_is_asked_for(restore):
    scan("scan.png", (15, 20), (110, 160))
    ran = restore("scan.png", "--split", "--json", *PLAIN)
    assert ran.status == 0
    said = json.loads(ran.out)
    assert said["output"] == ["scan-restored-1.png", "scan-restored-2.png"]
    for name in said["output"]:
        assert Picture.open(name).array().shape[:2] == pytest.approx((68, 108), abs=3)
    ran = restore("scan.png", "--split", "--overwrite", *PLAIN)
    assert "scan-restored-1.png 0.0 % was damaged" in " ".join(ran.err.split())


def test_a_scan_of_several_prints_says_so_and_one_print_may_be_cut_out(restore):
    scan("two.png", (15, 20), (110, 160))
    assert "2 prints on one scan: --split gives each on its own" in " ".join(restore("two.png", *PLAIN).err.split())
    scan("one.png", (60, 90))
    assert restore("one.png", "--crop", *PLAIN).status == 0
    assert Picture.open("one-restored.png").array().shape[:2] == pytest.approx((68, 108), abs=3)


def test_a_negative_is_turned_if_asked(restore):
    draw("film.png", like=lambda levels: 255 - levels)
    draw("scene.png")
    assert restore("film.png", "--negative", *PLAIN).status == 0
    made, scene = (Picture.open(name).read().flatten() for name in ("film-restored.png", "scene.png"))
    assert np.corrcoef(made, scene)[0, 1] > 0.9


def test_what_was_taken_back_is_said(restore):
    """A lawn beside a wall: its texture is more than the wall's grain."""
    random = np.random.default_rng(0)
    levels = 130 + random.normal(0, 3, (200, 200))
    levels[:, 90:] += random.normal(0, 16, (200, 110))
    Picture.from_array(levels.clip(0, 255).astype(np.uint8)).save("lawn.png")
    others = ("--scratches", "off", "--faces", "off", "--fix-fading", "off")
    said = json.loads(restore("lawn.png", *others, "--json").out)
    assert said["taken_back_percent"]["texture"] > 5
    assert "taken back for its harm: texture" in " ".join(restore("lawn.png", *others, "--overwrite").err.split())


REFUSED = {
    "a.png b.png --mask-out mask.png": "--mask-out names one file, mask.png, but there are 2 pictures; name a folder",
    "a.png --mask-out a.png": "a.png is read, or written for something else, too",
    "a.png --mask-out m.png --scratches off": "--scratches off looks for no damage",
    "a.png b.png --scratches mask.png": "the mask mask.png fits one picture, but there are 2",
    "a.png --scratches small.png": "a mask must have the size of its picture",
    "a.png --scratches nowhere.png": "no file nowhere.png",
    "a.png --scratches Auto": "scratches is 'Auto'; write auto, off, or the name of a mask's file",
    "a.png --scratches a-2-damage.png --stages . --overwrite": "a-2-damage.png is read, or written for something else",
    "a.png other/a.jpg --stages way": "a-1-stains-removed.png is read, or written for something else",
    "a.png --strength 2": "strength is 2",
    "a.png --fix-fading on": "strong",
    "a.png --blur soft": "blur is 'soft'; write auto, off, or a number of pixels",
    "a.png --blur 5": "blur is 5; it must lie between 0 and 4",
    "a.png --split --crop": "--split leaves out --crop, --prints off, masks and --stages",
    "a.png --split": "no prints on a bed, a mount or in a frame were found on a.png; leave out --split",
    "a.png --crop --prints off": "crop needs to know where the print is",
    "a.png --crop --scratches mask.png": "a mask fits the picture as it is",
    "missing.png": "missing.png: no such file or folder",
}


@pytest.mark.parametrize(("words", "problem"), REFUSED.items())
def test_what_cannot_be_done_is_refused_in_a_line_and_nothing_is_written(words, problem, restore):
    Path("other").mkdir()
    for name in ("a.png", "b.png", "other/a.jpg", "a-2-damage.png"):
        draw(name)
    mask("mask.png")
    mask("small.png", 10, 10)
    before = sorted(path.name for path in Path().iterdir())
    ran = restore(*words.split())
    assert ran.status != 0
    assert problem in " ".join(ran.err.split())
    assert "Traceback" not in ran.err
    assert sorted(path.name for path in Path().iterdir()) == before
