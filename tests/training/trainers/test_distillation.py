import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from daguerre import weights
from daguerre.errors import Cancelled, RecipeError
from daguerre.networks.vgg import VGG16, VGG19
from daguerre.training.data.distillation_targets import Targets
from daguerre.training.loop import train
from daguerre.training.recipe import Recipe, parse_recipe
from daguerre.training.trainers.distillation import losses
from daguerre.weights.checkpoint import WeightsHeader, write

LABELS = ["dark", "bright", "striped"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Twelve pictures of noise of several finenesses; a narrow VGG-16, and a VGG-19 that names three things."""
    folder = tmp_path_factory.mktemp("teachers")
    random = np.random.default_rng(0)
    (folder / "photos").mkdir()
    for i in range(12):
        side = 4 * 2 ** (i % 4)
        noise = Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8))
        noise.resize((72, 72), Image.Resampling.BICUBIC).save(folder / "photos" / f"{i}.png")
    torch.manual_seed(0)
    for name, network, labels in (
        ("eye", VGG16(width=1 / 16), []),
        ("namer", VGG19(width=1 / 16, classes=3), LABELS),
        ("nameless", VGG19(width=1 / 16, classes=3), []),
    ):
        arguments = {"width": 1 / 16, "classes": len(labels) or 3 * (name == "nameless")}
        header = WeightsHeader(
            name=name, task="features", network=type(network).__name__, arguments=arguments, labels=labels
        )
        write(folder / f"{name}.safetensors", network.state_dict(), header)
    return folder


def recipe(folder: Path, **changes: object) -> Recipe:
    table = {
        "name": "learner",
        "step": "distillation",
        "steps": 60,
        "batch": 8,
        "crop": 32,
        "ema": 0.5,
        "network": {"name": "VGG19", "arguments": {"width": 1 / 16, "classes": 3, "pooling": "smooth"}},
        "data": {"parts": ["photos"], "shares": {"photos": 1.0}},
        "optimizer": {"lr": 3e-3},
        "losses": {"features": 1.0, "changes": 0.5, "distances": 0.1, "labels": 0.2, "logits": 0.2},
        "validation": {"every": 20, "fraction": 0.25},
        "teachers": {
            "features": str(folder / "eye.safetensors"),
            "labels": str(folder / "namer.safetensors"),
            "pool": 12,
            "named": 10,
            "fresh": 20,
            "positions": 10,
        },
    }
    return parse_recipe(table | changes)


def test_it_learns_what_its_teachers_see_and_say(folder, tmp_path):
    loaded = weights.load(train(recipe(folder), folder, tmp_path))
    assert loaded.header.labels == LABELS
    assert loaded.header.recipe is not None
    assert loaded.header.recipe["teachers"]["features"] == "eye.safetensors"
    rows = (tmp_path / "log.csv").read_text().splitlines()
    column = rows[0].split(",").index("features")
    first, last = (float(rows[place].split(",")[column]) for place in (1, -1))
    assert last < 0.85 * first
    with torch.inference_mode():
        assert loaded.network.classify(torch.rand(1, 3, 40, 32)).shape == (1, 3)


def test_a_run_that_is_resumed_in_the_second_pool_goes_on_as_if_it_had_never_stopped(folder, tmp_path):
    again = recipe(folder, steps=24, validation={"every": 22, "fraction": 0.25})
    whole = weights.load(train(again, folder, tmp_path / "a"))
    seen: list[int] = []

    def stop(progress) -> None:
        if progress.step == "training" and progress.done == 22 and not seen:
            seen.append(22)
            raise Cancelled

    with pytest.raises(Cancelled):
        train(again, folder, tmp_path / "b", progress=stop)
    resumed = weights.load(train(again, folder, tmp_path / "b", resume=True))
    for name, tensor in whole.network.state_dict().items():
        assert tensor.equal(resumed.network.state_dict()[name])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teachers": {"features": "compact-x4"}}, "teachers.features are 'compact-x4', a CompactResNet; name a VGG's"),
        ({"network": {"name": "VGG19", "arguments": {"classes": 2}}}, "the teachers name 3 things; set network.arg"),
        ({"network": {"name": "SRCNN"}}, "SRCNN"),
        ({"teachers": None}, r"this step distils the features of a VGG; add \[teachers\] with features"),
    ],
)
def test_what_cannot_be_taught_is_refused(folder, tmp_path, changes, message):
    with pytest.raises(RecipeError, match=message):
        train(recipe(folder, **changes), folder, tmp_path)


def test_a_teacher_of_labels_without_names_is_refused(folder, tmp_path):
    teachers = {"features": str(folder / "eye.safetensors"), "labels": str(folder / "nameless.safetensors")}
    with pytest.raises(RecipeError, match=r"nameless.safetensors' name nothing; import them with --labels"):
        train(recipe(folder, teachers=teachers), folder, tmp_path)


def test_losses_by_hand():
    """A picture and its copy: of two features the student has half, and of the logits all but a constant."""
    theirs = {"relu1_1": torch.tensor([[[2.0, 0.0]], [[0.0, 2.0]]])}
    ours = {"relu1_1": theirs["relu1_1"] / 2}
    logits = torch.tensor([[0.0, 2.0], [4.0, 0.0]])
    near, far = {"relu1_1": torch.tensor([0.019])}, {"relu1_1": torch.tensor([0.199])}
    found = losses(Targets(ours, logits + 5, near), Targets(theirs, logits, far))
    assert found["distances"].item() == pytest.approx(math.log(10) ** 2)
    assert found["features"].item() == pytest.approx(0.5)  # of 1, 0, 0, 1
    assert found["changes"].item() == pytest.approx(0.25, rel=0.01)
    assert found["logits"].item() == pytest.approx(0, abs=1e-6)
    certain = torch.tensor([1 / (1 + math.exp(-2)), 1 / (1 + math.exp(-4))])
    entropy = -(certain * certain.log() + (1 - certain) * (1 - certain).log()).mean()
    assert found["labels"].item() == pytest.approx(entropy.item(), rel=1e-5)
