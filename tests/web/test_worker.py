import asyncio
import os
import time

import pytest

from daguerre.errors import DaguerreError, OptionError
from daguerre.web.worker import Crashed, Worker

HERE = "tests.web.test_worker"


# What the process calls.


def add(one, two, report):
    report("adding")
    return one + two


def refuse(report):
    raise OptionError("it makes no sense")


def break_down(report):
    raise ZeroDivisionError("nobody foresaw this")


def die(report):
    os._exit(9)


def work_on(report):
    while True:
        time.sleep(0.02)
        report("still")


def sleep(report):
    time.sleep(60)


def until_enough(report):
    while not report.enough():
        time.sleep(0.02)
    return os.getpid()


def process(report):
    return os.getpid()


@pytest.fixture
def run():
    """Run something with a worker, which is stopped in the end."""

    def run(work):
        async def whole():
            worker = Worker()
            try:
                return await work(worker)
            finally:
                worker.stop()

        return asyncio.run(whole())

    return run


def test_it_gives_values_events_and_errors_of_one_process(run):
    async def work(worker):
        told = []
        assert await worker.call(f"{HERE}:add", 1, 2, on_event=told.append) == 3
        assert told == ["adding"]
        first = await worker.call(f"{HERE}:process")
        with pytest.raises(OptionError, match="makes no sense"):
            await worker.call(f"{HERE}:refuse")
        with pytest.raises(DaguerreError, match="ZeroDivisionError: nobody foresaw this"):
            await worker.call(f"{HERE}:break_down")
        assert await worker.call(f"{HERE}:process") == first != os.getpid()

    run(work)


def test_it_stops_at_once_what_heeds_and_kills_what_does_not(run):
    async def work(worker):
        first = await worker.call(f"{HERE}:process")
        for name, same in (("work_on", True), ("sleep", False)):
            task = asyncio.create_task(worker.call(f"{HERE}:{name}"))
            await asyncio.sleep(0.1)
            began = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - began < 3
            assert (await worker.call(f"{HERE}:process") == first) is same

    run(work)


def test_it_lives_on_after_a_crash(run):
    async def work(worker):
        with pytest.raises(Crashed):
            await worker.call(f"{HERE}:die")
        assert await worker.call(f"{HERE}:add", 1, 1) == 2

    run(work)


def test_it_can_be_told_that_it_is_enough(run):
    async def work(worker):
        task = asyncio.create_task(worker.call(f"{HERE}:until_enough"))
        await asyncio.sleep(0.1)
        worker.enough.set()
        assert await task

    run(work)
