"""`daguerre models`: list, fetch, import and verify networks."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import tyro
from rich.text import Text

from daguerre import weights
from daguerre.cli.flags import choose
from daguerre.cli.streams import printable, show
from daguerre.cli.terminal import Screen, shown_progress
from daguerre.errors import OptionError
from daguerre.weights import ModelEntry
from daguerre.weights.checkpoint import read_header

__all__ = ["run"]

Name = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]


def show_all(*, json: bool = False) -> int:
    """List all models: those on this computer, and those that can be fetched.

    Args:
        json: print JSON, for programs.
    """
    entries = weights.available()
    if json:
        print_json([entry_as_dict(entry) for entry in entries])
        return 0
    console = Screen(highlight=False, soft_wrap=True)
    for entry in entries:
        size = f"{entry.bytes / 2**20:.1f} MiB" if entry.bytes else ""
        here = "ready" if entry.installed else "to fetch"
        columns = f" {entry.task} x{entry.scale:<4}{size:<10}{here:<10}{entry.licence}"
        console.print(Text.assemble((printable(f"{entry.name:<24}"), "bold"), printable(columns)))
        about = ", ".join(f"{name} {value:g}" for name, value in entry.scores.items())
        unverified = (
            "" if entry.installed or entry.pinned else "not verified when fetched: no whole SHA-256 is published"
        )
        for line in filter(None, (entry.note, unverified, about)):
            console.print(f"    {printable(line)}", markup=False)
    return 0


def show_one(name: Name) -> int:
    """Print the header of a model's weights, as JSON.

    Args:
        name: a name from `daguerre models list`, or a weights file.
    """
    path = weights.find(name)
    print_json({"path": str(path), "sha256": weights.checksum(name)} | asdict(read_header(path)))
    return 0


def fetch(
    names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="NAME")],
    *,
    accept_licence: bool = False,
) -> int:
    """Fetch published weights, verify, convert and store them.

    Args:
        names: one or more names from `daguerre models list`.
        accept_licence: also fetch weights that may not be used commercially.
    """
    if not names:
        raise OptionError("name what to fetch, for example: daguerre models fetch realesrgan-x4")
    for name in names:
        with shown_progress(1) as (progress,):
            path = weights.fetch(name, accept_licence=accept_licence, progress=progress)
        show(f"{name} is at {printable(str(path))}")
    return 0


def import_weights(
    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")],
    *,
    name: Annotated[str | None, tyro.conf.arg(metavar="ID")] = None,
    overwrite: bool = False,
    labels: Annotated[Path | None, tyro.conf.arg(metavar="TXT")] = None,
) -> int:
    """Import weights (.pth, .npz, .h5, .safetensors, …) under a name, or those in a published archive (.zip).

    Their network is detected from their contents. Nothing in them is executed.

    Args:
        file: the weights file, or the archive, of which only the weights are unpacked.
        name: name for the weights; by default made from the file's name.
        overwrite: replace existing weights of that name.
        labels: text file with a classifier's labels, one per line, in the order of its outputs.
    """
    if file.suffix.lower() != ".zip":
        words = read_lines(labels) if labels is not None else []
        kept = [weights.import_file(file, name, overwrite=overwrite, labels=words)]
    elif labels is not None:
        raise OptionError("what a published archive holds tells nothing apart; leave --labels out")
    elif name is None:
        kept = weights.import_archive(file, overwrite=overwrite)
    else:
        raise OptionError("what a published archive holds has names already; leave --name out")
    for path in kept:
        header = read_header(path)
        usable = header.task in ("upscale", "stylize", "faces")
        use = f"; use it with --model {path.stem}" if usable else ""
        if header.network == "StyleTransformer":
            use += ", and give it a style vector's file (.json) as --style, for it came without a style predictor"
        show(f"{printable(path.stem)}: {header.network}, {header.task} x{header.scale}{use}")
    return 0


def read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"cannot read the labels in {path} ({error})") from error


def verify(name: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[NAME]")] = None) -> int:
    """Verify all weights on this computer against their checksums.

    Args:
        name: one model; by default all.
    """
    found = weights.verify(name)
    for model, problem in found.items():
        show(printable(f"{model}: {problem or 'sound'}"))
    return 1 if any(found.values()) else 0


def entry_as_dict(entry: ModelEntry) -> dict[str, object]:
    return asdict(entry) | {"path": str(entry.path) if entry.path else None, "installed": entry.installed}


def print_json(value: object) -> None:
    show(json.dumps(value, indent=2))


CHOICES: dict[str, tuple[Callable[..., int], str]] = {
    "list": (show_all, "every model, here or to be fetched; also `daguerre models` alone"),
    "show": (show_one, "all that one model says about itself"),
    "fetch": (fetch, "fetch published weights"),
    "import": (import_weights, "keep a weights file of your own"),
    "verify": (verify, "check weights against their checksums"),
}


def run(words: Sequence[str]) -> int:
    alone = not words or (words[0].startswith("-") and words[0] not in ("-h", "--help"))
    return choose("models", CHOICES, ["list", *words] if alone else words)
