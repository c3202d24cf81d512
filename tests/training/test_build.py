import pytest
import torch
from torch import nn

from daguerre.errors import RecipeError
from daguerre.networks.compact_resnet import CompactResNet
from daguerre.networks.srcnn import SRCNN
from daguerre.training.build import build_network, check_losses, image_losses, initial_network, make_gan_loss
from daguerre.training.losses import Hinge
from daguerre.training.recipe import DiscriminatorPlan, NetworkPlan, OptimizerPlan, Recipe, parse_recipe

NETWORK = {"name": "CompactResNet", "arguments": {"scale": 2, "features": 4, "blocks": 1}}


def recipe(**changes: object) -> Recipe:
    table = {
        "name": "small",
        "step": "super_resolution",
        "steps": 4,
        "network": NETWORK,
        "data": {"parts": ["photos"]},
        "optimizer": {"lr": 1e-3},
        "losses": {"l1": 2.0},
    }
    return parse_recipe(table | changes)


def test_a_network_that_is_not_there_or_refuses_its_arguments_is_an_error():
    with pytest.raises(RecipeError, match="did you mean 'CompactResNet'"):
        build_network(NetworkPlan(name="CompactResnet"))
    with pytest.raises(RecipeError, match=r"cannot build CompactResNet with \{'width': 3\}"):
        build_network(NetworkPlan(name="CompactResNet", arguments={"width": 3}))


def test_a_network_of_another_kind_is_refused():
    assert isinstance(initial_network(recipe(), CompactResNet), CompactResNet)
    with pytest.raises(RecipeError, match="this step trains SRCNN, not CompactResNet"):
        initial_network(recipe(), SRCNN)


def test_pretrained_weights_are_copied_but_for_those_that_the_recipe_skips():
    network = {"name": "CompactResNet", "arguments": {"scale": 4, "blocks": 16}}
    shipped = initial_network(recipe(network=network, init={"weights": "compact-x4"}), nn.Module).state_dict()
    again = initial_network(recipe(network=network, init={"weights": "compact-x4", "skip": ["conv_last."]}), nn.Module)
    for name, value in again.state_dict().items():
        assert torch.equal(value, shipped[name]) == (not name.startswith("conv_last.")), name
    with pytest.raises(RecipeError, match=r"in this network but .* in 'compact-x4'; name it in init.skip"):
        initial_network(recipe(init={"weights": "compact-x4"}), nn.Module)


def test_image_losses_are_weighted_and_summed():
    total, parts = image_losses(recipe())(torch.full((1, 3, 4, 4), 0.75), torch.full((1, 3, 4, 4), 0.5))
    assert (total.item(), parts["l1"].item()) == (0.5, 0.25)


def test_losses_that_are_not_known_are_named():
    with pytest.raises(RecipeError, match="no loss 'l_1' in this step; did you mean 'l1'"):
        check_losses({"l_1": 1.0}, {"l1", "edges"})
    with pytest.raises(RecipeError, match=r"\[losses\] is empty; known: edges, l1"):
        check_losses({}, {"l1", "edges"})


def test_the_adversarial_loss_is_the_one_named():
    plan = DiscriminatorPlan(network=NetworkPlan(name="x"), optimizer=OptimizerPlan(lr=1.0), loss="hinge")
    assert isinstance(make_gan_loss(plan), Hinge)
