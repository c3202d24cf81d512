import pytest
import torch

from daguerre.errors import RecipeError
from daguerre.training.build import build_network, check_losses, image_losses, initial_network
from daguerre.training.recipe import parse_recipe


def test_a_network_that_is_not_there_or_refuses_its_arguments_is_an_error():
    with pytest.raises(RecipeError, match="did you mean 'CompactResNet'"):
        build_network(parse_recipe(changed("network.name", "CompactResnet")).network)
    with pytest.raises(RecipeError, match=r"cannot build CompactResNet with \{'width': 3\}"):
        build_network(parse_recipe(changed("network.arguments", {"width": 3})).network)
