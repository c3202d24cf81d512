"""`daguerre run`: several tasks as a pipeline."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from daguerre.cli.archive import Archive, Errand, nothing, run_errand
from daguerre.cli.batch import Job, Output, make_folder, plan_jobs, refuse_shared
from daguerre.cli.faces import counted
from daguerre.cli.flags import flags_of_several, parse
from daguerre.cli.policy import under_policy
from daguerre.cli.terminal import say
from daguerre.devices import Precision
from daguerre.errors import OptionError
from daguerre.images import Picture, check_target
from daguerre.options import option
from daguerre.tasks.pipeline_file import policy_of, read_steps, write_steps
from daguerre.tasks.policies import read_policy
from daguerre.tasks.registry import TASKS, TaskOptions, options_of
from daguerre.tasks.restoration.restorer import RestoreOptions
from daguerre.tasks.saving import ResultOptions

__all__ = ["run"]

SHARED_OPTIONS = ("device", "precision")  # options that all tasks share, given once


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Tasks and their order."""

    steps: str = option("", "tasks in order, separated by commas: restore,upscale,stylize", metavar="TASK,TASK,...")
    recipe: Path | None = option(
        None, "TOML file with the steps and their options, instead of --steps", metavar="FILE.toml"
    )
    write_recipe: Path | None = option(
        None, "also write the steps and their options to such a file; pictures are optional then", metavar="FILE.toml"
    )
    policy: str = option(
        "", "what may be done: archive, family (the default), or a file of your own", metavar="NAME|FILE.toml"
    )
    stages: Path | None = option(
        None, "also write the picture after each step except the last to this folder", metavar="FOLDER"
    )
    device: str | None = option(None, "compute device of all steps: auto, cpu, cuda, cuda:1, mps")
    precision: Precision | None = option(None, "floating-point precision of all steps")

    def __post_init__(self) -> None:
        if bool(self.steps) == bool(self.recipe):
            raise OptionError("say what to do, either with --steps restore,upscale,stylize or with --recipe FILE.toml")


def chain(
    pictures: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PICTURE-OR-FOLDER ...", help_behavior_hint="")
    ],
    plan: Chain,
    result: Output,
    saving: ResultOptions,
    archive: Archive,
    **chosen: TaskOptions,
) -> int:
    """Run several tasks as a pipeline.

    $ daguerre run old.jpg --steps restore,upscale --scale 2
    $ daguerre run photo.jpg --steps upscale,stylize --style painting.jpg
    $ daguerre run photo.jpg --steps upscale,stylize --style painting.jpg
          --upscale.model compact-x2 --stylize.steps 100 --stages between/
    $ daguerre run album/ -o done/ --recipe family.toml
    $ daguerre run --steps upscale,stylize --help     list the flags of these tasks

    Accepts the flags of all tasks in --steps. A flag that several of them, or this command itself, have needs the
    task's name as a prefix; on others it is optional: --restore.strength, --stylize.steps. Between steps a picture has
    16 bits and is kept in memory; --stages also writes it to PNG files.

    --policy archive repairs only damage to the print and saves 16-bit TIFF with the record beside it.

    A recipe is a TOML file with a table for each step, in order; paths in it are relative to the file:

    $ [[step]]
      task = "upscale"
      scale = 2

    $ [[step]]
      task = "stylize"
      style = ["painting.jpg"]

    Args:
        pictures: pictures, or folders of them.
    """
    steps = [chosen[name] for name in names_in(plan.steps)] if plan.steps else read_steps(plan.recipe or Path())
    steps = [told(options, precision=plan.precision) for options in steps]
    policy = read_policy(plan.policy) if plan.policy else policy_of(plan.recipe) if plan.recipe else None
    if policy:
        steps, saving, result = under_policy(policy, steps, saving, result)
    work = result.work(*(told(options, device=plan.device) for options in steps), saving=saving)
    name = "-" + (plan.recipe.stem if plan.recipe else "-".join(names_in(plan.steps)))
    find = partial(plan_jobs, pictures, result, name)
    jobs = find() if pictures or not plan.write_recipe else []
    files = plan_stages(jobs, plan.stages, [options.task for options in steps])
    for options in steps:
        if isinstance(options, RestoreOptions) and options.given_mask and len(jobs) > 1:
            raise OptionError(f"the mask {options.scratches} fits one picture, but there are {len(jobs)}")
    written = [path for stages in files.values() for path in stages] + [*filter(None, [plan.write_recipe])]
    read = [*steps, *filter(None, [plan.recipe])]
    refuse_shared(written, jobs, *read)
    if plan.write_recipe:
        write_steps(steps, plan.write_recipe, overwrite=result.overwrite)
        if not result.quiet:
            say(f"{plan.write_recipe}  the steps and their options")
        if not jobs:
            return 0
    if plan.stages:
        make_folder(plan.stages)

    @contextmanager
    def between(job: Job) -> Iterator[dict[str, Any]]:
        for path in files[job]:
            check_target(path, overwrite=result.overwrite)
            make_folder(path.parent)
        paths = iter(files[job])

        def keep(_: str, picture: Picture) -> None:
            picture.save(next(paths), overwrite=result.overwrite)

        yield {"on_stage": keep if files[job] else None}

    errand = Errand(
        find=find,
        jobs=jobs,
        work=lambda job: work,
        said=lambda report: {name: report[name] for name in ("width", "height", "steps")},
        describe=describe,
        beside=between if plan.stages else nothing,
        options=read,
    )
    return run_errand(errand, result, archive)


def told(options: TaskOptions, **changes: object) -> TaskOptions:
    """The same options with the given changes."""
    changed: TaskOptions = replace(options, **{key: value for key, value in changes.items() if value is not None})  # type: ignore[type-var]
    return changed


def plan_stages(jobs: Sequence[Job], folder: Path | None, tasks: Sequence[str]) -> dict[Job, list[Path]]:
    """File for the picture after each step except the last, if any: `FOLDER/old-1-restore.png`."""
    if folder is None:
        return {job: [] for job in jobs}
    return {
        job: [
            folder / job.inside.parent / f"{job.inside.stem}-{number}-{task}.png"
            for number, task in enumerate(tasks[:-1], start=1)
        ]
        for job in jobs
    }


def describe(said: dict[str, Any]) -> str:
    *first, last = [step["task"] for step in said["steps"]]
    tasks = f"{', '.join(first)} and {last}" if first else last
    kept = sum(step["measured"].get("faces_kept", 0) for step in said["steps"])
    left = f", {counted(kept)} left alone, because of too much change" if kept else ""
    return f"{said['width']} x {said['height']} pixels after {tasks}{left}"


def names_in(steps: str) -> list[str]:
    """Names of tasks, separated by commas.

    Raises:
        OptionError: one of them occurs twice.
    """
    names = [name.strip() for name in steps.split(",")]
    if twice := [name for name in names if names.count(name) > 1]:
        raise OptionError(f"--steps names {twice[0]} twice; a file for --recipe can do that, each with its own options")
    return names


def said_as(flag: str, words: Sequence[str]) -> str:
    """The value of a flag among unparsed words; empty if it is absent.

    Raises:
        OptionError: it occurs twice.
    """
    said = [
        following if word == flag else word.partition("=")[2]
        for word, following in zip(words, [*words[1:], ""], strict=True)
        if word == flag or word.startswith(f"{flag}=")
    ]
    if len(said) > 1:
        raise OptionError(f"{flag} is given twice; give it once, with commas between the tasks")
    return said[0] if said else ""


def settle_flags(
    words: Sequence[str], tasks: Collection[str], shared: Mapping[str, Sequence[str]], own: Collection[str]
) -> list[str]:
    """The words with every flag in its canonical form: with the task's name only where it is needed.

    Raises:
        OptionError: an ambiguous flag, or one of a task that is not a step; says what to write instead.
    """
    settled = []
    for word in words:
        flag, equals, value = word.partition("=")
        task, dot, short = flag.removeprefix("--").partition(".")
        name = (short if dot else task).replace("-", "_")
        if not flag.startswith("--") or name in SHARED_OPTIONS:
            settled.append(word)
        elif dot and task in TASKS and task not in tasks:
            raise OptionError(f"{flag} is for {task}, which --steps does not name")
        elif dot and task in TASKS and name not in shared:
            settled.append(f"--{short}{equals}{value}")
        elif not dot and name in shared and name not in own:
            raise OptionError(f"several steps have {flag}; say {' or '.join(shared[name])}")
        else:
            settled.append(word)
    return settled


def run(words: Sequence[str]) -> int:
    steps = said_as("--steps", words)
    tasks = {name: options_of(name) for name in names_in(steps)} if steps else {}
    own = {field.name for kind in (Chain, Output, ResultOptions, Archive) for field in fields(kind)}
    more, shared = flags_of_several(tasks, taken=own, left_out=SHARED_OPTIONS)
    return parse(chain, "run", settle_flags(words, tasks, shared, own), more)
