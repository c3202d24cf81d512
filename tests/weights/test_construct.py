from pathlib import Path

import pytest
import torch
from torch import nn

from daguerre.errors import UnknownArchitecture, WeightsDamaged
from daguerre.networks.srvgg import SRVGGNetCompact
from daguerre.weights.checkpoint import WeightsHeader
from daguerre.weights.construct import check_fits, construct, load_strictly
from daguerre.weights.registry import NETWORKS, build

TINY = {"scale": 2, "features": 4, "convs": 1}


def header(network="SRVGGNetCompact", *, enlarges=2, **arguments):
    return WeightsHeader(name="x", task="upscale", network=network, scale=enlarges, arguments=TINY | arguments)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_fits_its_own_weights(name):
    network = build(name, {})
    about = WeightsHeader(name="x", task="any", network=name, scale=getattr(network, "scale", 1))
    check_fits(about, network.state_dict(), Path("x"))


def test_a_network_gets_its_weights_and_is_ready_to_run():
    state = SRVGGNetCompact(**TINY).state_dict()
    network = construct(header(), state, Path("x"))
    assert not network.training
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"convs": 60_000}, "cannot be built as it asks .of more parameters than the weights are"),
        ({"convs": 10**7}, "no SRVGGNetCompact has these arguments: .*convs"),
        ({"features": 60_000}, "'body.0.weight' is 4 x 3 x 3 x 3, but SRVGGNetCompact needs 60000 x 3"),
        ({"features": 10**30}, "no SRVGGNetCompact has these arguments: .*features"),
        ({"features": -4}, "no SRVGGNetCompact has these arguments"),
        ({"features": float("nan")}, "no SRVGGNetCompact has these arguments"),
        ({"features": "four"}, "cannot be built as it asks"),
        ({"features": [[[4]]]}, "no SRVGGNetCompact has these arguments"),
        ({"features": {"of": 4}}, "no SRVGGNetCompact has these arguments"),
        ({"scale": 0}, "'body.4.weight' is 12 x 4 x 3 x 3"),
        ({"scale": 3}, "'body.4.weight' is 12 x 4 x 3 x 3, but SRVGGNetCompact needs 27"),
        ({"scale": "four"}, "cannot be built as it asks"),
        ({"colour": "blue"}, "cannot be built as it asks"),
    ],
)
def test_a_header_that_asks_for_another_network_is_refused_before_it_is_built(arguments, message, monkeypatch):
    state = SRVGGNetCompact(**TINY).state_dict()
    monkeypatch.setattr("daguerre.weights.construct.load_strictly", lambda *_: pytest.fail("it was built"))
    with pytest.raises(WeightsDamaged, match=message):
        construct(header(**arguments), state, Path("x"))


def test_a_header_that_states_another_scale_than_its_network_has_is_refused():
    with pytest.raises(WeightsDamaged, match="says that it enlarges 4 times, but its network 2 times"):
        construct(header(enlarges=4), SRVGGNetCompact(**TINY).state_dict(), Path("x"))


def test_a_network_that_is_not_here_is_refused():
    with pytest.raises(UnknownArchitecture, match=r"'os\.system'"):
        construct(header("os.system"), {}, Path("x"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("0.bias"), "has no '0.bias', which Sequential needs"),
        (lambda s: s.update({"0.weight": torch.zeros(2, 5)}), "'0.weight' is 2 x 5, but Sequential needs 2 x 3"),
        (lambda s: s.update({"9.bias": torch.zeros(1)}), "has '9.bias', for which Sequential has no place"),
    ],
)
def test_strict_loading_names_the_first_weight_that_does_not_fit(change, message):
    network = nn.Sequential(nn.Linear(3, 2))
    weights = dict(network.state_dict())
    change(weights)
    with pytest.raises(WeightsDamaged, match=message):
        load_strictly(network, weights, Path("x.pth"))
