"""Reads names of pictures from standard input and answers each with a line of JSON: what became of it.

`python worker.py FOLDER` does with each picture what every command does: opens it, reads it, adds a record to its XMP
and saves it into FOLDER, in several formats.
"""

import hashlib
import json
import logging
import sys
import time
import traceback
from pathlib import Path

import numpy as np

from daguerre.errors import DaguerreError
from daguerre.images import Picture
from daguerre.tasks.provenance import Record, add_step, fitted

FORMATS = ("jpg", "png", "tif", "webp", "gif", "bmp", "avif")
ADDRESSES = 6 * 2**30
"""Bytes of address space on top of what the libraries have taken."""

STEP = Record(task="upscale", options={"scale": 2}, models={"none": "0" * 64})


def main(folder: Path) -> None:
    import resource

    logging.getLogger("daguerre").addHandler(logging.NullHandler())
    logging.getLogger("daguerre").propagate = False
    Picture.from_array(np.zeros((8, 8), np.uint8)).to_bytes("avif")  # so that every library is loaded
    limit = taken("VmSize") + ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number, line in enumerate(sys.stdin):
        path = Path(line.rstrip("\n"))
        before, began = digest(path), time.monotonic()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        base = taken("VmRSS")
        verdict, note = judge(path, folder, FORMATS[number % len(FORMATS)])
        said = {
            "verdict": verdict if digest(path) == before else "changed input",
            "note": note,
            "seconds": round(time.monotonic() - began, 2),
            "mebibytes": round((taken("VmHWM") - base) / 2**20),
        }
        print(json.dumps(said), flush=True)


def judge(path: Path, folder: Path, suffix: str) -> tuple[str, str]:
    """Do it, and say what became of it."""
    verdict, note = "ok", ""
    targets = [folder / f"out.{ending}" for ending in dict.fromkeys(("png", suffix))]
    try:
        picture = Picture.open(path)
        _ = picture.grey, picture.read().shape
        xmp = add_step(picture.xmp, STEP)
        for target in targets:
            picture.save(target, xmp=fitted(xmp, target))
    except DaguerreError as error:
        note = str(error)
        verdict = "refused" if "\n" not in note and (path.name in note or "out." in note) else "no clear line"
    except Exception:
        verdict, note = "traceback", traceback.format_exc()
    for left in folder.iterdir():
        try:
            if left not in targets:
                raise ValueError(left.name)
            Picture.open(left).read()
        except (DaguerreError, ValueError) as error:
            verdict, note = "half file", str(error)
        left.unlink()
    return verdict, note


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def taken(what: str) -> int:
    """Bytes of memory by one of the names in /proc."""
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(what + ":"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
