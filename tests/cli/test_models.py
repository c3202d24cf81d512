import hashlib
import json
import zipfile
from dataclasses import replace

import pytest
import torch
from weights.archives import DETECTOR, FOLDER, write_archive
from weights.ncnn_files import write_srvgg

from daguerre.networks.efficientnet_lite import EfficientNetLite0
from daguerre.networks.srvgg import SRVGGNetCompact
from daguerre.weights import WeightsHeader, store
from daguerre.weights.catalog import catalog
from daguerre.weights.checkpoint import read_header, write


@pytest.fixture(autouse=True)
def nothing_ships(desk, monkeypatch):
    monkeypatch.setattr(store, "EMBEDDED", desk)


@pytest.fixture
def networks(desk):
    return desk.parent / "weights"


def test_models_are_listed_those_here_first(run):
    for words in (["models"], ["models", "list"]):
        ran = run(*words)
        assert (ran.status, ran.err) == (0, "")
        names = [line.split()[0] for line in ran.out.splitlines() if not line.startswith(" ")]
        here = ["compact-x2", "compact-x4", "flat-x1", "small-x2", "vivid-x4"]
        assert [name for name in names if name in here] == here
        assert max(map(names.index, here)) < names.index("realesrgan-x4")
    ready, fetch = (
        next(line for line in ran.out.splitlines() if line.startswith(n)) for n in ("compact-x4", "realesr")
    )
    assert "upscale x4" in ready
    assert "ready" in ready
    assert "to fetch" in fetch


def test_models_are_listed_for_programs(run):
    entries = {entry["name"]: entry for entry in json.loads(run("models", "--json").out)}
    assert entries["small-x2"]["installed"]
    assert entries["small-x2"]["scale"] == 2
    assert entries["small-x2"]["path"].endswith("small-x2.safetensors")
    assert not entries["realesrgan-x4"]["installed"]
    assert entries["realesrgan-x4"]["licence"] == "BSD-3-Clause"


def test_what_no_checksum_can_verify_is_said_before_it_is_fetched(run):
    lines = run("models").out.splitlines()
    marked = {lines[n - 2].split()[0] for n, line in enumerate(lines) if "not verified when fetched" in line}
    assert "microsoft-vae-a-quality" in marked
    assert "realesrgan-x4" not in marked
    assert marked == {name for name, entry in catalog().items() if not entry.pinned}


def test_files_that_cannot_be_understood_do_not_hide_the_others(run, networks):
    whole = (networks / "small-x2.safetensors").read_bytes()
    (networks / "half.safetensors").write_bytes(whole[:-1])
    nested = json.dumps({"__metadata__": {"daguerre": "[" * 100_000}}).encode()
    (networks / "deep.safetensors").write_bytes(len(nested).to_bytes(8, "little") + nested)
    for words in (["models"], ["models", "list", "--json"]):
        ran = run(*words)
        assert ran.status == 0
        assert "small-x2" in ran.out
    ran = run("models", "verify")
    assert (ran.status, len(ran.out.splitlines())) == (1, 7)
    assert "small-x2: sound" in ran.out


def test_a_licence_is_printed_as_it_is(run, networks):
    header = WeightsHeader(
        name="odd", task="upscale", network="SRCNN", scale=4, licence="[/nope] [red]mine", note="[b]"
    )
    write(networks / "odd.safetensors", {"weight": torch.ones(1)}, header)
    assert "[/nope] [red]mine" in run("models").out


def test_an_ncnn_pair_is_imported_by_either_of_its_files(run, desk):
    torch.manual_seed(0)
    write_srvgg(desk / "upscayl", SRVGGNetCompact(scale=2, features=4, convs=1))
    ran = run("models", "import", "upscayl.param")
    assert (ran.status, ran.out) == (0, "upscayl: SRVGGNetCompact, upscale x2; use it with --model upscayl\n")
    assert run("models", "import", "upscayl.bin", "--name", "again").status == 0


def test_a_model_says_all_about_itself(run):
    about = json.loads(run("models", "show", "small-x2").out)
    assert (about["network"], about["arguments"]) == ("CompactResNet", {"scale": 2, "features": 4, "blocks": 1})
    assert len(about["sha256"]) == 64


def test_sound_weights_are_told_from_damaged_ones(run, networks):
    assert run("models", "verify", "small-x2").out == "small-x2: sound\n"
    data = bytearray((networks / "small-x2.safetensors").read_bytes())
    data[-5] ^= 1
    (networks / "small-x2.safetensors").write_bytes(data)
    ran = run("models", "verify")
    assert ran.status == 1
    assert [line.partition(": ")[2] for line in ran.out.splitlines() if "small-x2" not in line] == ["sound"] * 4
    assert run("models", "verify", "small-x2").status == 1


def test_weights_of_one_s_own_are_kept_under_a_name(run, networks, desk):
    (networks / "small-x2.safetensors").rename(desk / "My Best.safetensors")
    ran = run("models", "import", "My Best.safetensors")
    assert ran.status == 0
    assert ran.out == "my-best: CompactResNet, upscale x2; use it with --model my-best\n"
    assert (networks / "my-best.safetensors").is_file()
    ran = run("models", "import", "My Best.safetensors")
    assert (ran.status, ran.lines) == (
        1,
        ["daguerre: there are weights called 'my-best' already; choose another name, or --overwrite"],
    )
    assert run("models", "import", "My Best.safetensors", "--overwrite").status == 0
    assert run("models", "import", "My Best.safetensors", "--name", "second").status == 0


def test_what_a_network_tells_apart_is_named_by_lines_of_a_file(run, networks, desk):
    torch.manual_seed(0)
    torch.save(EfficientNetLite0(classes=2).state_dict(), desk / "namer.pth")
    (desk / "names.txt").write_text("cat\ndog\n", encoding="utf-8")
    ran = run("models", "import", "namer.pth", "--labels", "names.txt")
    assert (ran.status, ran.out) == (0, "namer: EfficientNetLite0, labels x1\n")
    assert read_header(networks / "namer.safetensors").labels == ["cat", "dog"]
    (desk / "names.txt").write_text("cat\n", encoding="utf-8")
    ran = run("models", "import", "namer.pth", "--labels", "names.txt", "--name", "other")
    assert ran.lines == ["daguerre: namer.pth tells 2 things apart, and there are 1 labels for them"]
    ran = run("models", "import", "namer.pth", "--labels", "nowhere.txt", "--name", "other")
    assert (ran.status, len(ran.lines)) == (1, 1)
    assert "cannot read the labels in nowhere.txt" in ran.err


def test_a_published_archive_is_imported_under_the_names_of_the_catalog(run, networks, desk, monkeypatch):
    write_archive(desk / "global.zip")
    with zipfile.ZipFile(desk / "global.zip") as archive:
        sha256 = hashlib.sha256(archive.read(f"{FOLDER}/{DETECTOR}")).hexdigest()
    changed = {"microsoft-scratch-detection": replace(catalog()["microsoft-scratch-detection"], sha256=sha256)}
    monkeypatch.setattr(store, "catalog", lambda: catalog() | changed)
    ran = run("models", "import", "global.zip")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "microsoft-vae-a-quality: PhotoVAE, restore x1",
        "microsoft-mapping-quality: LatentTranslation, restore x1",
        "microsoft-scratch-detection: ScratchUNet, scratches x1",
    ]
    assert (networks / "microsoft-mapping-quality.safetensors").is_file()
    ran = run("models", "import", "global.zip", "--name", "mine")
    assert (ran.status, ran.lines) == (
        1,
        ["daguerre: what a published archive holds has names already; leave --name out"],
    )


def test_several_models_are_fetched_at_once(run, monkeypatch):
    fetched = []
    monkeypatch.setattr("daguerre.weights.fetch", lambda name, **_: fetched.append(name) or f"/w/{name}")
    ran = run("models", "fetch", "realesrgan-x4", "realesrgan-x2")
    assert (ran.status, fetched) == (0, ["realesrgan-x4", "realesrgan-x2"])
    assert ran.out == "realesrgan-x4 is at /w/realesrgan-x4\nrealesrgan-x2 is at /w/realesrgan-x2\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["fetch"], "name what to fetch, for example: daguerre models fetch realesrgan-x4"),
        (["import", "nowhere.zip"], "there is no archive nowhere.zip"),
        (["show", "compact"], "no weights are called 'compact'; did you mean 'compact-x4'?"),
        (["verify", "compact"], "no weights are called 'compact'"),
        (["fetch", "realesrgan-x5"], "no published weights are called 'realesrgan-x5'; did you mean 'realesrgan-x4'?"),
        (["import", "nowhere.pth"], "there is no weights file nowhere.pth"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(run, words, complaint):
    ran = run("models", *words)
    assert (ran.status, ran.out, len(ran.lines)) == (1, "", 1)
    assert complaint in ran.err


def test_an_unknown_subcommand_is_answered_with_those_there_are(run):
    ran = run("models", "lst")
    assert (ran.status, ran.out) == (2, "")
    assert "nothing is called 'lst'; did you mean 'list'?" in ran.err
    assert "keep a weights file of your own" in ran.err
