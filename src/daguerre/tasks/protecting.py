"""Keep the faces of a painted photograph recognisable: there it stays, in part, the photograph."""

import torch
from torch import Tensor

from daguerre.images import Canvas, Picture
from daguerre.tasks.colours import read_colours
from daguerre.tasks.face_finding import Face, FaceFinder, soft_ellipse
from daguerre.tiling import Window, plan_windows

__all__ = ["face_weight", "protect_faces"]

SIDE = 1024  # pixels of a window
LEAST = 32  # pixels of the smallest face
HEAD = (0.45, 0.85, 0.65)  # middle of a head below the top of its face's square, half its height and width, in sides
FULL = 0.7  # of the way from a head's middle to its border, up to which it is protected in full


def protect_faces(painted: Picture, photo: Picture, amount: float) -> Picture:
    """A painting whose faces are blended with the photograph's, softly towards their borders.

    Args:
        painted: of the size of `photo`.
        photo: the photograph it was painted from, in which the faces are looked for.
        amount: from 0, the painting, to 1, where faces stay as they were.
    """
    faces = FaceFinder(min_size=LEAST, confidence=0.5)(photo) if amount else []
    if not faces:
        return painted
    grey = painted.grey and photo.grey
    canvas = Canvas(painted.height, painted.width, bits=painted.bits, grey=grey, alpha=painted.alpha)
    for window in plan_windows(painted.height, painted.width, SIDE):
        weight = torch.stack([face_weight(face, window) for face in faces]).amax(0)
        canvas.write(window, torch.lerp(painted.read(window), read_colours(photo, window)[0], amount * weight))
        if painted.alpha:
            canvas.write_alpha(window, painted.read_alpha(window))
    return canvas.picture(like=painted)


def face_weight(face: Face, window: Window) -> Tensor:
    """How far each pixel of a window belongs to the head around a face: (1, 1, h, w) in [0, 1]."""
    below, height, width = (part * face.side for part in HEAD)
    return soft_ellipse(window, (face.top + below, face.left + face.side / 2), (height, width), FULL)
