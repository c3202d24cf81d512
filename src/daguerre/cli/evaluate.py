"""`daguerre evaluate`: measure how good results are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from daguerre.cli.arguments import choose
from daguerre.cli.terminal import errors, shown_progress
from daguerre.errors import UnwritablePicture
from daguerre.evaluation.reports import ContactSheet, as_json, as_table, write_csv
from daguerre.evaluation.upscale import EvaluateUpscaleOptions, evaluate_upscale
from daguerre.options import option

__all__ = ["run"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What to make of the numbers, besides the table."""

    csv: Path | None = option(None, "also write every number to this CSV file")
    json: bool = option(False, "print JSON instead of the table, for programs")
    sheet: Path | None = option(None, "also write a PNG with zoomed details of every model side by side")


def upscale(measuring: EvaluateUpscaleOptions, report: Report) -> int:
    """Measure upscaling by the protocol that papers share.

    $ daguerre evaluate upscale --high photos/ --models compact-x4 realesrgan-x4
    $ daguerre evaluate upscale --pairs small/ large/ --csv scores.csv
    $ daguerre evaluate upscale --high photos/ --scale 2 --sheet details.png

    Bicubic enlargement is always measured beside the models. Exit status 1 if any picture could not be measured.
    """
    for path in (report.csv, report.sheet):
        if path and not path.parent.is_dir():
            raise UnwritablePicture(f"there is no folder {path.parent} to write {path.name} in; make it first")
    sheet = ContactSheet() if report.sheet else None
    with shown_progress(1, quiet=report.json) as (progress,):
        evaluation = evaluate_upscale(measuring, look=sheet.look if sheet else None, progress=progress)
    if report.json:
        print(as_json(evaluation))
    elif evaluation.scores:
        console = Console(highlight=False)
        console.print(as_table(evaluation))
        for sentence in evaluation.protocol:
            console.print(sentence, markup=False)
    for name, problem in evaluation.failures.items():
        told = problem if name in problem else f"{name}: {problem}"
        errors.print(f"daguerre: {told}", style="red", markup=False)
    if report.csv:
        write_csv(evaluation, report.csv)
    if sheet and report.sheet:
        sheet.save(report.sheet)
    return 1 if evaluation.failures else 0


def run(words: Sequence[str]) -> int:
    return choose("evaluate", {"upscale": (upscale, "PSNR, SSIM and more of upscaled pictures")}, words)
