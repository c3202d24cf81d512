"""How much memory `daguerre upscale` takes for pictures of growing size, and how its time grows.

    python benchmarks/memory.py
    python benchmarks/memory.py --gigapixel 200     a TIFF of so many megapixels, 1.5 times as wide and high; slow

Memory is the peak of RssAnon, sampled 50 times a second, above that of a Python that has imported torch: what the
program keeps for itself, without files that the system may drop. Time is processor time, which other programs hardly
change. Needs Linux.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from photograph import write_photograph

MEBIBYTE = 2**20
READY = "import torch, sys; print(flush=True); sys.stdin.read()"


@dataclass(frozen=True)
class Spent:
    """Peak memory in MiB and processor time in seconds."""

    memory: float
    seconds: float


def anonymous(process: int) -> float:
    """MiB of a process' own memory now; 0 when it has ended."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


def torch_alone() -> float:
    """MiB of a Python that has imported torch."""
    with subprocess.Popen([sys.executable, "-c", READY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        return anonymous(process.pid)


def watch(*words: str) -> Spent:
    """Run `daguerre` with the words given and see what it takes."""
    process = subprocess.Popen([sys.executable, "-m", "daguerre", *words])
    peak = 0.0
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            if status:
                raise SystemExit(f"daguerre {' '.join(words)} failed")
            return Spent(peak, usage.ru_utime + usage.ru_stime)
        peak = max(peak, anonymous(process.pid))
        time.sleep(0.02)


def report(megapixels: float, factor: float, source_kind: str, result_kind: str, folder: Path, alone: float) -> None:
    """Upscale one picture and print a line about it."""
    height = round(math.sqrt(megapixels * 1e6 / 1.5))
    source = write_photograph(folder / f"photo{source_kind}", height, height * 3 // 2)
    target = folder / f"result{result_kind}"
    spent = watch("upscale", str(source), "-o", str(target), "--scale", f"{factor:g}", "--quiet", "--overwrite")
    result = megapixels * factor**2
    print(
        f"{megapixels:5g} MP {source_kind[1:]:4}   x{factor:<4g} {result:6.0f} MP {result_kind[1:]:4}"
        f"   {spent.memory - alone:8.0f} MiB   {spent.seconds:8.1f} s   {spent.seconds / result:6.3f} s",
        flush=True,
    )
    source.unlink()
    target.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1, 6, 24], help="sizes of the originals")
    parser.add_argument("--gigapixel", type=float, metavar="MEGAPIXELS", help="only a TIFF of this size, x1.5")
    arguments = parser.parse_args()
    alone = torch_alone()
    print(f"import torch alone: {alone:.0f} MiB")
    print("original        result            memory above it   processor time   per megapixel of the result")
    with tempfile.TemporaryDirectory() as folder:
        if arguments.gigapixel:
            report(arguments.gigapixel, 1.5, ".tif", ".tif", Path(folder), alone)
            return
        for megapixels in arguments.megapixels:
            for kind in (".jpg", ".png"):
                report(megapixels, 4, kind, kind, Path(folder), alone)


if __name__ == "__main__":
    main()
