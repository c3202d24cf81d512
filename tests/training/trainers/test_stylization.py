import dataclasses

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from PIL import Image

from daguerre import weights
from daguerre.errors import DataError, RecipeError
from daguerre.networks.vgg import VGG16, VGG19
from daguerre.progress import silent
from daguerre.training.loop import seeded_generator, train
from daguerre.training.recipe import parse_recipe
from daguerre.training.trainers.stylization import StylizationTrainer
from daguerre.weights.checkpoint import WeightsHeader, write

WIDTH = 1 / 16


def recipe(**changes):
    table = {
        "name": "any",
        "step": "stylization",
        "steps": 30,
        "batch": 2,
        "crop": 32,
        "ema": 0.5,
        "clip": 1.0,
        "precision": "float32",
        "network": {
            "name": "AnyStyle",
            "arguments": {"style": 8, "features": 4, "blocks": 1, "width": WIDTH, "hidden": 8},
        },
        "data": {"parts": ["photos"]},
        "style": {"parts": ["styles"], "crop": 32, "fraction": 1 / 3},
        "optimizer": {"lr": 1e-2},
        "losses": {
            "content": 1.0,
            "grid": 1.0,
            "identity": 1.0,
            "palette": 5.0,
            "style": 1.0,
            "total_variation": 0.01,
        },
        "validation": {"every": 30, "fraction": 1 / 3, "crop": 48},
    }
    return parse_recipe(table | changes)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Photographs in grey, styles in orange."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for part, colour in {"photos": (1, 1, 1), "styles": (1, 0.5, 0.1)}.items():
        (folder / part).mkdir()
        for i in range(8):
            coarse = (random.random((6, 7, 1)) * colour * 255).astype(np.uint8)
            Image.fromarray(coarse).resize((90, 70 + i), Image.Resampling.BICUBIC).save(folder / part / f"{i}.png")
    return folder


@pytest.fixture(autouse=True)
def eye(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGUERRE_WEIGHTS", str(tmp_path / "weights"))
    torch.manual_seed(0)
    header = WeightsHeader(name="vgg19-slim", task="features", network="VGG19", arguments={"width": WIDTH})
    write(tmp_path / "weights" / "vgg19-slim.safetensors", VGG19(width=WIDTH).state_dict(), header)


def test_thirty_steps_bring_photographs_nearer_to_styles_never_seen(data, tmp_path):
    loaded = weights.load(train(recipe(), data, tmp_path / "run"))
    scores = loaded.header.scores
    assert (loaded.header.task, loaded.header.network) == ("stylize", "AnyStyle")
    assert scores["style_after"] < 0.8 * scores["style_before"]
    assert (tmp_path / "run" / "samples" / "step-0000030.png").exists()


def test_the_predictor_gets_the_vgg_of_the_losses_and_never_changes_it(data):
    trainer = StylizationTrainer(recipe(), data, Fabric(accelerator="cpu"), silent)
    trainer.training_step(1, seeded_generator(0, 1, 0))
    network, weights_kept = trainer.export()
    for name, value in network.predictor.eye.state_dict().items():
        assert value.equal(trainer.vgg.state_dict()[name])
    assert network.predictor.deviation.min() > 0
    assert set(weights_kept) == set(network.state_dict())


def test_the_predictor_may_look_with_another_network_than_the_losses(data, tmp_path):
    header = WeightsHeader(name="wide", task="features", network="VGG16", arguments={"width": 2 * WIDTH})
    write(tmp_path / "weights" / "wide.safetensors", VGG16(width=2 * WIDTH).state_dict(), header)
    plan = {"parts": ["styles"], "crop": 32, "eye": "vgg19-slim", "style_layers": {"relu3_3": 1.0}}
    made = recipe(style=plan, perceptual={"weights": "wide"}, losses={"content": 1.0, "gram": 1.0})
    trainer = StylizationTrainer(made, data, Fabric(accelerator="cpu"), silent)
    losses = trainer.training_step(1, seeded_generator(0, 1, 0))
    assert losses["gram"].isfinite()
    assert trainer.vgg.channels("relu3_3") == 2 * trainer.eye.channels("relu3_1")


def test_enlarged_styles_have_their_size_and_larger_strokes(data):
    plan = {"parts": ["styles"], "crop": 32, "enlarged": 2.0}
    trainer = StylizationTrainer(recipe(style=plan), data, Fabric(accelerator="cpu"), silent)
    ramp = torch.linspace(0, 1, 32).expand(1, 3, 32, 32)
    enlarged = trainer.enlarged(ramp, seeded_generator(0, 1, 0))
    assert enlarged.shape == ramp.shape
    assert enlarged[..., 20] - enlarged[..., 12] == pytest.approx((ramp[..., 16] - ramp[..., 12]).numpy(), abs=0.01)


def test_what_another_painted_is_learnt(data, tmp_path):
    for name, source in {"photographs": "photos", "styles": "styles", "painted": "photos"}.items():
        (tmp_path / "data" / "painted" / name).mkdir(parents=True)
        for path in (data / source).iterdir():
            picture = Image.open(path)
            if name == "painted":
                picture = Image.eval(picture, lambda value: 255 - value)  # a negative of each photograph
            picture.save(tmp_path / "data" / "painted" / name / path.name)
    for part in ("photos", "styles"):
        (tmp_path / "data" / part).symlink_to(data / part)
    plan = {"parts": ["styles"], "crop": 64, "painted": "painted"}
    made = recipe(style=plan, losses={"painted": 1.0}, batch=4)
    trainer = StylizationTrainer(made, tmp_path / "data", Fabric(accelerator="cpu"), silent)
    found = [trainer.training_step(step, seeded_generator(0, step, 0))["painted"].item() for step in range(1, 41)]
    assert sum(found[-5:]) < 0.75 * sum(found[:5])
    (tmp_path / "data" / "painted" / "styles" / "3.png").unlink()
    with pytest.raises(DataError, match=r"painted/photographs/3.png needs a picture in painted/styles"):
        StylizationTrainer(made, tmp_path / "data", Fabric(accelerator="cpu"), silent)


def test_shares_are_those_of_the_plan(data):
    plan = {"parts": ["styles"], "crop": 32, "own": 0.2, "weakened": 0.3, "mixed": 0.4, "first_own": 1}
    trainer = StylizationTrainer(recipe(style=plan, batch=2000), data, Fabric(accelerator="cpu"), silent)
    assert trainer.draw_shares(1, seeded_generator(0, 1, 0)).eq(torch.tensor([0.0, 1.0, 0.0])).all()
    shares = trainer.draw_shares(2, seeded_generator(0, 2, 0))
    torch.testing.assert_close(shares.sum(1), torch.ones(2000))
    own = (shares[:, 1] == 1).float().mean().item()
    weakened = ((shares[:, 1] > 0) & (shares[:, 1] < 1)).float().mean().item()
    mixed = (shares[:, 2] > 0).float().mean().item()
    assert (own, weakened, mixed) == pytest.approx((0.2, 0.3, 0.4), abs=0.04)


def test_the_palette_loss_grows_with_the_distance_of_colours(data):
    trainer = StylizationTrainer(recipe(), data, Fabric(accelerator="cpu"), silent)
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    mine = torch.tensor([[0.0, 1.0, 0.0]]).expand(2, 3)
    logits = pictures.clamp(0.02, 0.98).logit()
    assert trainer.palette_loss(logits.flip(3), pictures, pictures, mine, seeded_generator(0, 1, 0)) < 1e-6
    darker = trainer.palette_loss(logits - 0.2, pictures, pictures, mine, seeded_generator(0, 1, 0))
    assert 0.05 < darker < 0.35


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"style": None}, r"add a \[style\] table"),
        ({"losses": {"styl": 1.0}}, "no loss 'styl' in this step; did you mean 'style'"),
        ({"network": {"name": "SRCNN"}}, "this step trains AnyStyle, not SRCNN"),
        ({"losses": {"painted": 1.0}}, "style.painted and losses.painted go together"),
    ],
)
def test_recipes_that_do_not_fit_are_refused(changes, message, data):
    made = {name: value for name, value in changes.items() if value is not None}
    plan = recipe(**made)
    if "style" in changes:
        plan = dataclasses.replace(plan, style=None)
    with pytest.raises(RecipeError, match=message):
        StylizationTrainer(plan, data, Fabric(accelerator="cpu"), silent)
