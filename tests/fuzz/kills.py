"""Stop every command at random moments, and see that nothing is lost: `python -m tests.fuzz.kills --count 300`.

A command runs once undisturbed. Then it is started again and again, and sent SIGINT, SIGTERM, SIGHUP or SIGKILL: half
of the times at any moment, half as soon as it begins a file. What must hold afterwards stands in `judge`.
"""

import argparse
import collections
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from daguerre.images import Picture

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
PATIENCE = 120  # seconds after which a command that should end hangs
INPUTS = ("album", "photo.png", "style.png", "recipe.toml", "train.toml")
RECIPE = '[[step]]\ntask = "upscale"\nscale = 2\n\n[[step]]\ntask = "scratches"\n'
TRAIN = """\
name = "tiny"
step = "regression"
steps = 6
batch = 1
crop = 16
[network]
name = "CompactResNet"
arguments = { scale = 2, features = 4, blocks = 1 }
[data]
parts = ["album"]
[optimizer]
lr = 1e-2
[losses]
l1 = 1.0
[validation]
every = 2
crop = 32
"""


@dataclass(frozen=True)
class Command:
    """A command that is stopped.

    Args:
        words: what follows `daguerre`.
        again: what is added to do it once more.
        given: the file at standard input, if any.
        lasting: endings of results that two runs make alike to the last byte; others need only be there.
    """

    words: str
    again: str = "--overwrite"
    given: str = ""
    lasting: tuple[str, ...] = (".png", ".jpg", ".tif", ".csv", ".webp", ".toml", ".json", ".safetensors")


PAINT = "stylize photo.png --style style.png"
COMMANDS = {
    "upscale": Command("upscale photo.png -o out/a.png --scale 2 --invented out/map.png"),
    "upscale folder": Command("upscale album -o out --scale 2"),
    "upscale -": Command("upscale - -o out/a.png --scale 2", given="photo.png"),
    "restore": Command("restore photo.png -o out/a.png --mask-out out/mask.png --stages out/stages"),
    "restore folder": Command("restore album -o out"),
    "faces": Command("faces album -o out"),
    "scratches": Command("scratches photo.png -o out/a.png --overlay out/look.png"),
    "age": Command("age photo.png -o out/a.jpg --mask out/m.png --clean out/c.tif"),
    "stylize": Command(f"{PAINT} -o out/a.png --save-vector out/v.json"),
    "stylize optimize": Command(f"{PAINT} -o out/a.png --method optimize --steps 6 --stages 2,4 --losses --film webp"),
    "run": Command(
        "run photo.png --steps upscale,restore --scale 2 -o out/a.tif --stages out/s --write-recipe out/r.toml"
    ),
    "evaluate": Command("evaluate upscale --high album --models compact-x4 --csv out/s.csv --sheet out/s.png"),
    "models import": Command("models import srcnn-x4.safetensors --name mine"),
    "train": Command("train train.toml --data . --out out", again="--resume", lasting=(".safetensors",)),
}


@dataclass
class Verdict:
    """What became of a command that was stopped; without faults all is well."""

    command: str
    signal: str
    ended: str = ""
    leftovers: int = 0
    faults: list[str] = field(default_factory=list)


class Desk:
    """A folder with what commands read, in which they are run."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.temporary, self.weights = folder / "desk", folder / "tmp", folder / "weights"
        for new in (self.folder, self.folder / "album", self.folder / "out", self.temporary, self.weights):
            new.mkdir(parents=True)
        generator = np.random.default_rng(0)
        for name, height, width in (
            *(("photo.png", 120, 100), ("style.png", 64, 64)),
            *(("album/a.jpg", 60, 80), ("album/b.png", 80, 60), ("album/c.tif", 70, 70)),
        ):
            coarse = generator.integers(0, 256, (height // 10 + 1, width // 10 + 1, 3)).astype(np.uint8)
            Picture.from_array(coarse.repeat(10, 0).repeat(10, 1)[:height, :width]).save(self.folder / name)
        (self.folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
        (self.folder / "train.toml").write_text(TRAIN, encoding="utf-8")
        shutil.copy(embedded() / "srcnn-x4.safetensors", self.folder)
        self.read = self.inputs()

    def inputs(self) -> dict[str, str]:
        """SHA-256 of what commands read."""
        return {name: digest for name, digest in contents(self.folder).items() if not name.startswith("out/")}

    def results(self) -> dict[str, str]:
        """SHA-256 of what stands under names of results."""
        made = {name: digest for name, digest in contents(self.folder).items() if name.startswith("out/")} | {
            f"weights/{name}": digest for name, digest in contents(self.weights).items()
        }
        return {name: digest for name, digest in made.items() if not Path(name).name.startswith(".")}

    def leftovers(self) -> list[str]:
        """What is hidden or temporary."""
        hidden = [name for name in (*contents(self.folder), *contents(self.weights)) if Path(name).name.startswith(".")]
        # torch itself makes that folder when training.
        return hidden + [
            entry.name for entry in self.temporary.iterdir() if not entry.name.startswith("torchinductor_")
        ]

    def clear(self) -> None:
        for folder in (self.folder / "out", self.temporary, self.weights):
            shutil.rmtree(folder)
            folder.mkdir()

    def start(self, command: Command, *more: str) -> "subprocess.Popen[str]":
        environment = os.environ | {
            "TMPDIR": str(self.temporary),
            "DAGUERRE_WEIGHTS": str(self.weights),
            "OMP_NUM_THREADS": "1",
            "VIPS_CONCURRENCY": "1",
        }
        given = (self.folder / command.given).open("rb") if command.given else None
        try:
            return subprocess.Popen(
                [sys.executable, "-m", "daguerre", *command.words.split(), *more],
                cwd=self.folder, env=environment, stdin=given or subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", preexec_fn=listen,
            )  # fmt: skip
        finally:
            if given:
                given.close()


def embedded() -> Path:
    import daguerre.weights

    return Path(daguerre.weights.__file__).parent / "embedded"


def listen() -> None:
    """Hear signals also where whoever started us ignores them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder, by name; of one that vanishes meanwhile nothing."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".daguerre" not in path.parts:  # manifests tell the time
            found[path.relative_to(folder).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def try_kills(names: list[str], count: int, folder: Path, *, seed: int = 0) -> Iterator[Verdict]:
    """Stop commands in turn, `count` times together."""
    chance = random.Random(seed)
    desk = Desk(folder)
    undisturbed: dict[str, tuple[float, dict[str, str]]] = {}
    for number in range(count):
        name = names[number % len(names)]
        command = COMMANDS[name]
        if name not in undisturbed:
            began = time.monotonic()
            ran = desk.start(command)
            _, said = ran.communicate(timeout=10 * PATIENCE)
            assert ran.returncode == 0, f"{name}: {said}"
            undisturbed[name] = time.monotonic() - began, desk.results()
            desk.clear()
        number = SIGNALS[(number // len(names)) % len(SIGNALS)]
        yield stop_once(desk, name, number, *undisturbed[name], chance)
        desk.clear()


def stop_once(
    desk: Desk, name: str, number: signal.Signals, seconds: float, wanted: dict[str, str], chance: random.Random
) -> Verdict:
    """Start a command, stop it, and judge."""
    command, verdict = COMMANDS[name], Verdict(name, number.name)
    ran = desk.start(command)
    if chance.random() < 0.5:
        time.sleep(chance.uniform(0, 1.05) * seconds)
    else:
        wait_for_file(desk, ran)
        time.sleep(chance.choice([0, 0.001, 0.005, 0.02, 0.1]))
    ran.send_signal(number)
    try:
        _, said = ran.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        ran.kill()
        ran.communicate()
        verdict.faults.append("hangs")
        return verdict
    verdict.ended = str(ran.returncode)
    judge(desk, command, number, ran.returncode, said, wanted, verdict)
    if number is signal.SIGKILL:
        judge_next_run(desk, command, wanted, verdict)
    return verdict


def wait_for_file(desk: Desk, ran: "subprocess.Popen[str]") -> None:
    """Wait until a command begins to write, or has ended."""
    while ran.poll() is None and not any(
        any(folder.rglob("*")) for folder in (desk.folder / "out", desk.weights, desk.temporary)
    ):
        time.sleep(0.002)


def judge(
    desk: Desk,
    command: Command,
    number: signal.Signals,
    status: int,
    said: str,
    wanted: dict[str, str],
    verdict: Verdict,
) -> None:
    """Whether all inputs are as before, no half file stands under a result's name, and nothing else is left behind.

    What SIGKILL leaves is hidden or temporary. Whoever hears a signal leaves nothing, says so in a line, and ends with
    the signal's status, or 0 if it was done; before Python listens, by the signal itself.
    """
    if desk.inputs() != desk.read:
        verdict.faults.append("an input has changed")
    for name, digest in desk.results().items():
        if name not in wanted and "train" not in command.words:
            verdict.faults.append(f"unknown result {name}")
        elif name.endswith(command.lasting) and digest != wanted.get(name):
            verdict.faults.append(f"half a file {name}")
    left = desk.leftovers()
    verdict.leftovers = len(left)
    if number is signal.SIGKILL:
        return
    if left:
        verdict.faults.append(f"left behind: {left}")
    if status not in (0, 128 + number, -number) and not ("train" in command.words and status == 130):
        verdict.faults.append(f"ended with {status}: {said}")
    if "Traceback" in said or "Exception ignored" in said:
        verdict.faults.append(f"said: {said}")


def judge_next_run(desk: Desk, command: Command, wanted: dict[str, str], verdict: Verdict) -> None:
    """Whether the next run does everything, and removes what was left."""
    ran = desk.start(command, *command.again.split())
    _, said = ran.communicate(timeout=10 * PATIENCE)
    if ran.returncode:
        verdict.faults.append(f"cannot be done again: {said}")
    made = desk.results()
    for name, digest in wanted.items():
        if name not in made or (name.endswith(command.lasting) and made[name] != digest):
            verdict.faults.append(f"the next run makes another {name}")
    if left := desk.leftovers():
        verdict.faults.append(f"the next run leaves {left}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.kills", description=__doc__.split(":")[0])
    parser.add_argument("--count", type=int, default=300, help="how many times")
    parser.add_argument("--seed", type=int, default=0, help="other moments")
    parser.add_argument("--only", choices=COMMANDS, action="append", help="this command")
    given = parser.parse_args()
    tally: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for done, verdict in enumerate(
            try_kills(given.only or list(COMMANDS), given.count, Path(folder), seed=given.seed), 1
        ):
            counts = tally[verdict.signal]
            counts["tried"] += 1
            counts[f"ended {verdict.ended}"] += 1
            counts["with leftovers"] += bool(verdict.leftovers)
            if verdict.faults:
                bad += 1
                counts["faults"] += 1
                print(f"{verdict.command}, {verdict.signal}: {'; '.join(verdict.faults)}", flush=True)
            if done % 50 == 0:
                print(f"{done}: {bad} bad", flush=True)
    for name, counts in tally.items():
        print(name, dict(counts))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
