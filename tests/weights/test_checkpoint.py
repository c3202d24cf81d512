import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from daguerre.errors import WeightsDamaged, WeightsError
from daguerre.weights.checkpoint import (
    WeightsHeader,
    is_ours,
    load_strictly,
    read,
    read_foreign,
    read_header,
    write,
)

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
        with pytest.raises(WeightsDamaged, match="cannot be read as weights"):
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


@pytest.mark.parametrize("suffix", ["pth", "pt", "ckpt"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: inner,
        lambda inner: {"params": inner},
        lambda inner: {"params": {name: 0 * tensor for name, tensor in inner.items()}, "params_ema": inner},
        lambda inner: {"state_dict": inner, "epoch": 3},
        lambda inner: {"model_state": inner, "optimizer_state": {"state": {}, "param_groups": []}},
        lambda inner: {"module." + name: tensor for name, tensor in inner.items()},
        lambda inner: {"state_dict": {"module." + name: tensor for name, tensor in inner.items()}},
    ],
    ids=["bare", "params", "params_ema", "state_dict", "model_state", "module", "state_dict-module"],
)
def test_the_wrappers_of_training_code_are_opened(tmp_path, wrap, suffix):
    path = tmp_path / f"foreign.{suffix}"
    torch.save(wrap(state()), path)
    content = read_foreign(path)
    assert content.keys() == state().keys()
    assert all(torch.equal(content[name], tensor) for name, tensor in state().items())


class Hostile:
    """Touches a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("wrap", [lambda evil: evil, lambda evil: {"params": {"weight": evil}}])
@pytest.mark.parametrize("dump", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_a_hostile_pickle_is_refused_and_never_runs(tmp_path, wrap, dump):
    marker = tmp_path / "ran"
    path = tmp_path / "hostile.pth"
    dump(wrap(Hostile(marker)), path)
    with pytest.raises(WeightsDamaged, match="nothing in it was run"):
        read_foreign(path)
    assert not marker.exists()
    with path.open("rb") as file:  # the payload is live: whoever unpickles it runs it
        if dump is not torch.save:
            pickle.load(file)
            assert marker.exists()


# The last two make torch's reader of weights raise an IndexError and an AssertionError.
@pytest.mark.parametrize(
    "content",
    [b"", b"not a checkpoint at all", b"PK\x03\x04 half a zip", b"root:x:0:0:root:/root:/bin/bash\n", b"\x80\x020."],
)
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "photo.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsDamaged, match=r"photo\.pth"):
        read_foreign(path)


def test_a_truncated_checkpoint_is_refused(tmp_path):
    path = tmp_path / "cut.pth"
    torch.save(state(), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(WeightsDamaged, match="get it again"):
        read_foreign(path)


@pytest.mark.parametrize("content", [[torch.ones(1)], {"a": torch.ones(1), "epoch": 3}, {"params": 5}])
def test_a_checkpoint_without_a_state_dict_is_refused(tmp_path, content):
    path = tmp_path / "other.pth"
    torch.save(content, path)
    with pytest.raises(WeightsDamaged, match="not under any of params_ema"):
        read_foreign(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("0.bias"), "has no '0.bias', which Sequential needs"),
        (lambda s: s.update({"0.weight": torch.zeros(2, 5)}), "'0.weight' is 2 x 5, but Sequential needs 2 x 3"),
        (lambda s: s.update({"9.bias": torch.zeros(1)}), "has '9.bias', for which Sequential has no place"),
    ],
)
def test_strict_loading_names_the_first_weight_that_does_not_fit(change, message):
    network = nn.Sequential(nn.Linear(3, 2))
    weights = dict(network.state_dict())
    change(weights)
    with pytest.raises(WeightsDamaged, match=message):
        load_strictly(network, weights, Path("x.pth"))
