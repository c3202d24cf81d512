import pytest
import torch

from daguerre.evaluation.metrics import psnr
from daguerre.images.resample import resize_bicubic
from daguerre.tasks.faces.detection import Face
from daguerre.training.data import faces
from daguerre.training.data.faces import RestoredFaces, detect_face
from daguerre.training.recipe import Recipe, parse_recipe


@pytest.fixture
def recipe(monkeypatch) -> Recipe:
    monkeypatch.setattr(faces, "FACE_SIDES", (24, 40))
    return parse_recipe(
        {
            "name": "tiny",
            "step": "face_restoration",
            "steps": 2,
            "network": {"name": "CompactFace"},
            "data": {"parts": ["faces"]},
            "optimizer": {"lr": 1e-3},
        }
    )


class OnProcessor:
    device = torch.device("cpu")


def test_an_example_is_the_same_whenever_it_is_made(recipe):
    whole = [torch.randint(0, 255, (3, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))]
    first, again, other = (RestoredFaces(recipe, OnProcessor, 32).example(number, whole) for number in (5, 5, 6))
    assert first.shape == (2, 3, 32, 32)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_face_is_cropped_where_it_is_detected_in_what_was_restored(recipe):
    examples = RestoredFaces(recipe, OnProcessor, 32)
    made = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    whole = examples.crop_pair(made, 1 - made)
    assert (whole.float().sum(0) - 255).abs().max() <= 1  # both are cropped alike
    seen = []

    def find(picture):
        seen.append((picture.height, picture.width))
        return [Face(10, 10, 4), Face(20, 18, 30, 0.5), Face(0, 0, 60)]

    examples.finder = find
    part = examples.crop_pair(made, 1 - made)
    assert seen == [(60, 60)]
    assert detect_face(find, made) == Face(10, 8, 30, 0.5)
    assert not torch.equal(part, whole)


def test_where_no_face_is_detected_all_is_shown(recipe):
    examples = RestoredFaces(recipe, OnProcessor, 32)
    examples.finder = lambda picture: []
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    shown = examples.crop_pair(image, image)[:1].float() / 255
    assert (shown - resize_bicubic(image, 32, 32)).abs().max() < 0.2
    assert psnr(shown, resize_bicubic(image, 32, 32).clamp(0, 1), channel="rgb") > 25
