"""Weights files with a few bytes changed: each is read, or refused in one line.

python tests/fuzz/test_weights.py 10000      by hand, more of them
"""

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[1]))

from weights.ncnn_files import write_srvgg

from daguerre.errors import WeightsError
from daguerre.networks.rrdbnet import RRDBNet
from daguerre.networks.srvgg import SRVGGNetCompact
from daguerre.weights.checkpoint import WeightsHeader, write
from daguerre.weights.model import load_file

ARGUMENTS = {"scale": 2, "features": 2, "convs": 1}
SEEDS = ["ours.safetensors", "foreign.safetensors", "zip.pth", "old.pth", "packed.npz", "tiny.param", "tiny.bin"]


def sow(folder):
    """Small sound files of every format."""
    torch.manual_seed(0)
    network = SRVGGNetCompact(**ARGUMENTS)
    state = network.state_dict()
    header = WeightsHeader(name="x", task="upscale", network="SRVGGNetCompact", arguments=ARGUMENTS, scale=2)
    write(folder / "ours.safetensors", state, header)
    save_file(state, folder / "foreign.safetensors")
    torch.save({"params_ema": state, "iter": 5}, folder / "zip.pth")
    esrgan = RRDBNet(features=2, blocks=1, growth=1).state_dict()
    torch.save({name: tensor.numpy() for name, tensor in esrgan.items()}, folder / "old.pth")
    np.savez_compressed(folder / "packed.npz", **{name: tensor.numpy() for name, tensor in state.items()})
    write_srvgg(folder / "tiny", network)


def mutated(data, chance):
    """`data` with one to four changes of the kinds that happen, and of those that somebody means."""
    data = bytearray(data)
    for _ in range(chance.integers(1, 5)):
        place = int(chance.integers(len(data) + 1))
        match chance.integers(7):
            case 0 if place < len(data):
                data[place] ^= 1 << int(chance.integers(8))
            case 1:
                data[place : place + 4] = chance.choice(
                    [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"]
                ).tobytes()
            case 2:
                del data[place:]
            case 3:
                del data[place : place + int(chance.integers(1, 64))]
            case 4:
                data[place:place] = data[place : place + int(chance.integers(1, 200))] * int(chance.integers(1, 20))
            case 5:
                data[place:place] = chance.bytes(int(chance.integers(1, 16)))
            case _:
                digits = [at for at, one in enumerate(data[:4000]) if 48 <= one <= 57]
                if digits:
                    at = int(chance.choice(digits))
                    data[at : at + 1] = chance.choice([b"0", b"9", b"99999999999", b"-1", b"1e9"]).rstrip(b"\0")
    return bytes(data)


def try_one(folder, name, seed):
    """Mutate, load and put back one file; what was said of it, or None if it loaded."""
    path = folder / name
    sound = path.read_bytes()
    path.write_bytes(mutated(sound, np.random.default_rng(seed)))
    try:
        load_file(path)
    except WeightsError as error:
        return str(error)
    finally:
        path.write_bytes(sound)
    return None


@pytest.mark.parametrize("name", SEEDS)
def test_a_mutated_file_is_read_or_refused_in_one_line(name, tmp_path):
    sow(tmp_path)
    assert load_file(tmp_path / name).header.task == "upscale"
    lines = [try_one(tmp_path, name, seed) for seed in range(40)]
    assert any(lines)
    assert not any("\n" in line for line in lines if line)


if __name__ == "__main__":
    warnings.simplefilter("error")
    refused = 0
    with tempfile.TemporaryDirectory() as place:
        sow(Path(place))
        for number in range(int(sys.argv[1])):
            name = SEEDS[number % len(SEEDS)]
            try:
                said = try_one(Path(place), name, number)
                refused += said is not None
                assert "\n" not in (said or "")
            except Exception as error:
                print(name, number, repr(error))
    print(f"{sys.argv[1]} files, {refused} refused in one line")
