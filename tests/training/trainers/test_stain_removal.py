import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from PIL import Image

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.progress import silent
from daguerre.training.loop import train
from daguerre.training.recipe import parse_recipe
from daguerre.training.trainers.stain_removal import StainRemovalTrainer, add_stains, random_square


def recipe(**changes):
    table = {
        "name": "stains",
        "step": "stain_removal",
        "steps": 150,
        "batch": 6,
        "crop": 64,
        "ema": 0.9,
        "precision": "float32",
        "network": {"name": "StainUNet", "arguments": {"side": 64, "features": [8, 12, 16]}},
        "data": {"parts": ["new"]},
        "aging": {"pool": 12, "strength": [0.2, 0.5], "real": ["old"]},
        "optimizer": {"lr": 5e-3},
        "losses": {"cross_entropy": 0.2, "inside": 1.0, "l1": 1.0, "edges": 0.5},
        "validation": {"every": 150, "fraction": 1 / 3},
    }
    return parse_recipe(table | changes)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Soft bright pictures without colour, on which brown is plain to see."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for i in range(18):
        path = folder / ("old" if i % 3 == 0 else "new")
        path.mkdir(exist_ok=True)
        coarse = Image.fromarray(random.integers(170, 256, (4, 4), dtype=np.uint8)).convert("RGB")
        coarse.resize((170 + i, 180), Image.Resampling.BICUBIC).save(path / f"{i}.png")
    return folder


def test_a_short_training_lightens_stains(data, tmp_path):
    loaded = weights.load(train(recipe(), data, tmp_path))
    scores = loaded.header.scores
    assert loaded.header.task == "stains"
    assert scores["psnr"] > scores["before"] + 0.5


def test_the_pool_is_the_same_every_time_and_batches_are_stained_anew(data):
    made = StainRemovalTrainer(recipe(), data, Fabric(accelerator="cpu"), silent)
    assert torch.equal(made.pool, StainRemovalTrainer(recipe(), data, Fabric(accelerator="cpu"), silent).pool)
    assert (made.pool.shape, made.pool.dtype) == ((12, 3, 64, 64), torch.uint8)
    generator = torch.Generator().manual_seed(0)
    first, again = made.make_batch(generator), made.make_batch(generator)
    assert first[0].shape == first[1].shape == (6, 3, 64, 64)
    assert not torch.equal(first[0], again[0])
    changed = (first[0] != first[1]).flatten(1).any(1)
    assert changed.any()


def test_real_photographs_are_held_out_too(data):
    stained, clean = StainRemovalTrainer(recipe(), data, Fabric(accelerator="cpu"), silent).validation_set
    assert stained.shape == clean.shape
    assert (stained != clean).flatten(1).any(1).all()


def test_a_stain_darkens_and_leaves_grey_grey():
    image = torch.full((1, 3, 64, 64), 0.8)
    for seed in range(8):
        made = add_stains(image, torch.Generator().manual_seed(seed)).image
        assert torch.equal(made[:, 0], made[:, 1])
        assert made.mean() < image.mean() + 0.01


def test_a_frame_is_a_square_piece():
    picture = torch.randint(0, 256, (3, 100, 300), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for seed in range(20):
        piece = random_square(picture, 48, torch.Generator().manual_seed(seed))
        assert piece.shape == (1, 3, 48, 48)
        assert 0 <= piece.min() <= piece.max() <= 1


def test_another_network_or_loss_is_refused(data):
    with pytest.raises(RecipeError, match="trains StainUNet, not SRCNN"):
        StainRemovalTrainer(recipe(network={"name": "SRCNN"}), data, Fabric(accelerator="cpu"), silent)
    with pytest.raises(RecipeError, match="no loss 'l2'"):
        StainRemovalTrainer(recipe(losses={"l2": 1.0}), data, Fabric(accelerator="cpu"), silent)
