import contextlib
import hashlib
import logging
import os
from pathlib import Path

import pytest
import safetensors.torch
import torch

from daguerre import weights
from daguerre.errors import WeightsDamaged, WeightsError, WeightsNotFound
from daguerre.networks.srvgg import SRVGGNetCompact
from daguerre.weights import store
from daguerre.weights.catalog import ModelEntry
from daguerre.weights.checkpoint import WeightsHeader, write

TINY = {"scale": 2, "features": 4, "convs": 1}


def save(path, note=""):
    header = WeightsHeader(
        name=path.stem, task="upscale", network="SRVGGNetCompact", arguments=TINY, scale=2, note=note
    )
    write(path, SRVGGNetCompact(**TINY).state_dict(), header)
    return path


def save_foreign(path):
    torch.save({"params": SRVGGNetCompact(**TINY).state_dict()}, path)
    return path


def publish(monkeypatch, path, **changes):
    """Make the catalog list `path` as the only published file, under the name `tiny`."""
    entry = {
        "name": "tiny",
        "task": "upscale",
        "scale": 2,
        "network": "SRVGGNetCompact",
        "licence": "MIT",
        "note": "very small",
        "url": f"https://example.org/{path.name}",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    monkeypatch.setattr("daguerre.weights.store.catalog", lambda: {"tiny": ModelEntry(**entry | changes)})


def test_a_file_comes_before_the_users_folder_and_that_before_what_ships(folder, shipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ours = save(shipped / "tiny.safetensors")
    assert weights.find("tiny") == ours
    users = save(folder / "tiny.safetensors")
    assert weights.find("tiny") == users
    here = save(tmp_path / "tiny")
    assert weights.find("tiny").resolve() == here
    assert weights.find(str(ours)) == ours
    assert weights.load("tiny").header.name == "tiny"


def test_what_can_be_fetched_is_said_to_be_so(folder):
    with pytest.raises(WeightsNotFound, match="daguerre models fetch realesrgan-x4"):
        weights.find("realesrgan-x4")


def test_an_unknown_name_is_answered_with_the_nearest(folder, shipped):
    save(shipped / "compact-x4.safetensors")
    with pytest.raises(WeightsNotFound, match=r"'compct-x4'; did you mean 'compact-x4'\?"):
        weights.load("compct-x4")


@pytest.mark.parametrize("name", ["missing.pth", "some/where", "missing.safetensors"])
def test_a_missing_file_is_not_taken_for_a_name(folder, name):
    with pytest.raises(WeightsNotFound, match=f"there is no weights file {name}"):
        weights.find(name)


def test_imported_weights_keep_their_values_and_get_a_name(folder, tmp_path):
    path = save_foreign(tmp_path / "My Model (2).pth")
    kept = weights.import_file(path)
    assert kept == folder / "my-model-2.safetensors"
    loaded = weights.load("my-model-2")
    original = torch.load(path, weights_only=True)["params"]
    assert all(torch.equal(tensor, original[name]) for name, tensor in loaded.network.state_dict().items())
    assert (loaded.header.name, loaded.header.source) == ("my-model-2", "My Model (2).pth")


def test_a_file_of_ours_keeps_what_it_says_about_itself_on_import(folder, tmp_path):
    weights.import_file(save(tmp_path / "a.safetensors", note="from a friend"), "b")
    assert (weights.load("b").header.name, weights.load("b").header.note) == ("b", "from a friend")


def test_importing_over_a_taken_name_needs_to_be_asked_for(folder, shipped, tmp_path):
    path = save_foreign(tmp_path / "tiny.pth")
    save(shipped / "tiny.safetensors")
    with pytest.raises(WeightsError, match="called 'tiny' already"):
        weights.import_file(path)
    with pytest.raises(WeightsError, match="called 'realesrgan-x4' already"):
        weights.import_file(path, "realesrgan-x4")
    assert weights.import_file(path, overwrite=True) == folder / "tiny.safetensors"


@pytest.mark.parametrize("name", ["../tiny", "", "a b", ".hidden", "a/b"])
def test_a_name_cannot_lead_out_of_the_folder(folder, tmp_path, name):
    with pytest.raises(WeightsError, match="cannot be a name"):
        weights.import_file(save_foreign(tmp_path / "tiny.pth"), name)
    assert list(folder.iterdir()) == []


def test_importing_a_missing_file_is_reported(folder, tmp_path):
    with pytest.raises(WeightsNotFound, match=r"nowhere\.pth"):
        weights.import_file(tmp_path / "nowhere.pth")


def test_a_published_file_put_into_the_folder_is_verified_and_converted(folder, monkeypatch):
    path = save_foreign(folder / "tiny_v1.pth")
    publish(monkeypatch, path)
    header = weights.load("tiny").header
    assert (header.name, header.licence, header.note) == ("tiny", "MIT", "very small")
    assert header.source == "https://example.org/tiny_v1.pth"
    assert path.exists()


def test_a_published_file_that_was_altered_is_refused(folder, monkeypatch):
    path = save_foreign(folder / "tiny_v1.pth")
    publish(monkeypatch, path, sha256="0" * 64)
    with pytest.raises(WeightsDamaged, match="its SHA-256 differs"):
        weights.load("tiny")


def test_a_published_file_of_another_network_is_refused(folder, monkeypatch):
    path = save_foreign(folder / "tiny_v1.pth")
    publish(monkeypatch, path, network="RRDBNet")
    with pytest.raises(WeightsDamaged, match="a SRVGGNetCompact, not the RRDBNet"):
        weights.load("tiny")


def test_the_list_shows_what_is_here_first_and_then_what_can_be_fetched(folder, shipped):
    save(shipped / "compact-x2.safetensors")
    save(folder / "mine.safetensors", note="my own")
    entries = weights.available()
    assert [entry.name for entry in entries if entry.installed] == ["compact-x2", "mine"]
    assert [entry.installed for entry in entries] == sorted((e.installed for e in entries), reverse=True)
    mine = entries[1]
    assert (mine.task, mine.scale, mine.note, mine.path) == ("upscale", 2, "my own", folder / "mine.safetensors")
    assert mine.bytes == mine.path.stat().st_size
    assert "realesrgan-x4" in [entry.name for entry in entries]


def test_a_damaged_file_does_not_hide_the_others_from_the_list(folder, caplog):
    save(folder / "good.safetensors")
    (folder / "bad.safetensors").write_bytes(b"half")
    with caplog.at_level(logging.WARNING):
        assert [entry.name for entry in weights.available() if entry.installed] == ["good"]
    assert "bad.safetensors" in caplog.text


def test_verifying_tells_the_sound_from_the_damaged(folder, shipped):
    save(folder / "good.safetensors")
    bad = save(shipped / "bad.safetensors")
    bad.write_bytes(bad.read_bytes()[:-1] + b"\x01")
    result = weights.verify()
    assert result["good"] == ""
    assert "SHA-256 does not match" in result["bad"]
    assert weights.verify("good") == {"good": ""}


def test_weights_between_two_names_are_loaded(folder):
    save(folder / "a.safetensors")
    save(folder / "b.safetensors")
    first, second = (weights.load(name).network.body[0].bias for name in "ab")
    between = weights.interpolate("a", "b", 0.5).network.body[0].bias
    assert torch.allclose(between, (first + second) / 2)


def test_the_folder_is_the_users_unless_said_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv("DAGUERRE_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert weights.weights_folder().parts[-2:] == ("daguerre", "weights")
    monkeypatch.setenv("DAGUERRE_WEIGHTS", str(tmp_path / "mine"))
    assert weights.weights_folder() == tmp_path / "mine"


HOSTILE = {
    "nested": {"daguerre": "[" * 100_000},
    "scores": {"daguerre": '{"name": "x", "task": "upscale", "network": "SRCNN", "scores": {"psnr": "high"}}'},
    "list": {"daguerre": '{"name": "x", "task": "upscale", "network": "SRCNN", "scores": [1]}'},
    "stranger": {},
}


@pytest.mark.parametrize("metadata", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_cannot_be_understood_never_hides_the_others(folder, caplog, metadata):
    save(folder / "good.safetensors")
    safetensors.torch.save_file({"weight": torch.ones(1)}, folder / "bad.safetensors", metadata)
    assert [entry.name for entry in weights.available() if entry.installed] == ["good"]
    assert "bad.safetensors" in caplog.text
    found = weights.verify()
    assert found["good"] == ""
    assert "bad.safetensors" in found["bad"]
    assert weights.load("good").header.scale == 2


def test_verifying_compares_what_weights_say_they_are_with_their_shapes(folder):
    header = WeightsHeader(
        name="tiny", task="upscale", network="SRVGGNetCompact", arguments=TINY | {"convs": 60_000}, scale=2
    )
    write(folder / "tiny.safetensors", SRVGGNetCompact(**TINY).state_dict(), header)
    assert "cannot be built as it asks" in weights.verify("tiny")["tiny"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may look into every folder")
def test_a_folder_that_may_not_be_looked_into_is_passed_over_in_fact(folder, shipped):
    save(shipped / "tiny.safetensors")
    folder.chmod(0)
    try:
        assert weights.load("tiny").header.scale == 2
    finally:
        folder.chmod(0o700)


def test_a_folder_that_may_not_be_looked_into_is_passed_over_and_told_once(folder, shipped, monkeypatch, caplog):
    real, hidden = os.listdir, os.fspath(folder)

    def listdir(path):
        if os.fspath(path) == hidden:
            raise PermissionError(13, "Permission denied")
        return real(path)

    def stat(path, *arguments, **options):
        if os.fspath(path).startswith(hidden + os.sep):
            raise PermissionError(13, "Permission denied")
        return real_stat(path, *arguments, **options)

    real_stat = os.stat
    ours = save(shipped / "tiny.safetensors")
    store.warn.cache_clear()
    monkeypatch.setattr("os.listdir", listdir)
    monkeypatch.setattr("os.stat", stat)
    for _ in range(2):
        assert weights.find("tiny") == ours
        assert [entry.name for entry in weights.available() if entry.installed] == ["tiny"]
    assert caplog.text.count("Permission denied") == 1
    with pytest.raises(WeightsNotFound, match=r"cannot look at .*secret\.pth \(Permission denied\)"):
        weights.find(folder / "secret.pth")


@pytest.mark.parametrize("name", ["x" * 300 + ".pth", "a\0b.pth", "loop.pth"])
def test_paths_that_the_system_refuses_are_one_line(folder, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    os.symlink("loop.pth", "loop.pth")
    for look in (weights.find, lambda name: weights.import_file(Path(name))):
        with pytest.raises(WeightsNotFound, match="cannot look at"):
            look(name)


def test_pipes_and_folders_are_refused_before_anybody_waits(folder, tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    for path, message in [(tmp_path / "pipe.pth", "a pipe or a device"), (tmp_path, "is a folder")]:
        for look in (weights.find, weights.import_file, weights.import_archive):
            with pytest.raises(WeightsNotFound, match=message):
                look(path)


def test_a_pipe_among_the_weights_is_not_waited_for(folder):
    save(folder / "good.safetensors")
    os.mkfifo(folder / "pipe.safetensors")
    (folder / "folder.safetensors").mkdir()
    assert [entry.name for entry in weights.available() if entry.installed] == ["good"]
    assert weights.verify() == {"good": ""}
    with pytest.raises(WeightsNotFound):
        weights.find("pipe")


def test_weights_that_may_not_be_read_are_one_line(folder, monkeypatch):
    path = save(folder / "secret.safetensors")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(WeightsError, match=r"secret\.safetensors cannot be read \(Permission denied\)"):
        weights.checksum(path)


def test_what_a_model_takes_away_is_measured_when_it_is_imported(folder, tmp_path, monkeypatch):
    path = save_foreign(tmp_path / "tiny.pth")
    for number, answer in enumerate([True, False]):
        monkeypatch.setattr("daguerre.weights.model.cleans", lambda network, answer=answer: answer)
        assert weights.import_file(path, f"tiny-{number}")
        assert weights.load(f"tiny-{number}").header.cleans is answer


def test_weights_that_overflow_are_not_imported(folder, tmp_path):
    state = {name: torch.full_like(tensor, 1e30) for name, tensor in SRVGGNetCompact(**TINY).state_dict().items()}
    torch.save(state, tmp_path / "loud.pth")
    with pytest.raises(WeightsDamaged, match="overflow, so they make no picture"):
        weights.import_file(tmp_path / "loud.pth")
    assert list(folder.iterdir()) == []


def test_what_no_whole_checksum_can_verify_is_told(folder, monkeypatch, caplog):
    path = save_foreign(folder / "tiny_v1.pth")
    whole = hashlib.sha256(path.read_bytes()).hexdigest()
    for known, told in [(whole, False), (whole[:8], True), ("", True)]:
        caplog.clear()
        (folder / "tiny.safetensors").unlink(missing_ok=True)
        publish(monkeypatch, path, sha256=known)
        assert ("not verified" in weights.load("tiny").header.source) is told
        assert ("tiny is not verified" in caplog.text) is told


def test_weights_are_not_replaced_by_themselves(folder):
    path = save(folder / "mine.safetensors")
    before = path.read_bytes()
    with pytest.raises(WeightsError, match=r"is the file of 'mine' itself, which is never replaced; choose another"):
        store.import_file(path, "mine", overwrite=True)
    assert path.read_bytes() == before


def test_whoever_wants_to_know_which_weights_were_asked_for_is_told(desk):
    names = set()
    with weights.noting(names):
        weights.load("small-x2")
        with contextlib.suppress(WeightsNotFound):
            weights.find("nobody")
    weights.load("compact-x4")
    assert names == {"small-x2", "nobody"}
