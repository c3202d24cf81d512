"""A chain: several tasks over one picture, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from daguerre.errors import OptionError
from daguerre.images import Picture, SaveOptions
from daguerre.images.picture import as_picture
from daguerre.progress import Progress, ProgressCallback, silent
from daguerre.tasks.pipeline_file import read_steps
from daguerre.tasks.provenance import Record, add_step, fitted
from daguerre.tasks.registry import TASKS, TaskOptions, make_worker

__all__ = ["Chained", "Pipeline"]


@dataclass(frozen=True, kw_only=True)
class Chained:
    """What a chain has made so far.

    Args:
        picture: the picture after the last of the steps; its XMP holds the record of all.
        steps: the records of what was done, in order.
    """

    picture: Picture
    steps: tuple[Record, ...]

    def save(
        self,
        path: Path | str,
        *,
        overwrite: bool = False,
        options: SaveOptions | None = None,
        progress: ProgressCallback = silent,
    ) -> Path:
        """Save the picture with the record in it of what was done; for the rest as `Picture.save`."""
        xmp = fitted(self.picture.xmp, Path(path))
        return self.picture.save(path, overwrite=overwrite, options=options, xmp=xmp, progress=progress)


class Pipeline:
    """Does several tasks over pictures, one after the other, keeping their networks loaded.

        Pipeline(RestoreOptions(), UpscaleOptions(scale=2), StylizeOptions(style=(Path("painting.jpg"),)))

    Between two steps a picture is a canvas of 16 bits, in memory or, if it is large, on disk; it is rounded to the
    original's bits by the last step.

    Args:
        steps: the options of each task, in the order in which they are done; a task may come twice.

    Raises:
        OptionError: no steps, or options that make no sense.
        DaguerreError: whatever the tasks miss, such as weights or a style.
    """

    def __init__(self, *steps: TaskOptions) -> None:
        if not steps:
            raise OptionError(f"a chain needs at least one step; there are {', '.join(TASKS)}")
        self.steps = steps
        self.workers = [make_worker(options) for options in steps]

    @classmethod
    def read(cls, path: Path | str) -> "Pipeline":
        """A chain from a TOML file; see `read_steps`."""
        return cls(*read_steps(Path(path)))

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Size (height, width) of the result for a picture of the given size.

        Raises:
            OptionError: a step cannot make that of it.
        """
        for options in self.steps:
            if resize := getattr(options, "out_size", None):
                height, width = resize(height, width)
        return height, width

    def __call__(self, source: Picture | Path | str | np.ndarray, *, progress: ProgressCallback = silent) -> Chained:
        """Do all steps.

        Args:
            source: a picture, a file, or an array as `Picture.from_array` takes it.
        """
        for made in self.stages(source, progress=progress):  # noqa: B007, a list of them would keep every stage
            pass
        return made

    def stages(
        self, source: Picture | Path | str | np.ndarray, *, progress: ProgressCallback = silent
    ) -> Iterator[Chained]:
        """Do the steps, and give what there is after each; only what somebody keeps stays in memory.

        Args:
            source: a picture, a file, or an array as `Picture.from_array` takes it.
        """
        picture = as_picture(source)
        bits = picture.bits
        done: tuple[Record, ...] = ()
        for number, worker in enumerate(self.workers, start=1):
            last = number == len(self.workers)
            # The last step gets the bits of the result, so that what it measures is true of what is saved.
            made = worker(picture.saved_with(bits=bits if last else 16), progress=self.counted(number, progress))
            picture = made.picture.saved_with(xmp=add_step(made.picture.xmp, made.step))
            done = (*done, made.step)
            yield Chained(picture=picture, steps=done)

    def counted(self, number: int, progress: ProgressCallback) -> ProgressCallback:
        """The progress of one step, told as part of the chain's."""

        def tell(event: Progress) -> None:
            progress(replace(event, step=f"{event.step}, step {number} of {len(self.steps)}"))

        return progress if len(self.steps) == 1 else tell
