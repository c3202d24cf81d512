"""Two processes on the processor (gloo), started as `torchrun` starts them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from daguerre import weights
from daguerre.training import loop
from daguerre.training.pairs import Pairs
from daguerre.training.recipe import parse_recipe

RECIPE = {
    "name": "tiny",
    "step": "regression",
    "steps": 3,
    "batch": 2,
    "crop": 16,
    "precision": "float32",
    "network": {"name": "CompactResNet", "arguments": {"scale": 2, "features": 4, "blocks": 1}},
    "data": {"parts": ["."]},
    "optimizer": {"lr": 1e-2},
    "losses": {"l1": 1.0},
    "validation": {"every": 2, "crop": 16},
}
ADVERSARIAL = RECIPE | {
    "step": "adversarial",
    "losses": {"l1": 1.0, "adversarial": 0.1},
    "discriminator": {
        "network": {"name": "UNetDiscriminatorSN", "arguments": {"features": 2}},
        "optimizer": {"lr": 1e-3},
    },
    "degradation": {},
}


def work(recipe: dict[str, object], data: Path, out: Path) -> None:
    """Train, and keep this process's own networks as well as the weights that the run writes."""
    tasks = []
    make_step = loop.make_step

    def watched(*arguments):
        tasks.append(make_step(*arguments))
        return tasks[-1]

    loop.make_step = watched
    loop.train(parse_recipe(recipe), data, out)
    rank = os.environ.get("RANK", "alone")
    networks = [getattr(tasks[0], name).bare for name in ("generator", "discriminator") if hasattr(tasks[0], name)]
    torch.save([dict(network.named_parameters()) for network in networks], out / f"{rank}.pt")


def start_two(recipe: str, data: Path, out: Path) -> None:
    """Run `work` in two processes that find each other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    world = {
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "GROUP_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "TORCHELASTIC_RUN_ID": "test",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)]),
    }
    module = Path(__file__).stem
    code = (
        f"from pathlib import Path; import {module} as t; t.work(t.{recipe}, Path({str(data)!r}), Path({str(out)!r}))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=os.environ | world | {"RANK": rank, "LOCAL_RANK": rank},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    for process in processes:
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 0, errors


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for i in range(4):
        Image.fromarray(random.integers(0, 256, (40, 44, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return folder


def test_two_processes_agree_and_do_what_one_does_with_both_their_batches(data, tmp_path, monkeypatch):
    start_two("RECIPE", data, tmp_path / "two")
    (first,), (second,) = (torch.load(tmp_path / "two" / f"{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)

    draw, steps = Pairs.draw, iter(range(1, 4))

    def both(self, _):
        step = next(steps)
        batches = [draw(self, loop.chance(0, step, rank)) for rank in (0, 1)]
        return tuple(torch.cat(parts) for parts in zip(*batches, strict=True))

    monkeypatch.setattr(Pairs, "draw", both)
    monkeypatch.setattr(loop, "make_step", loop.make_step)  # `work` replaces it
    work(RECIPE, data, tmp_path / "one")
    (alone,) = torch.load(tmp_path / "one" / "alone.pt")
    for name, value in alone.items():
        torch.testing.assert_close(first[name], value, atol=1e-5, rtol=1e-4)
    assert weights.load(tmp_path / "two" / "tiny.safetensors").header.scores.keys() == {"psnr_y", "ssim_y"}


@pytest.mark.slow
def test_two_processes_agree_on_generator_and_discriminator(data, tmp_path):
    start_two("ADVERSARIAL", data, tmp_path)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert len(first) == len(second) == 2
    for one, other in zip(first, second, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
