import contextlib
import io
import logging
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from daguerre.archive.manifest import Manifest, State
from daguerre.archive.runner import Event, Here, Order, WorkerPool, perform, record, work_through
from daguerre.archive.work import Work, sha256_of
from daguerre.errors import Cancelled, DaguerreError
from daguerre.images import Picture
from daguerre.tasks.upscaling.upscaler import UpscaleOptions

WORK = Work(steps=(UpscaleOptions(model="small-x2", scale=2, device="cpu"),))
UNABLE = Work(steps=(UpscaleOptions(model="nobody", device="cpu"),))


@pytest.fixture(autouse=True)
def pictures(desk):
    for seed in range(3):
        levels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
        Picture.from_array(levels).save(f"{seed}.png")
    Path("bad.png").write_bytes(b"no picture")
    return desk


def order(number, name="0.png", work=WORK):
    return Order(number, work, Path(name), Path(f"out/deep/{name}"), overwrite=True)


def entered(manifest, *names, work=WORK):
    numbers = manifest.add_all([(name, name, work) for name in names])
    return [order(number, name, work) for number, name in zip(numbers, names, strict=True)]


def wait_for(pool, *states):
    """The first event with one of these states."""
    while True:
        for event in pool.events(60):
            if event.state in states:
                return event


def test_the_outcome_knows_both_files():
    os.utime("0.png", (10, 10))
    event = perform(order(5))
    made = event.outcome
    assert (event.number, event.state) == (5, State.DONE)
    assert (made.source.sha256, made.source.mtime_ns) == (sha256_of(Path("0.png")), 10 * 10**9)
    assert (made.result.sha256, made.result.mtime_ns) == (sha256_of(Path("out/deep/0.png")), None)
    assert (made.work_key, made.report["width"]) == (WORK.key, 32)


def test_a_failure_is_an_event_with_a_line():
    event = perform(order(1, "bad.png"))
    assert (event.state, event.outcome, event.hopeless) == (State.FAILED, None, False)
    assert event.error.startswith("bad.png is not a picture")
    assert perform(order(1, work=UNABLE)).hopeless


def test_what_is_warned_of_belongs_to_its_picture(monkeypatch):
    plain = Work.run

    def run(self, *args, **how):
        logging.getLogger("daguerre.images").warning("the profile is damaged")
        logging.getLogger("daguerre.images").warning("the profile is damaged")
        return plain(self, *args, **how)

    monkeypatch.setattr(Work, "run", run)
    assert perform(order(1)).outcome.warnings == ("the profile is damaged",)


def test_a_picture_that_changes_meanwhile_is_a_failure():
    @contextlib.contextmanager
    def beside(order):
        yield {}
        order.source.write_bytes(b"another")

    assert "changed while it was read" in perform(order(1), beside=beside).error


def test_all_orders_are_done_one_that_fails_stops_no_other(desk):
    manifest = Manifest(Path("out"))
    seen = []
    work_through(manifest, iter(entered(manifest, "0.png", "bad.png", "1.png")), Here(seen.append), told=seen.append)
    assert [row.state.value for row in manifest.rows()] == ["done", "failed", "done"]
    assert manifest.rows()[1].error.startswith("bad.png is not a picture")
    assert [event.state.value for event in seen if event.state is not State.RUNNING] == ["done", "failed", "done"]
    assert any(event.progress and event.progress.step == "upscaling" for event in seen)


def test_what_was_stopped_waits(desk):
    manifest = Manifest(Path("out"))

    def told(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work_through(manifest, iter(entered(manifest, "0.png", "1.png")), Here(told))
    assert {row.state for row in manifest.rows()} == {State.WAITING}


def test_without_the_network_nothing_is_tried_in_vain(desk):
    manifest = Manifest(Path("out"))
    with pytest.raises(DaguerreError, match="no weights are called 'nobody'"):
        work_through(manifest, iter(entered(manifest, "0.png", "1.png", work=UNABLE)), Here())
    assert manifest.counts()[State.WAITING] == 2


def test_events_are_written_down(desk):
    manifest = Manifest(Path("out"))
    (number,) = manifest.add_all([("0.png", "0.png", WORK)])
    for state, error in ((State.RUNNING, ""), (State.FAILED, "torn"), (State.WAITING, "")):
        record(manifest, Event(number=number, state=state, error=error))
    assert manifest.row(number).state is State.WAITING


def test_workers_do_what_one_process_does_and_are_stopped_when_asked(desk):
    manifest = Manifest(Path("out"))
    orders = entered(manifest, "0.png", "bad.png", "1.png", "2.png")
    work_through(manifest, iter(orders), WorkerPool(2, threads=1))
    assert [row.state.value for row in manifest.rows()] == ["done", "failed", "done", "done"]
    for name in ("0.png", "1.png", "2.png"):
        perform(replace(order(1, name), target=Path("here") / name))
        assert (Path("here") / name).read_bytes() == (Path("out/deep") / name).read_bytes()
    assert not any(str(line).startswith(".") for line in Path("out/deep").iterdir())


def test_a_worker_that_is_killed_is_replaced_and_its_picture_tried_once_more(desk):
    levels = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), dtype=np.uint8)
    Picture.from_array(levels).save("large.png")
    pool = WorkerPool(1, threads=1)
    try:
        pool.give(order(1, "large.png"))
        assert pool.free() == 0
        first = pool.workers[0].process
        wait_for(pool, State.RUNNING)
        os.kill(first.pid, signal.SIGKILL)
        wait_for(pool, State.RUNNING)
        second = pool.workers[0].process
        assert (second.pid != first.pid, pool.free()) == (True, 0)
        os.kill(second.pid, signal.SIGKILL)
        event = wait_for(pool, State.FAILED)
        assert "ended twice by SIGKILL, mostly for want of memory" in event.error
        assert pool.free() == 1
        pool.give(order(2, "large.png"))
        wait_for(pool, State.RUNNING)
        pool.cancel(2)
        assert wait_for(pool, State.WAITING, State.DONE).state is State.WAITING
        pool.give(order(3))
        assert wait_for(pool, State.DONE).number == 3
    finally:
        pool.close()
    assert not pool.workers
    assert sorted(path.name for path in Path("out/deep").iterdir()) == ["0.png"]


def test_workers_that_have_too_much_memory_are_stopped(desk, monkeypatch):
    monkeypatch.setattr("daguerre.archive.runner.SPAWN", Idle())
    used = {1: 100, 2: 300}
    monkeypatch.setattr("daguerre.archive.runner.private_memory", used.__getitem__)
    pool = WorkerPool(2, threads=1, memory=320)
    pool.give(order(1))
    pool.give(order(2, "1.png"))
    assert list(pool.events(0)) == []
    assert ([worker.process.pid for worker in pool.workers], pool.count, pool.free()) == ([1], 1, 0)
    pool.looked = -10.0
    pool.workers[0].order = None  # it is done, and does what was stopped now
    used[1] = 350
    (event,) = pool.events(0)
    assert (event.number, event.state) == (2, State.FAILED)
    assert "more than 0.0 GiB of memory; allow more (--memory)" in event.error


def test_workers_are_distributed_among_gpus(desk, monkeypatch):
    seen = []
    monkeypatch.setattr("daguerre.archive.runner.SPAWN", Idle(lambda: seen.append(os.environ["CUDA_VISIBLE_DEVICES"])))
    pool = WorkerPool(3, threads=1, gpus=2)
    for number in range(3):
        pool.give(order(number))
    pool.end(pool.workers[1])
    pool.give(order(3))
    assert seen == ["0", "1", "0", "1"]
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


class Idle:
    """Processes that do nothing."""

    def __init__(self, told=lambda: None):
        self.started, self.far, self.told = 0, [], told

    def Pipe(self):
        near, far = multiprocessing.Pipe()
        self.far.append(far)
        return near, io.StringIO()  # which is closed in its place

    def Process(self, **how):
        self.started += 1
        return Idling(self.started, self.told)


class Idling:
    def __init__(self, pid, told):
        self.pid, self.start = pid, told

    def kill(self):
        pass

    join = kill


def test_whoever_watches_may_cancel_what_is_done_here():
    def stop(progress):
        raise Cancelled("stopped")

    began = time.monotonic()
    with pytest.raises(Cancelled):
        perform(order(1), stop)
    assert time.monotonic() - began < 60
