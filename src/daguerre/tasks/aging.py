"""Age a photograph; the result carries its ground truth."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Unpack

from torch import Tensor

from daguerre.degradation import aging
from daguerre.degradation.aging import AgeOptions
from daguerre.errors import PictureError
from daguerre.images import Canvas, Picture, PictureLike, as_picture
from daguerre.images.visible import read_colours
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.kwargs import AgeKwargs
from daguerre.tasks.provenance import Record
from daguerre.tasks.result import Result, StageCallback, recorded
from daguerre.tiling import Window

__all__ = ["AgeResult", "Ager", "age"]


@dataclass(frozen=True, kw_only=True)
class AgeResult(Result):
    """An aged photograph.

    Args:
        mask: where it is damaged: gray, white = damaged.
        clean: what a perfect restoration could achieve, without color if the photograph lost it.
        damaged: fraction of its area that is damaged, in [0, 1].
        story: its kind, and what was done to it.
    """

    mask: Picture
    clean: Picture
    damaged: float
    story: dict[str, Any]

    def findings(self) -> dict[str, Any]:
        return {"kind": self.story["kind"], "damaged_percent": round(100 * self.damaged, 2)}


class Ager:
    """Ages photographs, each with the options' seed."""

    def __init__(self, options: AgeOptions | None = None) -> None:
        self.options = options or AgeOptions()

    def __call__(
        self, source: PictureLike, *, on_stage: StageCallback | None = None, progress: ProgressCallback = silent
    ) -> AgeResult:
        return age(source, self.options)


def age(source: PictureLike, options: AgeOptions | None = None, **changes: Unpack[AgeKwargs]) -> AgeResult:
    """Age a photograph: `age("photo.jpg", kind="studio", seed=7).save("old.jpg")`.

    Args:
        source: a picture in any form.
        options: kind, amount and seed; single options may also be given by name.

    Raises:
        PictureError: the picture is too small, or too large to be held in memory.
    """
    options = replace(options or AgeOptions(), **changes)
    photo = as_picture(source)
    if refused := aging.size_error(photo.height, photo.width):
        raise PictureError(f"{photo.path}: {refused}" if photo.path else refused)
    colours, alpha = read_colours(photo, Window(0, 0, photo.height, photo.width))
    old = aging.age(colours, seed=options.seed, kind=options.kind, strength=options.strength)
    record = Record(task="age", options=asdict(options) | {"record": old.record}, models={})
    return AgeResult(
        **vars(recorded(picture_of(old.image, alpha, photo), record, photo)),
        mask=Picture.from_tensor(old.mask.expand(-1, 3, -1, -1)),
        clean=picture_of(old.clean, alpha, photo),
        damaged=float(old.mask.mean()),
        story=old.record,
    )


def picture_of(image: Tensor, alpha: Tensor | None, like: Picture) -> Picture:
    """An image (1, 3, H, W) in [0, 1] as a picture with the depth, profile, transparency and metadata of another."""
    everywhere = Window(0, 0, like.height, like.width)
    canvas = Canvas(like.height, like.width, bits=like.bits, alpha=like.alpha)
    canvas.write(everywhere, image)
    if alpha is not None:
        canvas.write_alpha(everywhere, alpha)
    return canvas.picture(like=like)
