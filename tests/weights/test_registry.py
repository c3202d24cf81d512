import importlib

import pytest
from torch import nn

from daguerre.errors import UnknownArchitecture
from daguerre.weights.registry import NETWORKS, build, task_of


@pytest.mark.parametrize("name", NETWORKS)
def test_every_registered_network_is_where_the_registry_says(name):
    module = importlib.import_module(f"daguerre.networks.{NETWORKS[name][0]}")
    assert issubclass(getattr(module, name), nn.Module)


def test_a_network_is_built_with_its_arguments():
    assert build("SRVGGNetCompact", {"scale": 2, "convs": 1}).scale == 2
    assert task_of("SRVGGNetCompact") == "upscale"


def test_an_unknown_network_is_named_with_the_nearest_known():
    with pytest.raises(UnknownArchitecture, match=r"'RRDBnet' here; did you mean 'RRDBNet'\?"):
        build("RRDBnet", {})
