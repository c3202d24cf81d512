"""Gives mutants to a worker and watches it."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import daguerre

from .mutations import mutate
from .seeds import make_seeds

GOOD = {"ok", "refused"}
SECONDS = 30
"""After which a worker is killed; what takes longest here takes one."""

MEBIBYTES = 1300
"""That a picture may take on top of the libraries, which take 250."""

WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True, kw_only=True)
class Said:
    """What became of a mutant."""

    name: str
    verdict: str
    note: str = ""
    seconds: float = 0.0
    mebibytes: int = 0


class Worker:
    """A process that tries pictures; a new one takes its place when it dies."""

    def __init__(self, folder: Path, script: Path = WORKER) -> None:
        self.folder, self.script = folder, script
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        (self.folder / "out").mkdir(exist_ok=True)
        self.noise = (self.folder / "noise").open("w+b")
        paths = [str(Path(daguerre.__file__).parents[1]), *sys.path]
        return subprocess.Popen(
            [sys.executable, str(self.script), str(self.folder / "out")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.noise,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        )

    def try_one(self, path: Path, seconds: float = SECONDS) -> Said:
        self.process = self.process or self.start()
        self.process.stdin.write(os.fsencode(path) + b"\n")
        self.process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            answered = selector.select(seconds)
        line = self.process.stdout.readline() if answered else b""
        noise = self.heard()
        if not line:
            status = self.stop()
            verdict = "hang" if not answered else f"crash ({status})"
            return Said(name=path.name, verdict=verdict, note=noise)
        said = Said(name=path.name, **json.loads(line))
        if noise and said.verdict in GOOD:
            return Said(name=path.name, verdict="noise", note=noise)
        if said.mebibytes > MEBIBYTES:
            return Said(name=path.name, verdict="too much memory", note=f"{said.mebibytes} MiB; {said.note}")
        return said

    def heard(self) -> str:
        """What was written on standard error since the last time."""
        self.noise.seek(0)
        text = self.noise.read().decode(errors="replace")
        self.noise.seek(0)
        self.noise.truncate()
        return text

    def stop(self) -> int:
        """Kill it; its exit status."""
        if self.process is None:
            return 0
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout, self.noise):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        status = self.process.wait()
        self.process = None
        return status


def try_mutants(
    numbers: Iterable[int], folder: Path, *, seed: int = 0, keep: Path | None = None, script: Path = WORKER
) -> Iterator[Said]:
    """What becomes of every mutant.

    Args:
        folder: an empty one.
        keep: where those are put that went wrong.
    """
    seeds, worker = make_seeds(), Worker(folder, script)
    try:
        for number in numbers:
            name, data = mutate(seeds, number, seed)
            path = folder / name
            path.write_bytes(data)
            said = worker.try_one(path)
            yield said
            if keep and said.verdict not in GOOD:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / name).write_bytes(data)
            path.unlink()
    finally:
        worker.stop()
