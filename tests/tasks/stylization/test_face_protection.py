"""Faces of a painted photograph."""

from pathlib import Path

import torch

from daguerre.images import Picture
from daguerre.tasks.faces.detection import Face
from daguerre.tasks.stylization.face_protection import FaceProtection, face_weight
from daguerre.tiling import Window

ASTRONAUT = Path(__file__).parents[3] / "examples" / "astronaut.jpg"


def test_a_protected_face_stays_the_photograph_and_the_rest_the_painting():
    photo = Picture.open(ASTRONAUT)
    painted = Picture.from_tensor(torch.zeros(1, 3, photo.height, photo.width))
    kept = FaceProtection(photo, 1.0)(painted).read()
    face = (slice(90, 130), slice(200, 240))
    torch.testing.assert_close(kept[(..., *face)], photo.read()[(..., *face)], rtol=0, atol=1 / 255)
    assert not kept[..., 300:, :].any()
    half = FaceProtection(photo, 0.5)(painted).read()
    torch.testing.assert_close(half, kept / 2, rtol=0, atol=1 / 255)


def test_without_faces_or_amount_the_painting_is_given_back():
    photo = Picture.from_tensor(torch.rand(1, 3, 80, 90))
    painted = Picture.from_tensor(torch.zeros(1, 3, 80, 90))
    assert FaceProtection(photo, 1.0)(painted) is painted
    assert FaceProtection(Picture.open(ASTRONAUT), 0.0)(painted) is painted


def test_the_weight_of_a_face_does_not_depend_on_windows():
    face = Face(10, 20, 30)
    whole = face_weight(face, Window(0, 0, 100, 80))
    assert whole.amax() == 1
    assert whole[..., 20, 0] == 0
    torch.testing.assert_close(face_weight(face, Window(15, 7, 40, 50)), whole[..., 15:55, 7:57], rtol=0, atol=0)


def test_a_small_painting_is_protected_at_the_same_places():
    photo = Picture.open(ASTRONAUT)
    guard = FaceProtection(photo, 1.0)
    whole = guard.weight(Window(0, 0, photo.height, photo.width))
    half = guard.weight(Window(0, 0, photo.height // 2, photo.width // 2), 0.5)
    height, width = (2 * (side // 2) for side in (photo.height, photo.width))
    reduced = torch.nn.functional.avg_pool2d(whole[..., :height, :width], 2)
    torch.testing.assert_close(half, reduced, rtol=0, atol=0.02)
    black = torch.zeros(1, 3, photo.height // 2, photo.width // 2)
    assert (guard.blend_small(black)[half.expand(-1, 3, -1, -1) == 1] > 0).any()
    assert not guard.blend_small(black)[half.expand(-1, 3, -1, -1) == 0].any()
