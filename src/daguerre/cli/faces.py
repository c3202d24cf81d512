"""`daguerre faces`: detect and refine faces."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from daguerre.cli.archive import Archive, Errand, run_errand
from daguerre.cli.batch import Job, Output, attempt, plan_jobs, print_json
from daguerre.cli.flags import parse
from daguerre.cli.streams import printable, show
from daguerre.errors import OptionError
from daguerre.tasks.faces.detection import FaceDetector
from daguerre.tasks.faces.refiner import FaceOptions
from daguerre.tasks.saving import ResultOptions

__all__ = ["run"]


def faces(
    pictures: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PICTURE-OR-FOLDER ...", help_behavior_hint="")
    ],
    refining: FaceOptions,
    result: Output,
    saving: ResultOptions,
    archive: Archive,
    list: bool = False,
) -> int:
    """Detect faces, and refine the detail lost to blur, grain and low resolution.

    $ daguerre faces group.jpg                         writes group-faces.jpg
    $ daguerre faces group.jpg --list                  only print where they are
    $ daguerre faces group.jpg --only 1,3              only these ...
    $ daguerre faces group.jpg --skip 2                ... or all except this one
    $ daguerre faces group.jpg --list > faces.txt      save the list, edit it ...
    $ daguerre faces group.jpg --boxes faces.txt       ... and use it
    $ daguerre faces group.jpg --strength 0.5          half the change

    Only fine detail is added; shapes, tones and anything already sharp stay. `daguerre restore` does this too, as its
    last step.

    Args:
        pictures: photographs, or folders of them.
        list: only print the detected faces, in the format of --boxes or, with --json, as JSON.
    """
    find = partial(plan_jobs, pictures, result, "-faces")
    jobs = find()
    chosen = refining.only or refining.skip or refining.boxes
    if chosen and len(jobs) > 1:
        raise OptionError(f"--only, --skip and --boxes fit one picture, but there are {len(jobs)}")
    if list:
        if refining.only or refining.skip or result.output:
            raise OptionError("--list only lists the faces it finds; leave out --only, --skip and --output")
        return list_faces(jobs, refining.finding(), result)
    work = result.work(refining, saving=saving)
    errand = Errand(find=find, jobs=jobs, work=lambda job: work, describe=describe, options=[refining])
    return run_errand(errand, result, archive)


def list_faces(jobs: Sequence[Job], find: FaceDetector, output: Output) -> int:
    """Print the faces of all pictures; returns the exit status."""
    shown: list[bool] = []

    def show_one(job: Job) -> None:
        shown.append(show_faces(job, find, output))

    done = [attempt(job, output, partial(show_one, job)) for job in jobs]
    return 0 if all(done) and all(shown) else 1


def show_faces(job: Job, find: FaceDetector, output: Output) -> bool:
    """Print the faces of a picture; returns False if that failed, as `print_json` does."""
    if job.problem:
        raise job.problem
    found = find(output.open(job.source))
    if output.json:
        listed = [{"number": number, **asdict(face)} for number, face in enumerate(found, start=1)]
        return print_json({"input": job.said()["input"], "faces": listed})
    show(f"# {printable(job.origin)}: {counted(len(found))}")
    if found:
        show(f"#{'left':>6} {'top':>7} {'width':>7} {'height':>7}")
    for number, face in enumerate(found, start=1):
        box = f"{face.left:>7} {face.top:>7} {face.side:>7} {face.side:>7}"
        show(f"{box}   # face {number}, score {face.score:.2f}")
    return True


def counted(count: int) -> str:
    return f"{count or 'no'} face{'' if count == 1 else 's'}"


def describe(said: dict[str, Any]) -> str:
    fates = [face["fate"] for face in said["faces"]]
    line = f"{counted(len(fates))} found, {fates.count('refined')} refined"
    most = max((face["change_percent"] for face in said["faces"] if face["fate"] == "refined"), default=0)
    line += f" (changed by up to {most:.1f} %)" if most else ""
    kept = [str(face["number"]) for face in said["faces"] if face["fate"] == "kept"]
    return line + (f", left as they are because they would change too much: {', '.join(kept)}" if kept else "")


def run(words: Sequence[str]) -> int:
    return parse(faces, "faces", words)
