"""Two processes on the processor (gloo), started as `torchrun` starts them."""

import contextlib
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
from daguerre.errors import Cancelled
from daguerre.progress import Progress
from daguerre.training import loop
from daguerre.training.data.sr_pairs import SuperResolutionPairs
from daguerre.training.recipe import parse_recipe

RECIPE = {
    "name": "tiny",
    "step": "super_resolution",
    "steps": 3,
    "batch": 2,
    "crop": 16,
    "precision": "float32",
    "network": {"name": "CompactResNet", "arguments": {"scale": 2, "features": 4, "blocks": 1}},
    "data": {"parts": ["."]},
    "optimizer": {"lr": 1e-2},
    "losses": {"l1": 1.0},
    "validation": {"every": 2, "crop": 20},
}
ADVERSARIAL = RECIPE | {
    "step": "super_resolution",
    "losses": {"l1": 1.0, "adversarial": 0.1},
    "discriminator": {
        "network": {"name": "UNetDiscriminatorSN", "arguments": {"features": 2}},
        "optimizer": {"lr": 1e-3},
    },
    "degradation": {},
}


def work(recipe: dict[str, object], data: Path, out: Path, stop: int = 0) -> None:
    """Train, and keep this process's own networks as well as the weights that the run writes.

    Args:
        stop: the step after which the first process asks to stop, if any; a run that is there is resumed.
    """
    trainers = []
    make_trainer = loop.make_trainer

    def watched(*arguments):
        trainers.append(make_trainer(*arguments))
        return trainers[-1]

    def progress(event: Progress) -> None:
        if stop and event.step == "training" and event.done == stop:
            raise Cancelled("enough")

    loop.make_trainer, loop.SYNC_EVERY = watched, 1
    with contextlib.suppress(Cancelled):
        loop.train(parse_recipe(recipe), data, out, resume=True, progress=progress)
    rank, trainer = os.environ.get("RANK", "alone"), trainers[0]
    models = [trainer.model] + ([trainer.discriminator.model] if trainer.discriminator else [])
    torch.save([dict(model.module.named_parameters()) for model in models], out / f"{rank}.pt")


def start_two(recipe: str, data: Path, out: Path, stop: int = 0) -> None:
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
    what = f"t.{recipe}, Path({str(data)!r}), Path({str(out)!r}), {stop}"
    code = f"from pathlib import Path; import {module} as t; t.work({what})"
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

    draw, steps = SuperResolutionPairs.draw, iter(range(1, 4))

    def both(self, _):
        step = next(steps)
        batches = [draw(self, loop.seeded_generator(0, step, rank)) for rank in (0, 1)]
        return tuple(torch.cat(parts) for parts in zip(*batches, strict=True))

    monkeypatch.setattr(SuperResolutionPairs, "draw", both)
    for name in ("make_trainer", "SYNC_EVERY"):  # `work` replaces them
        monkeypatch.setattr(loop, name, getattr(loop, name))
    work(RECIPE, data, tmp_path / "one")
    (alone,) = torch.load(tmp_path / "one" / "alone.pt")
    for name, value in alone.items():
        torch.testing.assert_close(first[name], value, atol=1e-5, rtol=1e-4)
    assert weights.load(tmp_path / "two" / "tiny.safetensors").header.scores.keys() == {"psnr_y", "ssim_y"}


def test_two_processes_stop_together_and_go_on_as_if_they_had_not_with_a_discriminator_too(data, tmp_path):
    start_two("ADVERSARIAL", data, tmp_path / "whole")
    start_two("ADVERSARIAL", data, tmp_path / "parts", stop=2)
    assert torch.load(tmp_path / "parts" / "checkpoint.pt")["about"]["step"] == 2
    start_two("ADVERSARIAL", data, tmp_path / "parts")
    ends = [torch.load(tmp_path / run / f"{rank}.pt") for run in ("whole", "parts") for rank in (0, 1)]
    for networks in zip(*ends, strict=True):  # the generators, then the discriminators
        assert len(networks) == 4
        assert all(torch.equal(networks[0][name], other[name]) for other in networks[1:] for name in other)
