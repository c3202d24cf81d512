"""Compare the time of several functions."""

import statistics
import time
from collections.abc import Callable

__all__ = ["CLOCKS", "medians"]

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def medians(works: dict[str, Callable[[], object]], rounds: int, clock: Callable[[], float]) -> dict[str, float]:
    """Median seconds of every function over rounds in which each runs once; a first round does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for counts in [False] + [True] * rounds:
        for name, work in works.items():
            began = clock()
            work()
            if counts:
                seconds[name].append(clock() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}
