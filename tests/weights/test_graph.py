import pytest
import torch

from daguerre.errors import UnknownArchitecture
from daguerre.networks.rrdbnet import RRDBNet
from daguerre.networks.srvgg import SRVGGNetCompact
from daguerre.networks.yunet import YuNet, published_names
from daguerre.weights.graph import SLOPE, Layer, named


def convolution(network, name, *, bias=True):
    state = network.state_dict()
    return Layer("convolution", (state[f"{name}.weight"], state[f"{name}.bias"])[: 1 + bias])


def compact(network):
    """The layers of an SRVGGNetCompact with one hidden convolution, in the order in which they run."""
    slopes = [Layer("prelu", (network.state_dict()[f"body.{place}.weight"],)) for place in (1, 3)]
    first, hidden, last = (convolution(network, f"body.{place}") for place in (0, 2, 4))
    return [first, slopes[0], hidden, slopes[1], last, Layer("shuffle"), Layer("enlarge"), Layer("add")]


def esrgan(network, *, slope=SLOPE, bias=True):
    """The layers of an RRDBNet with one block for 4x, in the order in which they run."""
    leaky, residual = Layer("leaky", number=slope), Layer("multiply", number=SLOPE)
    made = [convolution(network, "conv_first", bias=bias)]
    for dense in (1, 2, 3):
        for conv in range(1, 6):
            made.append(convolution(network, f"body.0.rdb{dense}.conv{conv}", bias=bias))
            made += [leaky, Layer("concat")] if conv < 5 else [residual]
    made += [residual, convolution(network, "conv_body", bias=bias)]
    for number in (1, 2):
        made += [Layer("enlarge"), convolution(network, f"conv_up{number}", bias=bias), leaky]
    return [*made, convolution(network, "conv_hr", bias=bias), leaky, convolution(network, "conv_last", bias=bias)]


def same(state, network):
    wanted = network.state_dict()
    return state.keys() == wanted.keys() and all(torch.equal(state[name], wanted[name]) for name in wanted)


def test_a_compact_network_is_known_by_its_layers():
    network = SRVGGNetCompact(scale=2, features=4, convs=1)
    assert same(named(compact(network), "a.onnx"), network)


def test_an_rrdbnet_is_known_by_its_layers():
    network = RRDBNet(features=4, blocks=1, growth=2)
    assert same(named(esrgan(network), "a.onnx"), network)


def test_a_yunet_is_known_by_its_layers():
    network = YuNet()
    layers = [convolution(network, name) for name in published_names()]
    pools = [Layer("MaxPool")] * 4
    assert same(named([*layers[:3], *pools, *layers[3:], Layer("Sigmoid")], "x"), network)
    with pytest.raises(UnknownArchitecture):
        named([*layers, Layer("Sigmoid")], "x")


def test_biases_that_an_exporter_dropped_are_zeros():
    network = RRDBNet(features=4, blocks=1, growth=2)
    state = named(esrgan(network, bias=False), "a.onnx")
    assert state.keys() == network.state_dict().keys()
    assert not any(state[name].any() for name in state if name.endswith(".bias"))
    assert state["conv_last.bias"].shape == (3,)


@pytest.mark.parametrize("slope", [0.01, 0.2002])
def test_a_relative_with_other_slopes_is_not_taken_for_it(slope):
    with pytest.raises(UnknownArchitecture, match="only RRDBNet"):
        named(esrgan(RRDBNet(features=4, blocks=1, growth=2), slope=slope), "a.onnx")


def test_other_networks_are_refused_by_what_is_in_them():
    message = r"a\.onnx: .* not this one of 1 convolutions among convolution, softmax; get it as \.pth"
    with pytest.raises(UnknownArchitecture, match=message):
        named([Layer("convolution", (torch.zeros(1, 1, 3, 3),)), Layer("softmax"), Layer("softmax")], "a.onnx")
