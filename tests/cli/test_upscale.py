import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from images.drawn import icc_profile, photo
from PIL import Image

from daguerre.images import Picture, window_map
from daguerre.networks.srvgg import SRVGGNetCompact
from daguerre.tasks.provenance import steps_of
from daguerre.tasks.upscaling import upscaler as task
from daguerre.tiling import plan_windows
from daguerre.weights import WeightsHeader
from daguerre.weights.checkpoint import write

EXACT = ("--device", "cpu", "--precision", "float32")


@pytest.fixture
def upscale(run):
    """`daguerre upscale`, on the processor and in float32."""
    return lambda *words: run("upscale", *EXACT, *words)


def draw(name, *shape, **kind):
    """Save a drawn picture; (height, width, channels)."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    return Picture.from_array(photo(*shape or (12, 18), **kind)).save(name)


def size_of(name):
    """(width, height) of a file, read by another program."""
    with Image.open(name) as image:
        return image.size


def names(folder="."):
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    return sorted(path.name for path in found if ".daguerre" not in path.parts)


@pytest.mark.parametrize(
    ("words", "name", "size"),
    [
        ((), "photo-4x.png", (72, 48)),
        (("--scale", "1.5"), "photo-1.5x.png", (27, 18)),
        (("--scale", "2"), "photo-2x.png", (36, 24)),
        (("--scale", "1"), "photo-1x.png", (18, 12)),
        (("--scale", "8"), "photo-8x.png", (144, 96)),
        (("--width", "50"), "photo-w50.png", (50, 33)),
        (("--height", "50"), "photo-h50.png", (75, 50)),
        (("--long-side", "90"), "photo-l90.png", (90, 60)),
    ],
)
def test_the_size_asked_for_stands_in_the_name(upscale, words, name, size):
    draw("photo.png")
    ran = upscale("photo.png", *words)
    assert ran.status == 0
    assert names() == sorted(["photo.png", name])
    assert size_of(name) == size
    assert ran.out == ""
    assert len(ran.lines) == 1
    assert ran.err.startswith(f"{name}  {size[0]} x {size[1]} pixels, agrees")


@pytest.mark.parametrize("suffix", [".jpg", ".JPG", ".tif", ".webp", ".gif", ".bmp"])
def test_a_result_has_the_format_of_its_picture(upscale, suffix):
    draw(f"photo{suffix}")
    assert upscale(f"photo{suffix}", "--scale", "2").status == 0
    with Image.open(f"photo{suffix}") as before, Image.open(f"photo-2x{suffix}") as after:
        assert (after.format, after.size) == (before.format, (36, 24))


def test_the_output_may_be_a_file_of_another_format_or_a_folder_to_be_made(upscale):
    draw("photo.png")
    assert upscale("photo.png", "-o", "new/folder/large.jpg").status == 0
    assert upscale("photo.png", "-o", "another/folder").status == 0
    assert size_of("new/folder/large.jpg") == size_of("another/folder/photo-4x.png") == (72, 48)


def test_nothing_is_replaced_unless_asked(upscale):
    draw("photo.png")
    Path("photo-4x.png").write_text("mine")
    ran = upscale("photo.png")
    assert ran.status == 1
    assert ran.lines == ["daguerre: photo.png: photo-4x.png exists already; name another file, or add --overwrite"]
    assert Path("photo-4x.png").read_text() == "mine"
    assert upscale("photo.png", "--overwrite").status == 0
    assert size_of("photo-4x.png") == (72, 48)


@pytest.mark.parametrize("result", [("-o", "photo.png"), ("--invented", "photo.png")])
def test_the_original_is_not_replaced_even_when_asked(upscale, result):
    draw("photo.png")
    before = Path("photo.png").read_bytes()
    ran = upscale("photo.png", *result, "--overwrite")
    assert ran.status != 0
    assert "photo.png" in ran.err
    assert Path("photo.png").read_bytes() == before


def test_a_result_that_would_replace_another_picture_of_the_batch_is_refused(upscale):
    draw("photo.png"), draw("photo-4x.png")
    before = Path("photo-4x.png").read_bytes()
    ran = upscale("photo.png", "photo-4x.png", "--overwrite")
    assert ran.status == 1
    assert "photo-4x.png is read, too" in ran.err
    assert size_of("photo-4x-4x.png") == (72, 48)
    assert Path("photo-4x.png").read_bytes() == before


def test_a_folder_is_mirrored_and_one_bad_picture_does_not_stop_the_others(upscale):
    draw("album/a.png")
    draw("album/z.png")
    draw("album/deep/er/b.jpg")
    Path("album/broken.jpg").write_bytes(Path("album/deep/er/b.jpg").read_bytes()[:700])
    Path("album/notes.txt").write_text("no picture")
    ran = upscale("album", "-o", "large", "--scale", "2")
    assert ran.status == 1
    results = sorted(str(path) for path in Path("large").rglob("[!.]*.*") if ".daguerre" not in path.parts)
    assert results == ["large/a-2x.png", "large/deep/er/b-2x.jpg", "large/z-2x.png"]
    (complaint,) = [line for line in ran.lines if "broken" in line]
    assert complaint.startswith("daguerre: album/broken.jpg is a damaged or incomplete JPEG file")
    assert ran.lines[-1] == "daguerre: 1 of 4 pictures failed; see above"


def test_every_picture_gets_a_line_of_json(upscale):
    draw("album/a.png")
    Path("album/empty.png").touch()
    ran = upscale("album", "--json", "--scale", "2")
    assert ran.status == 1
    good, bad = map(json.loads, ran.out.splitlines())
    assert good.pop("seconds") >= 0
    assert good.pop("agreement_db") > 40
    result = str(Path("album/a-2x.png"))
    said = {"input": str(Path("album/a.png")), "output": result, "width": 36, "height": 24, "models": ["compact-x2"]}
    assert good == said | {"content": "photo"}
    assert bad["input"] == str(Path("album/empty.png"))
    assert "is empty (0 bytes)" in bad["error"]


def test_quiet_leaves_only_complaints(upscale):
    draw("album/a.png")
    Path("album/empty.png").touch()
    ran = upscale("album", "--quiet")
    assert (ran.status, ran.out) == (1, "")
    assert [line.partition(" is empty")[0] for line in ran.lines[:-1]] == ["daguerre: album/empty.png"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "name at least one picture or folder"),
        (("nowhere.jpg",), "nowhere.jpg: no such file or folder"),
        (("photo.png", "--scale", "2", "--width", "90"), "--scale and --width cannot both decide the size"),
        (("photo.png", "--scale", "0.5"), "scale is 0.5; it must lie between 1 and 64"),
        (("photo.png", "--scale", "nan"), "scale is nan; it must lie between 1 and 64"),
        (("photo.png", "--width", "9"), "photo.png: the picture is 18 x 12 pixels already"),
        (("photo.png", "--model", "compact-x5"), "no weights are called 'compact-x5'; did you mean 'compact-x4'?"),
        (("photo.png", "--model", "mine.pth"), "there is no weights file mine.pth"),
        (("photo.png", "--model", "realesrgan-x4"), "fetch it with `daguerre models fetch realesrgan-x4`"),
        (("photo.png", "--model", "flat-x1"), "flat-x1 does not enlarge; give --scale 1, or another --model"),
        (("photo.png", "--towards", "vivid"), "no weights are called 'vivid'; did you mean 'vivid-x4'?"),
        (("photo.png", "--towards", "small-x2"), "weights can be mixed only within one architecture"),
        (("photo.png", "--amount", "0.3"), "name the other model with --towards"),
        (("photo.png", "--clean", "--model", "small-x2"), "--clean chooses the model"),
        (("photo.png", "--quality", "90", "--lossless"), "so quality 90 has no meaning"),
        (("photo.png", "--device", "toaster"), "no device is called 'toaster'; use auto, cpu"),
        (("photo.png", "-o", "photo.tiffany"), "daguerre does not write .tiffany files"),
        (("photo.png", "-o", "photo.png/inside.png"), "cannot make the folder photo.png (File exists)"),
        (("photo.png", "--scale", "60", "-o", "large.webp", "--width", "99"), "--scale and --width"),
        (("photo.png", "--width", "17000", "-o", "large.webp"), "a WebP file has at most 16,383 pixels a side"),
        (
            ("photo.png", "--invented", "photo.png"),
            "photo.png is read, or written for something else, too; name another",
        ),
        (("photo.png", "-o", "a.png", "--invented", "a.png"), "is read, or written for something else, too"),
        (
            ("photo.png", "--overwrite", "--invented", "../desk/photo.png"),
            "is read, or written for something else, too",
        ),
        (("photo.png", "--invented", "map.doc"), "does not write .doc files"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line_before_any_work(upscale, words, complaint):
    draw("photo.png")
    ran = upscale(*words)
    assert (ran.status, ran.out) == (1, "")
    (line,) = ran.lines
    assert line.startswith("daguerre: ")
    assert complaint in line
    assert names() == ["photo.png"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--scale", "two"), "Error parsing --scale: 'two' is no number"),
        (("--width", "9.5"), "Error parsing --width: '9.5' is no whole number"),
        (("--scale",), "Missing value for argument '--scale'"),
        (("--sclae", "2"), "--scale X"),
        (("--precision", "half"), "invalid choice 'half'"),
    ],
)
def test_words_that_make_no_sense_end_with_status_2(run, words, complaint):
    draw("photo.png")
    ran = run("upscale", "photo.png", *words)
    assert (ran.status, ran.out) == (2, "")
    assert complaint in ran.err
    assert names() == ["photo.png"]


def test_a_picture_too_small_to_enlarge_is_named_and_the_others_go_on(upscale):
    draw("album/large.png", 30, 40)
    draw("album/small.png")
    ran = upscale("album", "--long-side", "30", "-o", "out")
    assert ran.status == 1
    assert "album/large.png: the picture is 40 x 30 pixels already" in ran.err
    assert names("out") == ["small-l30.png"]


def test_sixteen_bits_stay_sixteen(upscale):
    draw("deep.png", bits=16)
    assert upscale("deep.png").status == 0
    after = Picture.open("deep-4x.png")
    assert after.bits == 16
    assert len(np.unique(after.array() % 257)) > 200, "levels between those of 8 bits"


@pytest.mark.parametrize(("channels", "suffix"), [(1, "png"), (1, "jpg"), (1, "tif"), (2, "png")])
def test_grey_stays_in_one_channel(upscale, channels, suffix):
    draw(f"grey.{suffix}", 12, 18, channels)
    assert upscale(f"grey.{suffix}").status == 0
    with Image.open(f"grey-4x.{suffix}") as image:
        assert image.mode == ("L" if channels == 1 else "LA")


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_in_three_channels_stays_exactly_neutral(upscale, bits):
    Picture.from_array(photo(12, 18, 1, bits).repeat(3, axis=2)).save("grey.png")
    assert upscale("grey.png", "--scale", "6").status == 0
    levels = Picture.open("grey-6x.png").array()
    assert levels.shape == (72, 108, 3)
    assert (levels == levels[..., :1]).all()


@pytest.mark.parametrize("scale", ["4", "8", "1.5"])
def test_transparency_is_kept_and_hidden_colours_bleed_nowhere(upscale, scale):
    for name, hidden in (("white", 255), ("black", 0)):
        levels = photo(24, 40, 4) // 4 + 190  # light
        levels[..., 3] = 255
        levels[:, 14:, 3] = 0
        levels[:, 14:, :3] = hidden
        levels[:, 13, 3] = 90
        Picture.from_array(levels).save(f"{name}.png")
        assert upscale(f"{name}.png", "--scale", scale).status == 0
    white, black = (Picture.open(f"{name}-{scale}x.png").array() for name in ("white", "black"))
    factor = float(scale)
    assert white.shape == (24 * factor, 40 * factor, 4)
    assert (white[..., 3] == black[..., 3]).all()
    visible = white[..., 3] > 0
    assert visible.mean() == pytest.approx(14 / 40, abs=0.05)
    assert (white[visible] == black[visible]).all()


def test_profile_exif_and_resolution_are_kept_and_the_xmp_tells_more(upscale):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Voigtländer".encode(), 6
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    xmp += b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="box 7"/>'
    xmp += b"</rdf:RDF></x:xmpmeta>"
    profile = icc_profile(primaries="adobe")
    Image.fromarray(photo(12, 18)).save("photo.jpg", icc_profile=profile, exif=exif, xmp=xmp, dpi=(300, 300))
    assert upscale("photo.jpg").status == 0
    with Image.open("photo-4x.jpg") as after:
        assert after.size == (48, 72), "upright"
        assert after.info["icc_profile"] == profile
        assert after.getexif()[0x010F].encode("latin-1").decode() == "Voigtländer"
        assert after.getexif()[0x0112] == 1
        assert [round(value) for value in after.info["dpi"]] == [300, 300]
    packet = Picture.open("photo-4x.jpg").xmp
    assert b"box 7" in packet
    assert b"digitalsourcetype/algorithmicallyEnhanced" in packet


def test_what_was_done_is_recorded_and_grows_with_every_run(upscale, desk):
    draw("photo.png")
    assert upscale("photo.png", "--scale", "2").status == 0
    assert upscale("photo-2x.png", "--model", "small-x2", "--width", "60", "--agree", "off").status == 0
    first, second = steps_of(Picture.open("photo-2x-w60.png").xmp)
    assert [first["options"], second["options"]] == [
        {"scale": 2},
        {"model": "small-x2", "width": 60, "agree": "off"},
    ]
    weights = (desk.parent / "weights" / "small-x2.safetensors").read_bytes()
    assert second["models"] == {"small-x2": hashlib.sha256(weights).hexdigest()}
    assert first["measured"]["agreement_db"] > 40
    assert len(steps_of(Picture.open("photo-2x.png").xmp)) == 1


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_same_picture_and_options_give_the_same_bytes(upscale, suffix):
    draw(f"photo.{suffix}")
    for folder in ("one", "two"):
        assert upscale(f"photo.{suffix}", "-o", folder).status == 0
    assert Path(f"one/photo-4x.{suffix}").read_bytes() == Path(f"two/photo-4x.{suffix}").read_bytes()


def test_the_map_of_what_was_invented_has_the_size_of_the_result(upscale):
    draw("photo.png")
    assert upscale("photo.png", "--invented", "map.png").status == 0
    with Image.open("map.png") as image:
        assert (image.mode, image.size) == ("L", (72, 48))
        assert np.asarray(image).max() > 0
    ran = upscale("photo.png", "--invented", "map.png", "-o", "again.png")
    assert (ran.status, names()) == (1, ["map.png", "photo-4x.png", "photo.png"])
    assert "map.png exists already" in ran.err


def test_the_map_of_what_was_invented_is_of_one_picture(upscale):
    for name in "ab":
        draw(f"album/{name}.png")
    ran = upscale("album", "--invented", "map.png")
    assert ran.status == 1
    assert ran.lines == ["daguerre: --invented names one file, map.png, but there are 2 pictures"]
    assert names() == ["a.png", "b.png"]


def test_ctrl_c_leaves_no_file(upscale, monkeypatch):
    draw("album/a.png")
    draw("album/b.png")
    windows = []

    def interrupted(progress):
        windows.append(progress)
        if len(windows) == 3:
            raise KeyboardInterrupt

    real = task.Upscaler.__call__
    monkeypatch.setattr(window_map, "plan_windows", lambda height, width, side: plan_windows(height, width, 20))
    monkeypatch.setattr(
        task.Upscaler, "__call__", lambda self, source, **rest: real(self, source, **rest | {"progress": interrupted})
    )
    ran = upscale("album", "-o", "out")
    assert ran.status == 130
    assert ran.lines == ["daguerre: stopped; nothing half-made was left behind"]
    assert names() == ["a.png", "b.png"]


def test_a_picture_of_one_pixel_becomes_one_of_sixteen(upscale):
    draw("dot.png", 1, 1)
    assert upscale("dot.png", "--invented", "map.png").status == 0
    assert size_of("dot-4x.png") == size_of("map.png") == (4, 4)


def test_an_animation_gives_its_first_frame(upscale):
    frames = [Image.fromarray(photo(9, 9, seed=seed)) for seed in range(3)]
    frames[0].save("film.gif", save_all=True, append_images=frames[1:])
    assert upscale("film.gif").status == 0
    assert size_of("film-4x.gif") == (36, 36)


@pytest.mark.parametrize("value", [1e30, 3e38])
def test_weights_that_overflow_never_give_a_black_picture(upscale, desk, value):
    network = SRVGGNetCompact(scale=2, features=4, convs=1)
    state = {name: torch.full_like(tensor, value) for name, tensor in network.state_dict().items()}
    arguments = {"scale": 2, "features": 4, "convs": 1}
    header = WeightsHeader(name="loud", task="upscale", network="SRVGGNetCompact", arguments=arguments, scale=2)
    write(desk / "loud.safetensors", state, header, half=False)
    draw("a.png")
    ran = upscale("a.png", "--model", "loud.safetensors")
    assert (ran.status, names()) == (1, ["a.png", "loud.safetensors"])
    assert "the weights overflow, so they make no picture" in ran.err
    torch.save({name: tensor.double() * 1e270 for name, tensor in state.items()}, desk / "loud.pth")
    ran = upscale("a.png", "--model", "loud.pth")
    assert ran.status == 1
    assert "too much for float32" in ran.err
