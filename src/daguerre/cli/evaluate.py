"""`daguerre evaluate`: measure the quality of results."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daguerre.cli.flags import choose
from daguerre.cli.streams import show
from daguerre.cli.terminal import Screen, complain, say, shown_progress
from daguerre.degradation.aging import AgeOptions
from daguerre.errors import OptionError
from daguerre.evaluation.comparison import Evaluation
from daguerre.evaluation.reports import ContactSheet, as_json, as_tables, write_csv
from daguerre.evaluation.restore import EvaluateRestoreOptions, evaluate_restore
from daguerre.evaluation.upscale import EvaluateUpscaleOptions, evaluate_upscale
from daguerre.files import check_free
from daguerre.options import check_range, option

__all__ = ["run"]

WIDTH = 112  # characters that the widest table needs


@dataclass(frozen=True, kw_only=True)
class Report:
    """Additional outputs besides the table."""

    csv: Path | None = option(None, "also write all numbers to this .csv file")
    json: bool = option(False, "print JSON instead of the table, for programs")
    sheet: Path | None = option(None, "also write a .png with zoomed crops of all models side by side")
    rows: int = option(8, "number of pictures on the sheet, from the first")
    overwrite: bool = option(False, "replace existing reports")

    def __post_init__(self) -> None:
        check_range("rows", self.rows, 1, 1000)


def upscale(measuring: EvaluateUpscaleOptions, report: Report) -> int:
    """Evaluate upscaling by the protocol of the papers.

    $ daguerre evaluate upscale --high photos/ --models compact-x4 realesrgan-x4
    $ daguerre evaluate upscale --pairs small/ large/ --csv scores.csv
    $ daguerre evaluate upscale --high photos/ --scale 2 --sheet details.png

    Bicubic upscaling is always included as the baseline. Exit status 1 if any picture could not be measured.
    """
    folders = measuring.pairs or filter(None, [measuring.high])
    sheet = start(report, folders)
    with shown_progress(1, quiet=report.json) as (progress,):
        evaluation = evaluate_upscale(measuring, look=sheet.look if sheet else None, progress=progress)
    return tell(evaluation, report, sheet)


def restore(measuring: EvaluateRestoreOptions, ageing: AgeOptions, report: Report) -> int:
    """Evaluate restoration on synthetically aged photographs.

    $ daguerre evaluate restore --high photos/
    $ daguerre evaluate restore --high photos/ --kind studio --strength 1.5 --versions 5
    $ daguerre evaluate restore --high photos/ --models auto microsoft --csv scores.csv --sheet details.png

    Every photograph is aged as by `daguerre age`, restored as by `daguerre restore`, and compared before and after with
    the best possible restoration, also by kind of photograph and of damage. The same seed gives the same damage. Exit
    status 1 if any picture could not be measured.
    """
    sheet = start(report, filter(None, [measuring.high]), zoom=2, baseline="aged", wholes=True)
    with shown_progress(1, quiet=report.json) as (progress,):
        evaluation = evaluate_restore(measuring, ageing, look=sheet.look if sheet else None, progress=progress)
    return tell(evaluation, report, sheet)


def start(report: Report, folders: Iterable[Path], **how: Any) -> ContactSheet | None:
    """Check that the reports can be written, before hours are spent; returns the contact sheet, if asked for.

    Args:
        folders: folders of the measured pictures, to which no other picture may be written.
    """
    for path, ending in ((report.csv, ".csv"), (report.sheet, ".png")):
        if path:
            check_free(path, ending, overwrite=report.overwrite)
    if report.sheet and report.sheet.parent.resolve() in {folder.resolve() for folder in folders}:
        raise OptionError(f"{report.sheet} would lie among the pictures that are measured; name another folder")
    return ContactSheet(rows=report.rows, **how) if report.sheet else None


def tell(evaluation: Evaluation, report: Report, sheet: ContactSheet | None) -> int:
    """Print and write the results; returns the exit status."""
    if report.json:
        show(as_json(evaluation))
    elif evaluation.scores:
        console = Screen(highlight=False)
        # Narrower, the columns of numbers would leave no room for names; a terminal may wrap the lines.
        Screen(highlight=False, width=max(console.width, WIDTH)).print(*as_tables(evaluation), sep="")
        for sentence in evaluation.protocol:
            console.print(sentence, markup=False)
    for name, problem in evaluation.failures.items():
        told = problem if name in problem else f"{name}: {problem}"
        complain(told)
    if report.csv:
        write_csv(evaluation, report.csv)
    if sheet and report.sheet:
        sheet.save(report.sheet)
        if sheet.left_out:
            say(f"{report.sheet} shows {report.rows} pictures and leaves out {sheet.left_out}; --rows shows more")
    return 1 if evaluation.failures else 0


def run(words: Sequence[str]) -> int:
    commands: Mapping[str, tuple[Callable[..., int], str]] = {
        "upscale": (upscale, "PSNR, SSIM and more of upscaled pictures"),
        "restore": (restore, "the same of pictures aged on purpose and restored"),
    }
    return choose("evaluate", commands, words)
