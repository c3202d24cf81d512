"""`daguerre restore` against the best chain of OpenCV's filters, on synthetically aged photographs.

    pip install 'opencv-python-headless<5'
    python -m benchmarks.quality.restore held-out --versions 5          the set of examples/README.md

Any folder of clean photographs will do, preferably ones that neither was tuned on. `ours` and `opencv` fill what our
detector finds, `ours-told` and `opencv-told` the true damage; all four leave stains, water lines and tape to the other
stages.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
from rich.console import Console
from torch import Tensor

from benchmarks.common.opencv_baseline import Classical, restore_classically, to_image, to_levels
from daguerre.cli.terminal import shown_progress
from daguerre.degradation.aging import AgeOptions
from daguerre.evaluation.comparison import Scores
from daguerre.evaluation.reports import ContactSheet, as_json, as_tables
from daguerre.evaluation.restore import (
    Answer,
    EvaluateRestoreOptions,
    Example,
    Restore,
    evaluate_restore,
    load_restorers,
)

GAINS = (("ours", "aged"), ("ours", "opencv"), ("ours-told", "aged"), ("ours-told", "opencv-told"))


def classically(example: Example, mask: Tensor | None, how: Classical) -> Answer:
    levels = None if mask is None else to_levels(mask)[..., 0]
    return Answer(to_image(restore_classically(to_levels(example.aged.image), levels, how)))


def methods(options: EvaluateRestoreOptions, how: Classical) -> dict[str, Callable[[], Restore]]:
    """What makes each function that is measured, by name."""

    @cache
    def ours() -> Restore:
        restore = load_restorers(options)["auto"]
        answers: dict[str, Answer] = {}  # the last one, for what both fill is found once

        def remember(example: Example) -> Answer:
            if example.name not in answers:
                answers.clear()
                answers[example.name] = restore(example)
            return answers[example.name]

        return remember

    return {
        "opencv-told": lambda: lambda example: classically(example, example.aged.lost, how),
        "opencv": lambda: lambda example: classically(example, ours()(example).found, how),
        "ours-told": lambda: load_restorers(replace(options, scratches="known"))["auto"],
        "ours": ours,
    }


def gains(means: Scores) -> list[str]:
    """Lines about how far one is above another."""
    return [
        f"{first:9} above {second:11}  {means[first]['psnr_rgb'] - means[second]['psnr_rgb']:+6.2f} dB plain"
        f"  {means[first]['psnr_rgb_tone'] - means[second]['psnr_rgb_tone']:+6.2f} dB after tone matching"
        for first, second in GAINS
        if first in means and second in means
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("high", type=Path, help="folder of clean photographs")
    parser.add_argument("--versions", type=int, default=1, help="how many times each is aged, each time differently")
    parser.add_argument("--kind", default="any", help="as which kind of old photograph")
    parser.add_argument("--strength", type=float, default=1.0, help="how far they age")
    parser.add_argument("--seed", type=int, default=0, help="random seed")
    parser.add_argument("--methods", nargs="+", default=["opencv-told", "opencv", "ours-told", "ours"])
    parser.add_argument("--json", type=Path, help="also write every number to this file")
    parser.add_argument("--sheet", type=Path, help="also write a PNG with all of them side by side")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    options = EvaluateRestoreOptions(high=arguments.high, versions=arguments.versions)
    ageing = AgeOptions(kind=arguments.kind, strength=arguments.strength, seed=arguments.seed)
    made = methods(options, Classical())
    restorers: Mapping[str, Restore] = {name: made[name]() for name in arguments.methods}
    sheet = ContactSheet(zoom=2, baseline="aged", wholes=True, rows=12) if arguments.sheet else None
    with shown_progress(1, quiet=False) as (progress,):
        evaluation = evaluate_restore(
            options, ageing, restorers=restorers, look=sheet.look if sheet else None, progress=progress
        )
    Console(highlight=False, width=150).print(*as_tables(evaluation), sep="")
    print(*evaluation.protocol, *gains(evaluation.means()), sep="\n")
    for problem in evaluation.failures.values():
        print(f"not measured: {problem}")
    if arguments.json:
        arguments.json.write_text(as_json(evaluation), encoding="utf-8")
    if sheet:
        sheet.save(arguments.sheet)


if __name__ == "__main__":
    main()
