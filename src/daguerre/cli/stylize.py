"""`daguerre stylize`: transfer the style of other pictures to photographs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from daguerre.cli.archive import Archive, Errand, nothing, run_errand
from daguerre.cli.batch import Job, Output, flat, make_folder, plan_jobs, refuse_shared
from daguerre.cli.flags import parse
from daguerre.cli.standard import STANDARD
from daguerre.cli.terminal import say
from daguerre.errors import OptionError
from daguerre.files import check_free
from daguerre.images import Picture, check_target
from daguerre.images.animation import check_film, write_film
from daguerre.images.contact_sheet import make_sheet
from daguerre.options import option
from daguerre.signals import interruptible
from daguerre.tasks.provenance import fitted
from daguerre.tasks.saving import ResultOptions
from daguerre.tasks.stylization.classification import check_labels, guess_labels, labeling_network
from daguerre.tasks.stylization.loss_report import check_plot, plot_losses, write_losses
from daguerre.tasks.stylization.options import FEATURES
from daguerre.tasks.stylization.stylizer import StylizeOptions, Stylizer, StylizeResult

__all__ = ["run"]

FRAMES = 60


@dataclass(frozen=True, kw_only=True)
class Working:
    """Additional outputs, in files named after the result."""

    stages: str = option("", "also save the picture after these iterations, such as 1,10,50, and a contact sheet")
    losses: bool = option(False, "also save the losses of all iterations (.csv)")
    plot: bool = option(False, "also plot the losses (.png)")
    film: Literal["none", "webp", "gif"] = option("none", "also save an animation of the optimization")
    save_vector: Path | None = option(None, "also save the style vector (.json), for a later --style")
    labels: bool = option(False, "first print how the network of --features classifies the photograph")

    def refuse_steps(self) -> None:
        """Refuse options of the optimize method with the fast method.

        Raises:
            OptionError: names the option.
        """
        for name in ("stages", "losses", "plot", "film", "labels"):
            if getattr(self, name) not in ("", False, "none"):
                raise OptionError(f"--{name} applies only to optimization; add --method optimize")


def stylize(
    pictures: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PICTURE-OR-FOLDER ...", help_behavior_hint="")
    ],
    painting: StylizeOptions,
    working: Working,
    result: Output,
    saving: ResultOptions,
    archive: Archive,
) -> int:
    """Transfer the style of other pictures to photographs.

    $ daguerre stylize photo.jpg --style painting.jpg
    $ daguerre stylize photo.jpg --style painting.jpg --strength 0.6
    $ daguerre stylize photo.jpg --style wave.jpg mosaic.jpg --share 2 1
    $ daguerre stylize photo.jpg --style wave.jpg --colours luminance
    $ daguerre stylize photo.jpg --style wave.jpg --save-vector wave.json
    $ daguerre stylize photo.jpg --style wave.jpg --method optimize --losses

    The result is photo-stylized.jpg, beside the photograph. With --method optimize, Ctrl-C ends the current picture
    early, keeps the best result so far and goes on with the next picture; a second Ctrl-C stops at once.

    Args:
        pictures: pictures, or folders of them.
    """
    find = partial(plan_jobs, pictures, result, "-stylized")
    jobs = find()
    stages = parse_stages(working.stages)
    naming = labeling_network() if painting.features == FEATURES else painting.features
    if painting.method == "fast":
        working.refuse_steps()
    elif working.labels:
        check_labels(naming)
    files = {job: Files(job.target, stages, working) for job in jobs}
    beside = [path for of_one in files.values() for path in of_one.all()]
    if beside and result.output == STANDARD:
        raise OptionError("a result at standard output has no folder for files beside it; name a file with -o")
    if beside and (archive.workers or archive.cluster):
        raise OptionError("files beside the results are written by one process; leave --workers and --cluster out")
    refuse_shared([*beside, *filter(None, [working.save_vector])], jobs, painting)
    work = result.work(painting, saving=saving)
    if working.save_vector:
        make_folder(working.save_vector.parent)
        Stylizer(painting).vector().save(working.save_vector, overwrite=result.overwrite)
    labels: dict[str, float] = {}

    @contextmanager
    def more(job: Job) -> Iterator[dict[str, Any]]:
        files[job].check(overwrite=result.overwrite)
        if working.labels:
            labels.clear()
            labels.update(guess_labels(result.open(job.source), naming))
            if not (result.json or result.quiet):
                say(f"{job.origin} looks like: {likely(labels)}")
        frames = 0 if working.film == "none" else FRAMES
        shown: dict[str, Picture] = {}
        made: list[Any] = []
        how = {"stages": stages, "frames": frames, "on_stage": shown.__setitem__, "kept": made.append}
        with interruptible(told=finishing) as stopped:
            yield {**how, "enough": stopped.is_set}
        files[job].write(made[0], shown, saving, overwrite=result.overwrite)

    def said(report: dict[str, Any]) -> dict[str, Any]:
        return ({"labels": dict(labels)} if labels else {}) | flat(report)

    errand = Errand(
        find=find,
        jobs=jobs,
        work=lambda job: work,
        said=said,
        describe=describe,
        beside=more if painting.method == "optimize" and not (archive.workers or archive.cluster) else nothing,
        options=[painting],
    )
    return run_errand(errand, result, archive)


class Files:
    """The additional output files of one result."""

    def __init__(self, target: Path, stages: Sequence[int], working: Working) -> None:
        def beside(ending: str) -> Path:
            return target.with_name(f"{target.stem}-{ending}")

        self.stages = {f"step {stage}": beside(f"step-{stage}{target.suffix}") for stage in stages}
        self.sheet = beside("stages.png") if stages else None
        self.losses = beside("losses.csv") if working.losses else None
        self.plot = beside("losses.png") if working.plot else None
        self.film = beside(f"film.{working.film}") if working.film != "none" else None

    def all(self) -> list[Path]:
        """All of them."""
        files = [*self.stages.values(), self.sheet, self.losses, self.plot, self.film]
        return [path for path in files if path is not None]

    def check(self, *, overwrite: bool) -> None:
        """Make sure, before any work is done, that all can be written."""
        for path in (*self.stages.values(), self.sheet):
            if path is not None:
                check_target(path, overwrite=overwrite)
        if self.losses:
            check_free(self.losses, overwrite=overwrite)
        if self.plot:
            check_plot(self.plot, overwrite=overwrite)
        if self.film:
            check_film(self.film, overwrite=overwrite)

    def write(
        self, painted: StylizeResult, shown: Mapping[str, Picture], saving: ResultOptions, *, overwrite: bool
    ) -> None:
        for name, picture in shown.items():
            path = self.stages[name]
            picture.save(path, options=saving, overwrite=overwrite, xmp=fitted(picture.xmp, path))
        if self.sheet and shown:
            make_sheet(list(shown.values())).save(self.sheet, overwrite=overwrite)
        if self.losses:
            write_losses(painted.history, self.losses, overwrite=overwrite)
        if self.plot:
            plot_losses(painted.history, self.plot, overwrite=overwrite)
        if self.film:
            write_film(painted.frames, self.film, overwrite=overwrite)


def parse_stages(words: str) -> list[int]:
    """Iterations in order, from text such as `1,10,50`."""
    steps = words.replace(",", " ").split()
    if (words and not steps) or not all(step.isascii() and step.isdigit() and len(step) < 10 for step in steps):
        raise OptionError(f"--stages is {words!r}; it must be steps such as 1,10,50")
    return sorted({int(step) for step in steps})


def likely(labels: dict[str, float]) -> str:
    return ", ".join(f"{label} {share:.0%}" for label, share in labels.items())


def describe(said: dict[str, Any]) -> str:
    if "steps" not in said:
        return f"{said['width']} x {said['height']} pixels, painted in one pass"
    losses = f"content loss {said['content_loss']}, style loss {said['style_loss']}"
    return f"{said['width']} x {said['height']} pixels, {said['steps']:.0f} steps, {losses}"


def finishing() -> None:
    say("finishing with the best picture so far; press Ctrl-C again to stop at once")


def run(words: Sequence[str]) -> int:
    return parse(stylize, "stylize", words)
