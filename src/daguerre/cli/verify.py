"""`daguerre verify`: repeat what a result's record says, and compare."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from daguerre.archive.verification import verify as do_again
from daguerre.cli.batch import print_json
from daguerre.cli.flags import parse
from daguerre.cli.streams import printable, show
from daguerre.cli.terminal import shown_progress

__all__ = ["run"]

SAID = {
    "same file": "the same file, byte for byte",
    "same picture": "the same picture, pixel for pixel",
    "nearly the same picture": "nearly the same picture",
    "another picture": "another picture",
    "another original": "made from another file",
}


def verify(
    result: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RESULT", help_behavior_hint="")],
    original: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="ORIGINAL", help_behavior_hint="")],
    files: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="")] = None,
    json: bool = False,
) -> int:
    """Make a result again from its original, following its record, and compare.

    $ daguerre verify old-restored.jpg old.tif

    Says whether the two are the same file or the same picture, or else what differs: the original, the program, the
    networks, or a later edit. The exit status is 0 if every pixel matches the record, and 1 if not.

    Args:
        result: a picture that Daguerre has made.
        original: the file that it was made from.
        files: folder of other input files, such as masks and styles, unless they are beside these two.
        json: print one line of JSON, for programs.
    """
    with shown_progress(1, quiet=json) as (progress,):
        found = do_again(result, original, files=[files] if files else [], progress=progress)
    if json:
        print_json(
            {
                "result": str(result),
                "original": str(original),
                "verdict": found.verdict,
                "reasons": list(found.reasons),
                "differing_percent": round(100 * found.differing, 4),
                "agreement_db": None if math.isinf(found.agreement) else round(found.agreement, 2),
                "where": found.where,
            }
        )
        return 0 if found.holds else 1
    show(f"{printable(str(result))}: {SAID[found.verdict]}")
    if found.where:
        left, top, right, bottom = found.where
        show(
            f"  {100 * found.differing:.2g} % of it differs ({found.agreement:.1f} dB), all between {left}, {top} and "
            f"{right}, {bottom}"
        )
    for reason in found.reasons:
        show(f"  {printable(reason)}")
    return 0 if found.holds else 1


def run(words: Sequence[str]) -> int:
    return parse(verify, "verify", words)
