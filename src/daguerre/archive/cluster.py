"""Work done by Ray: actors on this computer or on many, each with its networks loaded.

Only paths are sent, not pixels: every computer must see the pictures and the results under the same names.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from daguerre.archive.manifest import State
from daguerre.archive.runner import Event, KeptWorks, Order, limit_threads, perform
from daguerre.archive.work import Work
from daguerre.errors import DaguerreError, MissingExtra

__all__ = ["RayPool"]

LOCAL = "ray"
"""The address that means this computer only."""

RESTARTS = 3  # of an actor
RETRIES = 1  # of a picture whose actor was lost


class Hand:
    """The worker inside an actor.

    Args:
        threads: number of threads it may use.
    """

    def __init__(self, threads: int) -> None:
        limit_threads(threads)
        self.works = KeptWorks()

    def do(self, number: int, work: str, source: str, target: str, overwrite: bool) -> Event:
        """Process one order, whose work is given as text."""
        kept = self.works.kept(Work.loads(work))
        return perform(Order(number, kept, Path(source), Path(target), overwrite))


class RayPool:
    """A pool of Ray actors.

    A picture whose actor is lost is tried once more by its successor, and then fails.

    Args:
        address: `ray` for this computer, or that of a cluster: `auto`, `10.0.0.1:6379`, `ray://10.0.0.1:10001`.
        count: how many actors; by default one for each core, or for each share of a GPU.
        gpus: share of a GPU that each takes, such as 0.25; none by default.

    Raises:
        MissingExtra: Ray is not installed.
        DaguerreError: the cluster cannot be reached.
    """

    def __init__(self, address: str, *, count: int | None = None, gpus: float = 0.0) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # send nothing to anybody
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
        except ImportError as error:
            raise MissingExtra("--cluster needs Ray; install it with `pip install 'daguerre[ray]'`") from error
        self.ray: Any = ray
        where = {"include_dashboard": False} if address == LOCAL else {"address": address}
        try:
            ray.init(configure_logging=False, log_to_driver=False, **where)
            there = ray.cluster_resources()
        except Exception as error:
            first = next(iter(str(error).splitlines()), type(error).__name__)
            way = "is it running, and has every computer the same token (RAY_AUTH_TOKEN)?"
            raise DaguerreError(f"cannot reach Ray at {address} ({first}); {way}") from error
        most = there.get("GPU", 0) / gpus if gpus else there.get("CPU", 1)
        count = max(count or int(most), 1)
        actor = ray.remote(num_cpus=0 if gpus else 1, num_gpus=gpus, max_restarts=RESTARTS, max_task_retries=RETRIES)(
            Hand
        )
        self.idle = [actor.remote(threads=1) for _ in range(count)]
        self.pending: dict[Any, tuple[Order, Any]] = {}

    def free(self) -> int:
        return len(self.idle)

    def give(self, order: Order) -> None:
        actor = self.idle.pop()
        names = str(order.source.absolute()), str(order.target.absolute())
        self.pending[actor.do.remote(order.number, order.work.dumps(), *names, order.overwrite)] = order, actor

    def cancel(self, number: int) -> None:
        """Do nothing: an actor cannot be interrupted and finishes its picture."""

    def events(self, timeout: float) -> Iterator[Event]:
        ready, _ = self.ray.wait(list(self.pending), num_returns=1, timeout=timeout) if self.pending else ([], [])
        for one in ready:
            order, actor = self.pending.pop(one)
            self.idle.append(actor)
            try:
                yield replace(self.ray.get(one), number=order.number)
            except self.ray.exceptions.RayError as error:
                first = next(iter(str(error).splitlines()), type(error).__name__)
                yield Event(
                    number=order.number,
                    state=State.FAILED,
                    error=f"{order.source}: the computers that worked on it were lost ({first})",
                )

    def close(self) -> None:
        self.ray.shutdown()  # which ends the actors; results are whole or not there
