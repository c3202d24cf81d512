import pytest
import torch
from lightning.fabric import Fabric
from PIL import Image

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.networks.compact_resnet import CompactResNet, enlarge_bicubic
from daguerre.networks.rrdbnet import RRDBNet
from daguerre.training.data.pictures import PairedCrops
from daguerre.training.distillation import Teachers
from daguerre.training.loop import train
from daguerre.training.recipe import TeachersPlan, parse_recipe
from daguerre.weights.checkpoint import WeightsHeader, write

ARGUMENTS = {"scale": 2, "features": 4, "blocks": 1}


def teacher(path, seed: int) -> CompactResNet:
    """A network that changes much, written to `path`."""
    torch.manual_seed(seed)
    network = CompactResNet(**ARGUMENTS)
    network.conv_last.weight.data.mul_(100)
    header = WeightsHeader(name="t", task="upscale", network="CompactResNet", arguments=ARGUMENTS, scale=2)
    write(path, network.state_dict(), header)
    return network


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", precision="32-true")


def levels(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_an_answer_is_the_mean_of_all_teachers_in_eight_ways(tmp_path, fabric):
    paths = [tmp_path / f"{seed}.safetensors" for seed in (1, 2)]
    networks = [teacher(path, seed) for seed, path in enumerate(paths)]
    teachers = Teachers(TeachersPlan(weights=tuple(map(str, paths))), 2, fabric)
    low = levels(1, 3, 6, 9) / 255
    with torch.no_grad():
        by_hand = 0
        for network in networks:
            network.half().float()  # as weights files hold them
            for image in (low, low.transpose(2, 3)):
                for axes in ((), (2,), (3,), (2, 3)):
                    large = network(image.flip(axes)).flip(axes)
                    by_hand = by_hand + (large if image is low else large.transpose(2, 3)) / 16
    torch.testing.assert_close(teachers.predict(low), by_hand, atol=1e-5, rtol=0)


def test_an_answer_turns_with_the_picture(tmp_path, fabric):
    network = teacher(tmp_path / "t.safetensors", 0)
    teachers = Teachers(TeachersPlan(weights=(str(tmp_path / "t.safetensors"),)), 2, fabric)
    low = levels(1, 3, 6, 9) / 255
    assert not torch.allclose(network(low.flip(3)).flip(3), network(low), atol=1e-2), "alone it does not"
    torch.testing.assert_close(teachers.predict(low.flip(3)).flip(3), teachers.predict(low), atol=1e-5, rtol=0)


def test_without_the_ensemble_a_teacher_is_asked_once_about_each_of_several(tmp_path, fabric):
    network = teacher(tmp_path / "t.safetensors", 0)
    plan = TeachersPlan(weights=(str(tmp_path / "t.safetensors"),), ensemble=False)
    low = levels(2, 3, 6, 9) / 255
    network.half().float()  # as weights files hold them
    torch.testing.assert_close(Teachers(plan, 2, fabric).predict(low), network(low), atol=1e-5, rtol=0)


def test_teachers_are_asked_about_sizes_that_they_do_not_take(tmp_path, fabric):
    arguments = {"scale": 2, "features": 4, "blocks": 1, "growth": 2}
    torch.manual_seed(0)
    network = RRDBNet(**arguments).eval()
    assert network.multiple == 2
    header = WeightsHeader(name="t", task="upscale", network="RRDBNet", arguments=arguments, scale=2)
    write(tmp_path / "t.safetensors", network.state_dict(), header)
    teachers = Teachers(TeachersPlan(weights=(str(tmp_path / "t.safetensors"),)), 2, fabric)
    assert teachers.target(levels(3, 7, 9), levels(3, 14, 18)).shape == (3, 14, 18)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_wish_is_so_much_of_the_answer_and_the_rest_of_the_truth(share, tmp_path, fabric):
    teacher(tmp_path / "t.safetensors", 0)
    teachers = Teachers(TeachersPlan(weights=(str(tmp_path / "t.safetensors"),), share=share), 2, fabric)
    low, high = levels(3, 6, 9), levels(3, 12, 18)
    answer = teachers.predict(low[None] / 255)[0] * 255
    expected = share * answer + (1 - share) * high
    torch.testing.assert_close(teachers.target(low, high).float(), expected, atol=0.3, rtol=1e-3)


def test_crops_are_cut_from_what_is_wished():
    crops = PairedCrops.shrinking(
        [levels(3, 16, 20)], scale=2, progress=lambda _: None, target=lambda low, high: -high.half()
    )
    true = PairedCrops.shrinking([levels(3, 16, 20)], scale=2, progress=lambda _: None)
    (low, wished), (same, high) = (c.draw(3, 8, torch.Generator().manual_seed(1)) for c in (crops, true))
    assert torch.equal(low, same)
    assert torch.equal(wished, -high.half())


def test_a_network_comes_to_answer_as_its_teacher_does(tmp_path):
    """The teacher darkens, and so does who learns from it, though no large picture is dark."""
    network = CompactResNet(**ARGUMENTS)
    network.conv_last.weight.data.zero_()
    network.conv_last.bias.data.fill_(-0.2)
    header = WeightsHeader(name="t", task="upscale", network="CompactResNet", arguments=ARGUMENTS, scale=2)
    write(tmp_path / "t.safetensors", network.state_dict(), header)
    for i in range(3):
        Image.new("RGB", (24, 24), (180, 180, 180)).save(tmp_path / f"{i}.png")
    table = {
        "name": "learner",
        "step": "super_resolution",
        "steps": 100,
        "batch": 2,
        "crop": 16,
        "ema": 0.5,
        "network": {"name": "CompactResNet", "arguments": ARGUMENTS},
        "data": {"parts": ["."]},
        "optimizer": {"lr": 5e-3},
        "losses": {"l1": 1.0},
        "validation": {"every": 100, "crop": 24},
        "teachers": {"weights": [str(tmp_path / "t.safetensors")]},
    }
    learnt = weights.load(train(parse_recipe(table), tmp_path, tmp_path / "run"))
    low = torch.full((1, 3, 8, 8), 180 / 255)
    with torch.no_grad():
        made = learnt.network(low).mean() - enlarge_bicubic(low, 2).mean()
    assert made == pytest.approx(-0.2, abs=0.02)
    assert learnt.header.recipe["teachers"]["weights"] == ["t.safetensors"]


def test_a_teacher_of_another_scale_is_named(fabric):
    with pytest.raises(RecipeError, match=r"teachers.weights: 'compact-x4' does not enlarge by 2"):
        Teachers(TeachersPlan(weights=("compact-x4",)), 2, fabric)
    with pytest.raises(RecipeError, match=r"teachers.weights: 'texture' does not enlarge by 4"):
        Teachers(TeachersPlan(weights=("texture",)), 4, fabric)
