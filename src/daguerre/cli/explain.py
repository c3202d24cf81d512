"""`daguerre explain`: what was done to a picture, in plain words."""

import shlex
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from daguerre.cli.batch import attempt, print_json
from daguerre.cli.flags import parse
from daguerre.cli.jobs import Job, Output, find_pictures
from daguerre.cli.streams import printable, show
from daguerre.errors import MissingExtra, OptionError
from daguerre.images import Picture
from daguerre.tasks.explanation import Explanation
from daguerre.tasks.explanation import explain as put_into_words
from daguerre.tasks.provenance import SOURCE_TYPES, input_of, source_type_of, steps_of
from daguerre.tasks.signing import check_signature

__all__ = ["run"]

WIDTH = 100
SIGNED = {
    "Trusted": "It is signed, and has not been changed since.",
    "Valid": "It is signed, and has not been changed since; whether to trust the signer is for you to say.",
    "Invalid": "It was signed, but has been changed since.",
}


def explain(
    pictures: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PICTURE-OR-FOLDER ...", help_behavior_hint="")
    ],
    json: bool = False,
) -> int:
    """Explain in plain words what was done to pictures, from their records.

    $ daguerre explain old-restored.jpg     what was done, how much, and from what
    $ daguerre explain restored/            a line for each picture of a folder
    $ daguerre explain restored/ --json     the records themselves

    Args:
        pictures: pictures, or folders of them.
        json: print one line of JSON per picture, for programs.
    """
    jobs = [job for path in pictures for job in find_pictures(path)]
    if not jobs:
        raise OptionError("name at least one picture or folder, for example: old-restored.jpg")
    output, counts = Output(json=json), Counter[str]()
    failed = 0

    def explain_one(job: Job) -> None:
        if job.problem:
            raise job.problem
        packet = Picture.open(job.source).xmp
        steps, kind = steps_of(packet), source_type_of(packet)
        if json:
            address = f"{SOURCE_TYPES}{kind}" if kind else None
            print_json({"input": job.said()["input"], "digital_source_type": address, "steps": steps})
            return
        told = put_into_words(steps, kind)
        counts[told.headline] += 1
        if len(jobs) > 1:
            show(f"{printable(job.origin)}: {told.headline}")
        else:
            show_all(job, told, steps)

    for job in jobs:
        failed += not attempt(job, output, lambda job=job: explain_one(job))  # type: ignore[misc]
    if len(jobs) > 1 and not json:
        show("")
        for headline, count in counts.most_common():
            show(f"{count} of {len(jobs)}: {headline}")
    return 1 if failed else 0


def show_all(job: Job, told: Explanation, steps: Sequence[dict[str, Any]]) -> None:
    """Print everything known about one picture."""
    show(f"{printable(job.origin)}\n\n{textwrap.fill(told.headline, WIDTH)}")
    for number, step in enumerate(told.steps, start=1):
        begin = f"{number}. " if len(told.steps) > 1 else ""
        show("\n" + textwrap.fill(printable(step), WIDTH, initial_indent=begin, subsequent_indent=" " * len(begin)))
    if told.origin:
        show("\n" + textwrap.fill(printable(told.origin), WIDTH, break_long_words=False))
    try:
        if (signed := SIGNED.get(check_signature(job.source) or "")) is not None:
            show(signed)
    except MissingExtra:  # without it, there is no telling
        pass
    if origin := input_of(steps):
        show(f"To check it against that file: daguerre verify {shlex.join(map(printable, (job.origin, origin.name)))}")


def run(words: Sequence[str]) -> int:
    return parse(explain, "explain", words)
