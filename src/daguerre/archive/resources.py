"""The processor cores and memory available to this process, as its system or container allows."""

import contextlib
import os
import sys
from pathlib import Path

import psutil
import torch

__all__ = ["WORKER_MEMORY", "accelerators", "cores", "memory", "private_memory", "workers_for"]

CGROUP = Path("/sys/fs/cgroup")
"""Where Linux states the limits of a container."""

WORKER_MEMORY = 1536 << 20
"""Bytes of memory for one worker: libraries, networks and windows; restoration takes the most, 1.4 GiB."""


def cores() -> int:
    """Processor cores that may be used."""
    count = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = (CGROUP / "cpu.max").read_text().split()
        count = min(count, max(int(quota) // int(period), 1))
    return count


def memory() -> int:
    """Bytes of memory that are free now and may be used."""
    free = int(psutil.virtual_memory().available)
    with contextlib.suppress(OSError, ValueError):
        allowed, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        cached = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        free = min(free, allowed - used + int(cached.get("inactive_file", 0)))
    return max(free, 0)


def private_memory(process: int) -> int:
    """Bytes of private memory of a process; 0 if it is gone."""
    with contextlib.suppress(psutil.Error):
        found = psutil.Process(process).memory_info()
        return int(found.rss - getattr(found, "shared", 0))
    return 0


def accelerators(device: str) -> int:
    """Number of GPUs for a device, as options name it; 0 for the CPU."""
    kind, _, number = device.partition(":")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if kind != "cuda":
        return 0 if kind == "cpu" else 1
    return 1 if number else max(torch.cuda.device_count(), 1)


def workers_for(pictures: int, *, wanted: int | None, memory: int) -> int:
    """How many workers to start.

    Args:
        pictures: number to be processed; a few are not worth several workers.
        wanted: maximum; by default the number of cores.
        memory: bytes for all of them together; at least one is started.
    """
    most = (wanted or cores()) if wanted or pictures > 4 * cores() else 1
    return max(min(most, pictures, memory // WORKER_MEMORY), 1)
