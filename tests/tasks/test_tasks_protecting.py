"""Faces of a painted photograph."""

from pathlib import Path

import torch

from daguerre.images import Picture
from daguerre.tasks.face_finding import Face
from daguerre.tasks.protecting import face_weight, protect_faces
from daguerre.tiling import Window

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


def test_a_protected_face_stays_the_photograph_and_the_rest_the_painting():
    photo = Picture.open(ASTRONAUT)
    painted = Picture.from_tensor(torch.zeros(1, 3, photo.height, photo.width))
    kept = protect_faces(painted, photo, 1.0).read()
    face = (slice(90, 130), slice(200, 240))
    torch.testing.assert_close(kept[(..., *face)], photo.read()[(..., *face)], rtol=0, atol=1 / 255)
    assert not kept[..., 300:, :].any()
    half = protect_faces(painted, photo, 0.5).read()
    torch.testing.assert_close(half, kept / 2, rtol=0, atol=1 / 255)


def test_without_faces_or_amount_the_painting_is_given_back():
    photo = Picture.from_tensor(torch.rand(1, 3, 80, 90))
    painted = Picture.from_tensor(torch.zeros(1, 3, 80, 90))
    assert protect_faces(painted, photo, 1.0) is painted
    assert protect_faces(painted, Picture.open(ASTRONAUT), 0.0) is painted


def test_the_weight_of_a_face_does_not_depend_on_windows():
    face = Face(10, 20, 30)
    whole = face_weight(face, Window(0, 0, 100, 80))
    assert whole.amax() == 1
    assert whole[..., 20, 0] == 0
    torch.testing.assert_close(face_weight(face, Window(15, 7, 40, 50)), whole[..., 15:55, 7:57], rtol=0, atol=0)
