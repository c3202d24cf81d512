import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from PIL import Image

from daguerre.errors import DataError
from daguerre.progress import silent
from daguerre.training.data.aged_photos import AgedPictures
from daguerre.training.recipe import parse_recipe


def recipe(**aging):
    return parse_recipe(
        {
            "name": "tiny",
            "step": "translation",
            "steps": 1,
            "batch": 6,
            "crop": 32,
            "network": {"name": "CompactResNet"},
            "data": {"parts": ["new"]},
            "optimizer": {"lr": 1e-3},
            "validation": {"fraction": 1 / 3, "crop": 40},
            "aging": aging,
        }
    )


@pytest.fixture
def data(tmp_path):
    for part in ("new", "old"):
        (tmp_path / part).mkdir()
        for i in range(6):
            pixels = np.random.default_rng(i).integers(0, 255, (70, 80 + i, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / part / f"{i}.png")
    return tmp_path


def pictures(data, **aging):
    return AgedPictures(recipe(**aging), data, Fabric(accelerator="cpu"), silent)


def test_a_batch_depends_on_its_generator_alone(data):
    source = pictures(data)
    first, again, other = (source.draw(1, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.mask, again.mask)
    assert not torch.equal(first.image, other.image)
    assert first.image.shape == first.clean.shape == first.toned.shape == (6, 3, 32, 32)
    assert first.mask.shape == (6, 1, 32, 32)


def test_untouched_examples_are_their_own_clean_twins(data):
    batch = pictures(data, untouched=1.0).draw(1, torch.Generator().manual_seed(0))
    assert torch.equal(batch.image, batch.clean)
    assert batch.mask.sum() == 0


def test_what_is_held_out_is_never_drawn(data):
    source = pictures(data)
    assert len(source.clean_held_out[0]) + len(source.clean[0]) == 6
    assert not any(torch.equal(a, b) for a in source.clean_held_out[0] for b in source.clean[0] if a.shape == b.shape)


def test_the_validation_set_is_always_the_same(data):
    first, again = pictures(data).validation_set(2), pictures(data).validation_set(2)
    assert all(torch.equal(a.image, b.image) for a, b in zip(first, again, strict=True))
    assert first[0].image.shape == (1, 3, 40, 40)


def test_real_photographs_are_drawn_as_they_are(data):
    batch = pictures(data, real=("old",)).draw_real(torch.Generator().manual_seed(0))
    assert batch.shape == (6, 3, 32, 32)
    assert set(torch.unique(batch * 255).round().tolist()) <= set(range(256))


def test_a_part_that_is_missing_is_an_error(data):
    with pytest.raises(DataError, match="no 'older'"):
        pictures(data, real=("older",))
