import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from daguerre.archive.cluster import RayPool
from daguerre.archive.manifest import Manifest
from daguerre.archive.plan import Wanted, enter, plan
from daguerre.archive.runner import Here, work_through
from daguerre.archive.work import Work
from daguerre.errors import MissingExtra
from daguerre.images import Picture
from daguerre.tasks.upscaling.upscaler import UpscaleOptions

WORK = Work(steps=(UpscaleOptions(model="small-x2", scale=2, device="cpu"),))
NAMES = ["0.png", "1.png", "2.png", "bad.png"]


@pytest.fixture
def pictures(desk):
    for seed in range(3):
        levels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
        Picture.from_array(levels).save(f"{seed}.png")
    Path("bad.png").write_bytes(b"no picture")


def done_by(pool, folder, names=NAMES):
    manifest = Manifest(Path(folder))
    orders = enter(manifest, plan(Path(folder), [], [Wanted(Path(name), name, WORK) for name in names]))
    work_through(manifest, iter(orders), pool)
    return [row.state.value for row in manifest.rows()]


def test_without_ray_one_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'daguerre\[ray\]'"):
        RayPool("ray")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_makes_the_same_bytes_and_survives_the_loss_of_an_actor(pictures, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.delenv("TMPDIR")  # sockets have short names
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert done_by(Here(), "here") == ["done", "done", "done", "failed"]
    pool = RayPool("ray", count=2)
    assert done_by(pool, "out") == ["done", "done", "done", "failed"]
    for name in NAMES[:3]:
        assert (Path("out") / name).read_bytes() == (Path("here") / name).read_bytes()
    levels = np.random.default_rng(0).integers(0, 256, (1200, 1200, 3), dtype=np.uint8)
    Picture.from_array(levels).save("large.png")
    pool = RayPool("ray", count=1)
    (actor,) = pool.idle
    number = pool.ray.get(actor.__ray_call__.remote(lambda hand: os.getpid()))
    give = pool.give

    def give_and_kill(order):
        give(order)
        os.kill(number, signal.SIGKILL)

    pool.give = give_and_kill
    assert done_by(pool, "after", ["large.png"]) == ["done"]
