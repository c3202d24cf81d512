import io
import pickle
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from daguerre.errors import MissingExtra, WeightsDamaged, WeightsError
from daguerre.weights.foreign import read_foreign


def state():
    torch.manual_seed(0)
    return {"weight": torch.randn(3, 2), "bias": torch.randn(3)}


def other():
    return {name: 0 * tensor for name, tensor in state().items()}


@pytest.mark.parametrize("suffix", ["pth", "pt", "ckpt"])
@pytest.mark.parametrize(
    "content",
    [
        state(),
        {"params": state()},
        {"params": other(), "params_ema": state()},
        {"state_dict": state(), "epoch": 3},
        {"model_state": state(), "optimizer_state": {"state": {}, "param_groups": []}},
        {"g_ema": state(), "g": other(), "d": other()},
        {"model": {"net": state()}, "iter": 5},
        {"generator": state(), "discriminator": other(), "steps": 100},
        {"whatever": state(), "epoch": 3},
        state() | {"epoch": 3, "name": "mine", "lr": 0.1, "nothing": None},
        OrderedDict(state()),
        {name: torch.nn.Parameter(tensor) for name, tensor in state().items()},
        {name: tensor.numpy() for name, tensor in state().items()} | {"step": np.int64(3)},
        {name: np.asfortranarray(tensor.numpy()) for name, tensor in state().items()},
        {name: tensor.double() for name, tensor in state().items()},
    ],
    ids=[
        *["bare", "params", "params_ema", "state_dict", "model_state", "g_ema", "model-net", "generator", "whatever"],
        *["numbers beside", "ordered", "parameters", "numpy", "fortran", "double"],
    ],
)
def test_the_wrappers_of_training_code_are_opened(tmp_path, content, suffix):
    path = tmp_path / f"foreign.{suffix}"
    torch.save(content, path)
    read = read_foreign(path)
    assert read.keys() == state().keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in state().items())


def test_arrays_of_an_old_numpy_are_read_too(tmp_path):
    path = tmp_path / "old.pth"
    data = pickle.dumps({name: tensor.numpy() for name, tensor in state().items()}, protocol=2)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("old/data.pkl", data.replace(b"numpy._core", b"numpy.core"))
        archive.writestr("old/version", "3")
        archive.writestr("old/byteorder", "little")
    assert torch.equal(read_foreign(path)["weight"], state()["weight"])


class Claims:
    """Pickled as an array that is none."""

    def __init__(self, *state):
        self.state = state

    def __reduce__(self):
        made = (np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"))
        return (*made, self.state) if self.state else made


@pytest.mark.parametrize(
    "state",
    [
        (),
        (1, (10**12,), np.dtype("f4"), False, 10**12),
        (1, (2,), np.dtype("f4"), False, b"four"),
        (1, (1,), np.dtype("O"), False, [None]),
        (1, (1,), np.dtype("U4"), False, bytes(16)),
        (1, (1,), "f4", False, b"four"),
        (1, "shape", np.dtype("f4"), False, b"four"),
        (1,),
    ],
    ids=str,
)
def test_arrays_that_are_none_are_one_line_and_take_no_memory(tmp_path, state):
    path = tmp_path / "odd.pth"
    torch.save({"weight": Claims(*state)}, path)
    with pytest.raises(WeightsDamaged, match=r"odd\.pth") as caught:
        read_foreign(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float64])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_floats_of_any_width_are_read_as_float32(tmp_path, dtype, suffix):
    path = tmp_path / f"foreign.{suffix}"
    save = torch.save if suffix == "pth" else safetensors.torch.save_file
    save({name: tensor.to(dtype) for name, tensor in state().items()}, path)
    read = read_foreign(path)
    assert read["weight"].dtype == torch.float32
    assert torch.equal(read["weight"], state()["weight"].to(dtype).float())


def selfref():
    content = {}
    content["params"] = content
    return content


def deep(levels=100):
    content = state()
    for _ in range(levels):
        content = {"params": content}
    return content


ODD = {
    "selfref": (selfref(), "is a checkpoint without weights, also under params_ema"),
    "deep": (deep(), "is a checkpoint without weights, also under params_ema"),
    "list": ([torch.ones(1)], "is a checkpoint without weights, also under params_ema"),
    "number": ({"params": 5}, "is a checkpoint without weights, also under params_ema"),
    "text": ({"a": "b"}, "is a checkpoint without weights, also under params_ema"),
    "nothing": ({}, "no weights in it"),
    "nothing inside": ({"params": {}}, "is a checkpoint without weights, also under params_ema"),
    "meta": ({"weight": torch.empty(3, device="meta")}, "has a shape and no numbers"),
    "sparse": ({"weight": torch.eye(3).to_sparse()}, "is sparse, quantised or complex"),
    "complex": ({"weight": torch.ones(3, dtype=torch.complex64)}, "is sparse, quantised or complex"),
    "empty": ({"weight": torch.ones(0, 3)}, "is empty"),
    "large": ({"weight": torch.ones(1).expand(10**6)}, "has more numbers than the file holds"),
    "huge": ({"weight": torch.ones(1).expand(10**9)}, "claim more numbers than it holds"),
    "double beyond float": ({"weight": torch.tensor([1e300], dtype=torch.float64)}, "too much for float32"),
    "nan": ({"weight": torch.tensor([float("nan")])}, "holds NaN"),
}


@pytest.mark.parametrize(("content", "message"), ODD.values(), ids=ODD)
def test_odd_checkpoints_are_one_line(tmp_path, content, message):
    path = tmp_path / "odd.pth"
    torch.save(content, path)
    with pytest.raises(WeightsDamaged, match=message) as caught:
        read_foreign(path)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_quantised_tensors_are_one_line(tmp_path):
    path = tmp_path / "odd.pth"
    torch.save({"weight": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)}, path)
    with pytest.raises(WeightsDamaged, match=r"odd\.pth"):
        read_foreign(path)


def test_one_piece_of_a_file_taken_a_thousand_times_is_refused(tmp_path):
    path = tmp_path / "odd.pth"
    piece = torch.ones(2**18, dtype=torch.float16)
    torch.save({str(number): piece for number in range(1000)}, path)
    assert path.stat().st_size < 2**20
    with pytest.raises(WeightsDamaged, match="claim more numbers than it holds"):
        read_foreign(path)


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
    [b"not a checkpoint at all", b"PK\x03\x04 half a zip", b"root:x:0:0:root:/root:/bin/bash\n", b"\x80\x020."],
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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pth", b"", "is empty; get it again"),
        ("a.pth", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 67040989\n", "git lfs pull"),
        ("a.pth", b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title>", "is a web page, not weights"),
        ("a.safetensors", b"<html>", "is a web page, not weights"),
        ("a.gguf", b"GGUF\x03\0\0\0" + bytes(100), "is a GGUF file"),
        ("a.tflite", b"\x1c\0\0\0TFL3" + bytes(100), "is a TensorFlow Lite model"),
        ("a.pth", b"\x1f\x8b\x08" + bytes(100), "is packed with gzip; unpack it first"),
        ("a.pth", b"7z\xbc\xaf\x27\x1c", "is a 7z archive"),
        ("a.pth", b"\xff\xd8\xff\xe0", "is a picture, not weights"),
        ("a.engine", b"ftrt", "is a TensorRT engine"),
        ("a.pb", b"\x08\x01", "is a TensorFlow graph"),
    ],
)
def test_what_is_no_checkpoint_is_called_by_its_name(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(WeightsDamaged, match=message):
        read_foreign(path)


def test_torchscript_is_called_by_its_name(tmp_path):
    path = tmp_path / "script.pt"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py"):
            archive.writestr(f"script/{name}", b"x")
    with pytest.raises(WeightsDamaged, match=r"is a TorchScript program; save the network's state_dict"):
        read_foreign(path)


def test_folders_are_called_by_what_they_are(tmp_path):
    with pytest.raises(WeightsDamaged, match="is a folder; name a weights file"):
        read_foreign(tmp_path)
    (tmp_path / "model_index.json").write_text("{}")
    with pytest.raises(WeightsDamaged, match="is a diffusion pipeline"):
        read_foreign(tmp_path)


def test_a_file_that_may_not_be_read_is_reported(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "secret.pth"
    torch.save(state(), path)
    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(WeightsError, match=r"secret\.pth cannot be read \(Permission denied\)"):
        read_foreign(path)


def member(array=None, header=None, data=b""):
    """A `.npy` file: of an array, or with a header of one's own."""
    if array is not None:
        file = io.BytesIO()
        np.save(file, array)
        return file.getvalue()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize(
    "content",
    [
        member(header=b"(((((("),
        member(header=b"{'descr': '<f4', 'fortran_order': False, 'shape': (100000, 100000), }"),
        member(header=b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", data=bytes(8)),
        member(header=b"{'descr': '<U4', 'fortran_order': False, 'shape': (1,), }", data=bytes(16)),
        member(header=b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4), }", data=bytes(16)),
        member(header=b"[" * 5000),
        b"",
        b"\x93NUMPY\x09\x09",
    ],
    ids=["syntax", "huge", "objects", "words", "negative", "nested", "nothing", "version"],
)
def test_hostile_arrays_are_one_line(tmp_path, content):
    path = tmp_path / "odd.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weight.npy", content)
    with pytest.raises(WeightsDamaged, match=r"odd\.npz cannot be read as a NumPy archive of weights") as caught:
        read_foreign(path)
    assert "\n" not in str(caught.value)


def test_arrays_in_an_archive_are_read_in_any_order_of_bytes_and_axes(tmp_path):
    weight = state()["weight"].numpy()
    np.savez_compressed(tmp_path / "a.npz", weight=weight, turned=np.asfortranarray(weight), big=weight.astype(">f4"))
    read = read_foreign(tmp_path / "a.npz")
    assert all(torch.equal(read[name], state()["weight"]) for name in ("weight", "turned", "big"))


@pytest.mark.parametrize("name", ["bomb.npz", "bomb.pth"])
def test_an_archive_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weight.npy", bytes(40 << 20))
    with pytest.raises(WeightsDamaged, match=r"would unpack to 40 MiB, as no weights do"):
        read_foreign(tmp_path / name)


def test_numbers_in_hdf5_are_read_by_their_paths(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "vgg.weights.h5", "w") as file:
        file["block1/vars/0"] = np.full((2, 3), 0.5, np.float32)
        file["name"] = "vgg"
        file.create_dataset("packed", data=np.zeros(10**6), compression="gzip")
    content = read_foreign(tmp_path / "vgg.weights.h5")
    assert content.keys() == {"block1/vars/0"}
    assert content["block1/vars/0"].equal(torch.full((2, 3), 0.5))


def test_a_truncated_hdf5_file_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "vgg.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(1000.0)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(WeightsDamaged, match="cannot be read as HDF5"):
        read_foreign(path)


def test_without_h5py_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "vgg.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(MissingExtra, match=r"vgg.h5 is HDF5; to read it, install h5py with `pip install h5py`"):
        read_foreign(tmp_path / "vgg.h5")
