import json

import pytest
import safetensors.torch
import torch

from daguerre.errors import WeightsDamaged, WeightsError
from daguerre.weights.checkpoint import WeightsHeader, is_ours, read, read_header, write
from daguerre.weights.foreign import read_foreign

HEADER = WeightsHeader(
    name="tiny", task="upscale", network="CompactResNet", arguments={"blocks": 1}, scale=4, scores={"psnr": 31.6}
)


def state():
    torch.manual_seed(0)
    return {"weight": torch.randn(3, 2), "bias": torch.randn(3), "count": torch.tensor(7)}


def test_written_weights_read_back_as_float32_rounded_to_float16(tmp_path):
    write(tmp_path / "tiny.safetensors", state(), HEADER)
    read_state, header = read(tmp_path / "tiny.safetensors")
    assert header == HEADER == read_header(tmp_path / "tiny.safetensors")
    assert read_state["weight"].dtype == torch.float32
    assert torch.equal(read_state["weight"], state()["weight"].half().float())
    assert torch.equal(read_state["count"], torch.tensor(7))


def test_weights_can_be_kept_unrounded(tmp_path):
    write(tmp_path / "tiny.safetensors", state(), HEADER, half=False)
    assert torch.equal(read(tmp_path / "tiny.safetensors")[0]["weight"], state()["weight"])


def test_a_tensor_too_large_for_float16_keeps_float32(tmp_path):
    large = torch.tensor([1e5, 0.1])
    write(tmp_path / "tiny.safetensors", {"running_var": large}, HEADER)
    assert torch.equal(read(tmp_path / "tiny.safetensors")[0]["running_var"], large)


def test_the_same_weights_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write(tmp_path / name, state(), HEADER)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_every_altered_byte_of_the_tensors_is_noticed(tmp_path):
    path = tmp_path / "tiny.safetensors"
    write(path, state(), HEADER)
    data = path.read_bytes()
    for position in (len(data) - 1, len(data) - 10):
        path.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with pytest.raises(WeightsDamaged, match="SHA-256 does not match"):
            read(path)


def test_an_altered_header_is_noticed(tmp_path):
    path = tmp_path / "tiny.safetensors"
    write(path, state(), HEADER)
    path.write_bytes(path.read_bytes().replace(b"31.6", b"99.9"))
    with pytest.raises(WeightsDamaged, match="SHA-256 does not match"):
        read(path)


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_truncated_weights_are_refused(tmp_path, kept):
    path = tmp_path / "tiny.safetensors"
    write(path, state(), HEADER)
    path.write_bytes(path.read_bytes()[:kept])
    for reader in (read, read_header, read_foreign):
        with pytest.raises(WeightsDamaged, match=r"cannot be read as weights|is empty"):
            reader(path)
    assert not is_ours(path)


def test_a_header_from_a_newer_version_asks_for_an_update(tmp_path):
    path = tmp_path / "tiny.safetensors"
    safetensors.torch.save_file(state(), path, {"daguerre": '{"name": "tiny", "shape": "round"}'})
    with pytest.raises(WeightsDamaged, match=r"'shape'.*update daguerre"):
        read_header(path)


def test_a_header_without_its_name_is_refused(tmp_path):
    path = tmp_path / "tiny.safetensors"
    safetensors.torch.save_file(state(), path, {"daguerre": '{"task": "upscale"}'})
    with pytest.raises(WeightsDamaged, match="does not say all about itself"):
        read_header(path)


def test_foreign_safetensors_are_not_taken_for_ours(tmp_path):
    path = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file(state(), path)
    assert not is_ours(path)
    assert read_foreign(path).keys() == state().keys()
    with pytest.raises(WeightsDamaged, match="daguerre models import"):
        read(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_neither_written_nor_read(tmp_path, value):
    bad = state() | {"bias": torch.tensor([0.0, value, 0.0])}
    with pytest.raises(WeightsDamaged, match="'bias' holds NaN"):
        write(tmp_path / "tiny.safetensors", bad, HEADER)
    assert list(tmp_path.iterdir()) == []
    torch.save(bad, tmp_path / "bad.pth")
    with pytest.raises(WeightsDamaged, match="'bias' holds NaN"):
        read_foreign(tmp_path / "bad.pth")


def test_empty_weights_are_refused(tmp_path):
    with pytest.raises(WeightsDamaged, match="no weights in it"):
        write(tmp_path / "tiny.safetensors", {}, HEADER)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    def no_room(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "tiny.safetensors"
    path.write_bytes(b"old")
    monkeypatch.setattr("pathlib.Path.replace", no_room)
    with pytest.raises(WeightsError, match="No space left on device"):
        write(path, state(), HEADER)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]


def test_a_folder_that_is_a_file_is_reported(tmp_path):
    (tmp_path / "folder").write_bytes(b"")
    with pytest.raises(WeightsError, match="cannot write weights to"):
        write(tmp_path / "folder" / "tiny.safetensors", state(), HEADER)


@pytest.mark.parametrize(
    "about",
    [
        {"scores": {"psnr": "high"}},
        {"scores": [1]},
        {"scores": {"psnr": float("nan")}},
        {"licence": 7},
        {"note": "\x1b[31mred"},
        {"name": "a\ud800"},
        {"scale": 0},
        {"scale": -1},
        {"scale": 10**9},
        {"scale": "four"},
        {"scale": True},
        {"arguments": [1]},
        {"labels": "cat"},
        {"cleans": "yes"},
        {"recipe": 3},
    ],
    ids=str,
)
def test_a_header_that_makes_no_sense_is_refused(tmp_path, about):
    path = tmp_path / "tiny.safetensors"
    said = json.dumps({"name": "tiny", "task": "upscale", "network": "SRCNN"} | about)
    safetensors.torch.save_file(state(), path, {"daguerre": said})
    for reader in (read, read_header):
        with pytest.raises(WeightsDamaged, match="makes no sense"):
            reader(path)


@pytest.mark.parametrize("about", ["[" * 100_000, '{"recipe":' + "[" * 500 + "]" * 500 + "}", "3", "null"])
def test_a_header_that_is_nested_or_no_table_is_refused(tmp_path, about):
    path = tmp_path / "tiny.safetensors"
    safetensors.torch.save_file(state(), path, {"daguerre": about})
    for reader in (read, read_header):
        with pytest.raises(WeightsDamaged, match=r"makes no sense"):
            reader(path)
    assert is_ours(path)
