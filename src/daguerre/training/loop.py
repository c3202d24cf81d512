"""The training loop: from a recipe and a folder of pictures to a weights file.

A run's folder holds `checkpoint.pt`, the table `log.csv` and its plot, `samples/`, and finally the weights. Every
iteration has its own generator, seeded by the recipe's seed, the iteration and the process, so a resumed run continues
exactly as if it had never stopped, and no generator state has to be saved.
"""

import json
import logging
import math
import os
import pickle
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor

from daguerre.devices import choose_device
from daguerre.errors import Cancelled, DaguerreError, OutputExists, RecipeError, WeightsDamaged
from daguerre.files import part
from daguerre.progress import Progress, ProgressCallback, silent
from daguerre.signals import END, INTERRUPT, interruptible
from daguerre.training.logger import CSVLogger, write_image
from daguerre.training.prefetch import seeded_generator
from daguerre.training.recipe import Recipe, parse_recipe
from daguerre.training.trainers import Trainer, make_trainer
from daguerre.weights.checkpoint import WeightsHeader, write
from daguerre.weights.registry import task_of

__all__ = ["train"]

CHECKPOINT = "checkpoint.pt"
LOG_EVERY = 50  # steps between rows of the table
SYNC_EVERY = 10  # steps between agreements of several processes on whether to stop


def train(recipe: Recipe, data: Path, out: Path, *, resume: bool = False, progress: ProgressCallback = silent) -> Path:
    """Run a recipe to its end and write the weights.

    Runs on whatever is available: the CPU, a GPU, all GPUs, or several machines if started by `torchrun` on each. Every
    process draws its own `batch` and gradients are averaged, so the effective batch is the sum.

    Args:
        data: folder with the recipe's parts.
        out: folder of the run; created if necessary.
        resume: continue from the checkpoint in `out`, if there is one.

    Returns:
        The weights file, `out/NAME.safetensors`.

    Raises:
        RecipeError: the recipe cannot be followed, or differs from that of the resumed run.
        DataError: the pictures cannot be used.
        OutputExists: `out` holds a run already, and `resume` is false.
        WeightsDamaged: the checkpoint to resume from cannot be read.
        Cancelled: stopped by Ctrl-C, SIGTERM, SIGHUP or `progress`; there is a checkpoint to resume from.
    """
    prepare_folder(recipe, out, resume=resume)
    fabric = launch_fabric(recipe)
    torch.manual_seed(recipe.seed)
    run = Run(recipe, make_trainer(recipe, data, fabric, progress), fabric, out)
    with interruptible(*INTERRUPT, *END) as interrupted:
        while run.step < recipe.steps and not run.cancelled:
            run.train_one_step()
            if run.due(recipe.validation.every):
                try:
                    run.log(run.validate())
                finally:  # whatever happens here, the steps are not lost
                    run.save()
            elif run.due(LOG_EVERY):
                run.log({})
            run.report_progress(interrupted, progress)
    if run.step < recipe.steps:
        run.save()
        raise Cancelled(f"stopped after step {run.step} of {recipe.steps}; continue with --resume")
    return run.export()


class Run:
    """A run in progress: its step, its latest scores, and its folder."""

    def __init__(self, recipe: Recipe, trainer: Trainer, fabric: Fabric, out: Path) -> None:
        self.recipe, self.trainer, self.fabric, self.out = recipe, trainer, fabric, out
        self.step, self.seconds = 0, 0.0
        self.scores: dict[str, float] = {}
        self.losses = RunningMeans()
        self.note = ""
        self.cancelled = False
        if (out / CHECKPOINT).exists():
            self.restore()
        self.logger = CSVLogger(out / "log.csv", self.step)
        if fabric.is_global_zero and trainer.left_out:
            with part(out / "left-out.txt", overwrite=True) as name:
                name.write_text("\n".join(trainer.left_out) + "\n", encoding="utf-8")

    def train_one_step(self) -> None:
        """Run one iteration."""
        started = time.monotonic()
        self.step += 1
        generator = seeded_generator(self.recipe.seed, self.step, self.fabric.global_rank)
        self.losses.add(self.trainer.training_step(self.step, generator))
        self.seconds += time.monotonic() - started

    def due(self, every: int) -> bool:
        """Whether something done at intervals, and after the last step, is due now."""
        return self.step % every == 0 or self.step == self.recipe.steps

    def validate(self) -> dict[str, float]:
        """Validate the averaged network and write samples; the first process does it while the others wait."""
        if self.fabric.is_global_zero:
            self.scores = self.trainer.validate()
            grid = self.trainer.sample_grid()
            if grid is not None:
                write_image(grid, self.out / "samples" / f"step-{self.step:07}.png")
        self.fabric.barrier()
        return self.scores

    def log(self, scores: dict[str, float]) -> None:
        """Add a row to the table: the mean losses since the last row, and scores if there are any."""
        losses = self.losses.take()
        if not all(map(math.isfinite, losses.values())):
            raise RecipeError(f"at step {self.step} the losses are {losses}; lower optimizer.lr, or set clip")
        self.note = ", ".join(f"{name} {value:.4g}" for name, value in (losses | self.scores).items())
        if self.fabric.is_global_zero:
            self.logger.add({"step": self.step, "seconds": round(self.seconds)} | losses | scores)
            if scores:
                self.logger.plot(self.out / "log.png")

    def report_progress(self, interrupted: threading.Event, progress: ProgressCallback) -> None:
        """Report progress, and check whether to stop; several processes agree on that."""
        try:
            if self.fabric.is_global_zero:
                progress(Progress(step="training", done=self.step, total=self.recipe.steps, note=self.note))
        except Cancelled:
            interrupted.set()
        if self.fabric.world_size == 1:
            self.cancelled = interrupted.is_set()
        elif self.step % SYNC_EVERY == 0:
            stop = torch.tensor(float(interrupted.is_set()), device=self.fabric.device)
            self.cancelled = bool(self.fabric.all_reduce(stop, reduce_op="sum"))

    def save(self) -> None:
        """Write the checkpoint; the previous one is replaced only by a complete new one."""
        about = {"step": self.step, "seconds": self.seconds, "scores": self.scores}
        path = self.out / CHECKPOINT
        # The first process writes; the others only take part in gathering.
        with part(path, overwrite=True) if self.fabric.is_global_zero else nullcontext(path) as name:
            self.fabric.save(name, self.trainer.checkpoint() | {"about": about})
        self.fabric.barrier()

    def restore(self) -> None:
        """Go back to where the checkpoint was written."""
        path = self.out / CHECKPOINT
        try:
            about = self.fabric.load(path, self.trainer.checkpoint(), weights_only=True)["about"]
        except (EOFError, KeyError, OSError, RuntimeError, pickle.UnpicklingError) as error:
            raise WeightsDamaged(f"{str(path)!r} cannot be read ({error}); remove it to start anew") from error
        self.step, self.seconds, self.scores = about["step"], about["seconds"], about["scores"]

    def export(self) -> Path:
        """Write the weights file."""
        path = self.out / f"{self.recipe.name}.safetensors"
        if self.fabric.is_global_zero:
            network, weights = self.trainer.export()
            header = WeightsHeader(
                name=self.recipe.name,
                task=task_of(self.recipe.network.name),
                network=type(network).__name__,
                arguments=self.recipe.network.arguments,
                scale=getattr(network, "scale", 1),
                cleans=self.recipe.header.cleans,
                licence=self.recipe.header.licence,
                source=describe_source(self.recipe),
                recipe=without_folders(self.recipe.as_dict()),
                data=self.recipe.header.data,
                scores={name: round(score, 4) for name, score in self.scores.items()},
                note=self.recipe.header.note,
                labels=self.trainer.labels,
            )
            write(path, weights, header)
        self.fabric.barrier()
        return path


class RunningMeans:
    """Means of losses over the iterations since they were last read; nothing leaves the device until then."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.count = 0

    def add(self, losses: dict[str, Tensor]) -> None:
        self.sums = {name: self.sums.get(name, 0) + loss for name, loss in losses.items()}
        self.count += 1

    def take(self) -> dict[str, float]:
        means = {name: total.item() / self.count for name, total in self.sums.items()}
        self.sums, self.count = {}, 0
        return means


def describe_source(recipe: Recipe) -> str:
    """Where the weights come from, for their header."""
    continued = recipe.init is not None and Path(recipe.init.weights).stem == recipe.name
    return "trained by its recipe" + (", on from weights that shipped before under the same name" if continued else "")


def without_folders(value: Any) -> Any:
    """A resolved recipe with file names only: their folders are private."""
    if isinstance(value, dict):
        return {key: without_folders(part) for key, part in value.items()}
    if isinstance(value, list):
        return [without_folders(part) for part in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def prepare_folder(recipe: Recipe, out: Path, *, resume: bool) -> None:
    """Create the folder of a run and write the resolved recipe to it, or check that the run there can be resumed."""
    path, ours = out / "recipe.json", recipe.as_dict()
    if (out / CHECKPOINT).exists():
        if not resume:
            raise OutputExists(f"{str(out)!r} holds a run already; continue it with --resume, or choose another folder")
        theirs = recipe_of_run(path)
        changed = [key for key in ours if ours[key] != theirs[key]]
        if changed:
            raise RecipeError(f"the run in {str(out)!r} began with another {changed[0]!r}; choose another folder")
    if os.environ.get("RANK", "0") != "0":
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        with part(path, overwrite=True) as name:
            name.write_text(json.dumps(ours, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise DaguerreError(f"cannot write to the folder {str(out)!r} ({error.strerror}); choose another") from error


def recipe_of_run(path: Path) -> dict[str, Any]:
    """The resolved recipe that a run began with; newer keys have their defaults.

    Raises:
        WeightsDamaged: it cannot be read.
    """
    try:
        return parse_recipe(json.loads(path.read_text(encoding="utf-8"))).as_dict()
    except (OSError, ValueError, RecipeError) as error:
        raise WeightsDamaged(f"{str(path)!r} cannot be read ({error}); choose another folder") from error


def launch_fabric(recipe: Recipe) -> Fabric:
    """Start Fabric on the available devices, with one process for each of `torchrun`'s or for each GPU."""
    for name in ("lightning.fabric", "lightning.pytorch"):  # they announce the precision on every start
        logging.getLogger(name).setLevel(logging.WARNING)
    bfloat16 = choose_device("auto", recipe.precision).dtype == torch.bfloat16
    world = int(os.environ.get("WORLD_SIZE", "1"))
    here = int(os.environ.get("LOCAL_WORLD_SIZE", world))
    fabric = Fabric(
        precision="bf16-mixed" if bfloat16 else "32-true",
        strategy="ddp" if world > 1 else "auto",
        devices=here if world > 1 else "auto",
        num_nodes=world // here,
    )
    fabric.launch()
    torch.backends.cudnn.benchmark = True  # all examples have one size, so trying out the fastest kernels pays
    return fabric
