"""Memory and time of `daguerre upscale` and `restore` for pictures of growing size.

    python -m benchmarks.speed.memory
    python -m benchmarks.speed.memory --task restore      a scratched photograph, with all stages
    python -m benchmarks.speed.memory --task microsoft    the published networks, random weights, 1200 x 800 pixels
    python -m benchmarks.speed.memory --gigapixel 200     a TIFF of this many megapixels, upscaled 1.5 times; slow

Memory is the peak of RssAnon, sampled 50 times a second, above that of a Python that has imported torch: private
memory, without file pages that the system may drop. Time is CPU time, which other programs hardly affect. Needs Linux.
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

from benchmarks.common.pictures import draw_scratches, write_black, write_photograph

READY = "import torch, sys; print(flush=True); sys.stdin.read()"
PUBLISHED = {  # the published networks that take part, with their sizes
    "microsoft-vae-a-quality": ("PhotoVAE", {}),
    "microsoft-vae-b-quality": ("PhotoVAE", {}),
    "microsoft-vae-b-scratch": ("PhotoVAE", {}),
    "microsoft-mapping-quality": ("LatentTranslation", {}),
    "microsoft-mapping-scratch": ("PartialNonlocalTranslation", {}),
}


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


def photograph(megapixels: float, path: Path) -> Path:
    height = round(math.sqrt(megapixels * 1e6 / 1.5))
    return write_photograph(path, height, height * 3 // 2)


def upscale(megapixels: float, factor: float, kind: str, folder: Path, alone: float) -> None:
    """Upscale one picture and print a line about it."""
    source, target = photograph(megapixels, folder / f"photo-{megapixels:g}{kind}"), folder / f"result{kind}"
    spent = watch("upscale", str(source), "-o", str(target), "--scale", f"{factor:g}", "--quiet", "--overwrite")
    tell(f"{megapixels:5g} MP {kind[1:]:4}   x{factor:<4g}", megapixels * factor**2, spent, alone)


def restore(megapixels: float, folder: Path, alone: float, *how: str) -> None:
    """Restore one scratched picture and print a line about it."""
    source, target = draw_scratches(photograph(megapixels, folder / f"photo-{megapixels:g}.png")), folder / "result.png"
    spent = watch("restore", str(source), "-o", str(target), "--quiet", "--overwrite", *how)
    tell(f"{megapixels:5g} MP {' '.join(how[:2])}", megapixels, spent, alone)


def tell(what: str, result: float, spent: Spent, alone: float) -> None:
    print(
        f"{what:<34} {result:6.4g} MP   {spent.memory - alone:8.0f} MiB"
        f"   {spent.seconds:8.1f} s   {spent.seconds / result:6.3f} s",
        flush=True,
    )


def write_published(folder: Path) -> None:
    """Networks of the published sizes with random weights, where `daguerre` looks for the published ones."""
    from daguerre.weights.checkpoint import WeightsHeader, write
    from daguerre.weights.registry import build, task_of

    for name, (kind, arguments) in PUBLISHED.items():
        header = WeightsHeader(name=name, task=task_of(kind), network=kind, arguments=arguments)
        write(folder / f"{name}.safetensors", build(kind, arguments).state_dict(), header, half=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=["upscale", "restore", "microsoft"], default="upscale")
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1, 6, 24], help="sizes of the originals")
    parser.add_argument("--gigapixel", type=float, metavar="MEGAPIXELS", help="only a TIFF of this size, x1.5")
    arguments = parser.parse_args()
    alone = torch_alone()
    print(f"import torch alone: {alone:.0f} MiB")
    print(f"{'original':<34} result      memory above it   processor time   per megapixel of the result")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.gigapixel:
            upscale(arguments.gigapixel, 1.5, ".tif", folder, alone)
        elif arguments.task == "microsoft":
            os.environ["DAGUERRE_WEIGHTS"] = name
            write_published(folder)
            mask = draw_scratches(write_black(folder / "mask.png", 800, 1200))
            restore(0.96, folder, alone, "--model", "microsoft", "--faces", "off", "--scratches", str(mask))
        else:
            for megapixels in arguments.megapixels:
                if arguments.task == "restore":
                    restore(megapixels, folder, alone)
                    continue
                for kind in (".jpg", ".png"):
                    upscale(megapixels, 4, kind, folder, alone)


if __name__ == "__main__":
    main()
