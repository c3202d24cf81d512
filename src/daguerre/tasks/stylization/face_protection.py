"""Keep the faces of a stylized photograph recognizable by blending in the original."""

import torch
from torch import Tensor

from daguerre.images import Canvas, Picture
from daguerre.images.resize import read_resized
from daguerre.images.visible import read_colours
from daguerre.tasks.faces.detection import Face, FaceFinder, soft_ellipse
from daguerre.tiling import Window, plan_windows

__all__ = ["FaceProtection", "face_weight"]

WINDOW_SIDE = 1024  # pixels of a window
MIN_FACE = 32  # pixels of the smallest face
HEAD_ELLIPSE = (
    0.45,
    0.85,
    0.65,
)  # center of a head below the top of its face's square, half its height and width, relative to the side
FULL_EFFECT_RADIUS = 0.7  # of the way from a head's center to its border, up to which it is fully protected


class FaceProtection:
    """Blends the faces of stylized versions of a photograph with the original ones, softly towards their borders.

    Args:
        photo: the photograph, in which the faces are detected.
        amount: from 0, fully stylized, to 1, the original faces.
    """

    def __init__(self, photo: Picture, amount: float) -> None:
        self.photo, self.amount = photo, amount
        self.faces = FaceFinder(min_size=MIN_FACE, confidence=0.7)(photo) if amount else []

    def __call__(self, painted: Picture) -> Picture:
        """Blend a stylized picture of the photograph's size."""
        if not self.faces:
            return painted
        grey = painted.grey and self.photo.grey
        canvas = Canvas(painted.height, painted.width, bits=painted.bits, grey=grey, alpha=painted.alpha)
        for window in plan_windows(painted.height, painted.width, WINDOW_SIDE):
            original = read_colours(self.photo, window)[0]
            canvas.write(window, torch.lerp(painted.read(window), original, self.weight(window)))
            if painted.alpha:
                canvas.write_alpha(window, painted.read_alpha(window))
        return canvas.picture(like=painted)

    def blend_small(self, painted: Tensor) -> Tensor:
        """Blend a reduced stylized picture (1, 3, h, w) in [0, 1]."""
        if not self.faces:
            return painted
        height, width = painted.shape[-2:]
        original, _ = read_resized(self.photo, height, width)
        return torch.lerp(painted, original, self.weight(Window(0, 0, height, width), width / self.photo.width))

    def weight(self, window: Window, share: float = 1.0) -> Tensor:
        """Weight of the photograph in each pixel of a window, (1, 1, h, w) in [0, 1]; `share` as in `face_weight`."""
        return self.amount * torch.stack([face_weight(face, window, share) for face in self.faces]).amax(0)


def face_weight(face: Face, window: Window, share: float = 1.0) -> Tensor:
    """Weight of the head around a face in each pixel of a window: (1, 1, h, w) in [0, 1].

    Args:
        share: size of the window's picture relative to the one in which the face was found.
    """
    below, height, width = (part * face.side * share for part in HEAD_ELLIPSE)
    middle = (share * face.top + below, share * (face.left + face.side / 2))
    return soft_ellipse(window, middle, (height, width), FULL_EFFECT_RADIUS)
