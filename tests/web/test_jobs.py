import asyncio
import json

import pytest

from daguerre.archive.manifest import State
from daguerre.errors import ArchiveError, DaguerreError, OptionError
from daguerre.web.folder import PhotoFolder
from daguerre.web.jobs import JobQueue, Watcher
from daguerre.web.worker import Crashed

DESCRIBED = {
    "options": '{"steps": [{"task": "restore"}]}',
    "stem": "old-restored",
    "ending": ".jpg",
    "tasks": ["restore"],
    "command": "daguerre restore old.jpg",
}
ASKED = {"steps": [{"task": "restore"}]}


class Pretender:
    """A worker that writes results at once, or does what a test says."""

    def __init__(self):
        self.does = self.make
        self.asked = []
        self.enough = asyncio.Event()

    async def make(self, target, on_event):
        on_event(("progress", "restoring", 1, 2))
        target.write_bytes(b"made")
        return {
            "report": {
                "width": 1,
                "height": 1,
                "steps": [{"task": "restore", "measured": {}, "found": {"warnings": ["look"]}}],
                "networks": {},
            },
            "work_key": "k",
            "source": "s",
            "result": "r",
            "seconds": 0.1,
        }

    async def hang(self, target, on_event):
        await asyncio.sleep(60)

    async def call(self, function, options, source, target, folder, on_event):
        from pathlib import Path

        self.asked.append(Path(target).name)
        return await self.does(Path(target), on_event)


@pytest.fixture
def folder(tmp_path):
    return PhotoFolder(tmp_path, kept=True)


@pytest.fixture
def photo(folder):
    place = folder.new_photo()
    (place / "old.jpg").write_bytes(b"x")
    folder.write_info(place, {"name": "old.jpg", "added": 1})
    return place.name


def queued(folder, work, worker=None):
    """Let something happen with a queue."""

    async def whole():
        queue = JobQueue(folder, worker or Pretender())
        running = asyncio.create_task(queue.run())
        try:
            return await asyncio.wait_for(work(queue), 20)
        finally:
            running.cancel()
            queue.close()

    return asyncio.run(whole())


async def ended(queue, number):
    while queue.row(number).state in (State.WAITING, State.RUNNING):
        await asyncio.sleep(0.01)
    return queue.view(queue.row(number))


def test_a_job_is_done_and_told(folder, photo):
    async def work(queue):
        watcher = Watcher()
        queue.watchers.add(watcher)
        number = queue.add(photo, ASKED, DESCRIBED)
        said = await ended(queue, number)
        assert (said["state"], said["name"], said["photo"], said["warnings"]) == (
            "done",
            "old-restored.jpg",
            photo,
            ["look"],
        )
        assert said["asked"] == ASKED
        assert number in await watcher.next()
        assert queue.all() == [said]

    queued(folder, work)


def test_the_first_comes_before_those_that_wait_and_names_are_told_apart(folder, photo):
    async def work(queue):
        numbers = [queue.add(photo, ASKED, DESCRIBED, first=number == 2) for number in range(3)]
        for number in numbers:
            await ended(queue, number)
        assert queue.worker.asked == ["old-restored-3.jpg", "old-restored.jpg", "old-restored-2.jpg"]

    queued(folder, work)


def test_a_crash_is_tried_once_more_and_then_told(folder, photo):
    worker = Pretender()

    async def crash(target, on_event):
        raise Crashed("it has gone")

    worker.does = crash

    async def work(queue):
        said = await ended(queue, queue.add(photo, ASKED, DESCRIBED))
        assert (said["state"], said["error"], len(worker.asked)) == ("failed", "it has gone", 2)
        worker.does = worker.make
        queue.again(said["id"])
        assert (await ended(queue, said["id"]))["state"] == "done"

    queued(folder, work, worker)


def test_a_failure_names_no_folder_of_the_page(folder, photo):
    worker = Pretender()

    async def fail(target, on_event):
        raise DaguerreError(f"{folder.photo(photo)} is broken; {target} was not made")

    worker.does = fail

    async def work(queue):
        said = await ended(queue, queue.add(photo, ASKED, DESCRIBED))
        assert said["error"] == "old.jpg is broken; old-restored.jpg was not made"

    queued(folder, work, worker)


def test_a_running_job_is_cancelled_and_the_next_goes_on(folder, photo):
    worker = Pretender()
    worker.does = worker.hang

    async def work(queue):
        first, second, third = (queue.add(photo, ASKED, DESCRIBED) for _ in range(3))
        while not worker.asked:
            await asyncio.sleep(0.01)
        queue.cancel(second)
        worker.does = worker.make
        queue.cancel(first)
        assert queue.row(first).state == State.CANCELLED
        assert (await ended(queue, third))["state"] == "done"
        assert queue.row(second).state == State.CANCELLED
        queue.cancel(third)  # too late, and nothing happens
        assert queue.row(third).state == State.DONE
        queue.forget(photo)
        assert queue.all() == []

    queued(folder, work, worker)


def test_what_was_running_when_the_server_died_is_done_again(folder, photo):
    worker = Pretender()
    worker.does = worker.hang

    async def die(queue):
        queue.add(photo, ASKED, DESCRIBED)
        while not worker.asked:
            await asyncio.sleep(0.01)

    queued(folder, die, worker)

    async def work(queue):
        (job,) = queue.all()
        assert (await ended(queue, job["id"]))["state"] == "done"

    queued(folder, work)


def test_two_servers_do_not_work_on_one_folder(folder):
    async def work(queue):
        with pytest.raises(ArchiveError, match="works on"):
            JobQueue(folder, Pretender())

    queued(folder, work)


def test_what_is_not_there_is_said(folder, photo):
    async def work(queue):
        with pytest.raises(OptionError, match="no job 7"):
            queue.row(7)
        with pytest.raises(OptionError, match="not here any more"):
            queue.add("0" * 16, ASKED, DESCRIBED)
        json.dumps(queue.all())

    queued(folder, work)
