"""Try daguerre on pictures that are damaged in every way: `python -m tests.fuzz --count 10000`.

Seeds and mutants are made here; the same number and seed make the same mutant. Each is opened, read and saved by a
process that may be killed. What must not happen is listed by number; `--only 4711 --keep there/` makes that one again.
"""

import argparse
import collections
import sys
import tempfile
from pathlib import Path

from .run import GOOD, Said, try_mutants


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split(":")[0])
    parser.add_argument("--count", type=int, default=1000, help="how many mutants")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--only", type=int, help="only the one of this number")
    parser.add_argument("--seed", type=int, default=0, help="other mutants")
    parser.add_argument("--keep", type=Path, help="folder for those that went wrong")
    given = parser.parse_args()
    numbers = [given.only] if given.only is not None else range(given.first, given.first + given.count)
    verdicts, slowest, largest = collections.Counter(), Said(name="", verdict=""), Said(name="", verdict="")
    with tempfile.TemporaryDirectory() as folder:
        for done, said in enumerate(try_mutants(numbers, Path(folder), seed=given.seed, keep=given.keep), start=1):
            verdicts[said.verdict] += 1
            slowest = max(slowest, said, key=lambda each: each.seconds)
            largest = max(largest, said, key=lambda each: each.mebibytes)
            if said.verdict not in GOOD or given.only is not None:
                print(f"{said.name}: {said.verdict}\n{said.note}", flush=True)
            if done % 1000 == 0:
                print(f"{done}: {dict(verdicts)}", flush=True)
    print(f"{dict(verdicts)}; {slowest.seconds} s at most ({slowest.name}), {largest.mebibytes} MiB ({largest.name})")
    return 0 if set(verdicts) <= GOOD else 1


sys.exit(main())
