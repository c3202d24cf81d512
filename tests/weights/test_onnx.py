import numpy as np
import pytest
import torch
from magenta import named_as_by_magenta
from onnx_files import node, number, piece, tensor, varint
from torch import nn

from daguerre.errors import UnknownArchitecture, WeightsDamaged, WeightsError
from daguerre.networks.rrdbnet import RRDBNet
from daguerre.networks.srvgg import SRVGGNetCompact
from daguerre.networks.style_transformer import StyleTransformer
from daguerre.weights.model import load_file


def save(path, nodes, tensors):
    graph = b"".join(piece(1, one) for one in nodes) + b"".join(piece(5, one) for one in tensors)
    path.write_bytes(number(1, 8) + piece(7, graph) + piece(8, number(2, 11)))
    return path


def floats(name, value):
    return tensor(name, value.detach().numpy())


def write_srvgg(path, network, *, named="onnx::Conv_{}"):
    """As PyTorch exports it, with the names of weights forgotten."""
    nodes, tensors, x = [], [], "image"
    for place, layer in enumerate(network.body):
        weight, bias, y = named.format(2 * place), named.format(2 * place + 1), f"x{place}"
        if isinstance(layer, nn.Conv2d):
            tensors += [floats(weight, layer.weight), floats(bias, layer.bias)]
            nodes.append(node("Conv", [x, weight, bias], y))
        else:
            tensors.append(floats(weight, layer.weight[:, None, None]))
            nodes.append(node("PRelu", [x, weight], y))
        x = y
    nodes += [node("DepthToSpace", [x], "shuffled"), node("Resize", ["image", "", "scales"], "enlarged")]
    return save(path, [*nodes, node("Add", ["shuffled", "enlarged"], "output")], tensors)


def leaky(x, y, alpha=0.2):
    attribute = piece(1, "alpha") + varint(2 << 3 | 5) + np.float32(alpha).tobytes() + number(20, 1)
    return node("LeakyRelu", [x], y) + piece(5, attribute)


def write_rrdbnet(path, network, *, alpha=0.2):
    """Only as much of the graph as tells what it is: its layers in their order."""
    nodes, tensors = [], [tensor("small", np.float32([0.2]))]
    convolutions = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)]
    for place, (name, layer) in enumerate(convolutions):
        if name.startswith("conv_up"):
            nodes.append(node("Resize", [f"x{place - 1}", "", "scales"], f"up{place}"))
        if "rdb" in name and not name.endswith("conv1"):
            nodes.append(node("Concat", [f"x{place - 1}"], f"c{place}"))
        tensors += [floats(f"w{place}", layer.weight), floats(f"b{place}", layer.bias)]
        nodes.append(node("Conv", [f"x{place - 1}", f"w{place}", f"b{place}"], f"x{place}"))
        if ("rdb" in name and not name.endswith("conv5")) or name.startswith(("conv_up", "conv_hr")):
            nodes.append(leaky(f"x{place}", f"a{place}", alpha))
        elif name.endswith("conv5"):
            nodes.append(node("Mul", [f"x{place}", "small"], f"m{place}"))
    return save(path, nodes, tensors)


def same(path, network):
    image = torch.rand(1, 3, 8, 8)
    with torch.inference_mode():
        return torch.equal(load_file(path).network(image), network.eval()(image))


@pytest.fixture
def compact():
    torch.manual_seed(0)
    return SRVGGNetCompact(scale=2, features=4, convs=2)


def test_a_compact_network_computes_what_was_written(tmp_path, compact):
    path = write_srvgg(tmp_path / "tiny.onnx", compact)
    assert load_file(path).header.arguments == {"scale": 2, "features": 4, "convs": 2}
    assert same(path, compact)


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_an_rrdbnet_computes_what_was_written(tmp_path, scale):
    torch.manual_seed(0)
    network = RRDBNet(scale=scale, features=4, blocks=2, growth=3)
    path = write_rrdbnet(tmp_path / "tiny.onnx", network)
    assert load_file(path).header.scale == scale
    assert same(path, network)


def test_a_relative_of_rrdbnet_is_not_taken_for_it(tmp_path):
    path = write_rrdbnet(tmp_path / "tiny.onnx", RRDBNet(features=4, blocks=1, growth=3), alpha=0.1)
    with pytest.raises(UnknownArchitecture, match="only RRDBNet"):
        load_file(path)


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (1, lambda a: piece(4, a.astype("<f4").tobytes())),
        (1, lambda a: b"".join(varint(4 << 3 | 5) + one.tobytes() for one in a.astype("<f4").flat)),
        (10, lambda a: piece(9, a.astype("<f2").tobytes())),
        (11, lambda a: piece(10, a.astype("<f8").tobytes())),
        (16, lambda a: piece(9, (a.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes())),
    ],
    ids=["packed", "one by one", "half", "double", "bfloat16"],
)
def test_numbers_are_read_however_they_are_written(tmp_path, compact, kind, written):
    for parameter in compact.parameters():
        parameter.data = parameter.data.bfloat16().half().float()
    path = tmp_path / "tiny.onnx"

    def other(name, values):
        shape = piece(1, b"".join(varint(length) for length in values.shape))
        return shape + number(2, kind) + piece(8, name) + written(values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(__name__ + ".tensor", other)
        write_srvgg(path, compact)
    assert same(path, compact)


def test_weights_in_a_file_beside_are_read_and_in_no_other(tmp_path, compact, monkeypatch):
    data = bytearray()
    place = "tiny.onnx.data"

    def outside(name, values):
        raw = values.astype("<f4").tobytes()
        entries = {"location": place, "offset": str(len(data)), "length": str(len(raw))}
        data.extend(raw)
        shape = b"".join(number(1, length) for length in values.shape)
        said = b"".join(piece(13, piece(1, key) + piece(2, value)) for key, value in entries.items())
        return shape + number(2, 1) + piece(8, name) + said + number(14, 1)

    monkeypatch.setattr(__name__ + ".tensor", outside)
    path = write_srvgg(tmp_path / "tiny.onnx", compact)
    (tmp_path / place).write_bytes(data)
    assert same(path, compact)
    (tmp_path / place).write_bytes(data[:-1])
    with pytest.raises(WeightsDamaged, match=r"'tiny\.onnx\.data' ends too early"):
        load_file(path)
    place = "../tiny.onnx.data"
    (tmp_path / place).resolve().write_bytes(data)
    write_srvgg(tmp_path / "tiny.onnx", compact)
    with pytest.raises(WeightsDamaged, match="which is not beside it"):
        load_file(path)


def write_magenta(path, network, *, eight_bits=False):
    """As TensorFlow's converter writes it: batch normalisation as biases, other names kept."""
    variables = named_as_by_magenta(network)
    nodes, tensors = [], []

    def add(scope, kind, weight, bias=None):
        name = f"{scope}{kind}"
        weight = weight.permute(3, 2, 0, 1).contiguous()
        source = name
        if eight_bits:
            scale = weight.abs().amax((1, 2, 3)) / 127
            whole = (weight / scale[:, None, None, None]).round()
            shape = b"".join(number(1, length) for length in whole.shape)
            raw = whole.to(torch.int8).numpy().tobytes()
            tensors.append(shape + number(2, 3) + piece(8, name) + piece(9, raw))
            tensors.append(floats(f"scale of {name}", scale))
            axis = piece(5, piece(1, "axis") + number(3, 0) + number(20, 2))
            source = f"{name}_dequant"
            nodes.append(node("DequantizeLinear", [name, f"scale of {name}"], source) + axis)
        else:
            tensors.append(floats(name, weight))
        inputs = ["x", source]
        if bias is not None:
            tensors.append(floats(f"{scope}bias", bias))
            inputs.append(f"{scope}bias")
        nodes.append(node("Conv", inputs, f"{scope}y"))

    for name, value in variables.items():
        scope, _, kind = name.rpartition("/")
        if "StyleNorm" in name and kind == "weights":
            add(f"{scope}/", kind, value, variables[f"{scope}/biases"])
        elif "contract" in name and kind == "weights":
            norm = {k: variables[f"{scope}/BatchNorm/{k}"] for k in ("gamma", "beta", "moving_mean", "moving_variance")}
            gain = norm["gamma"] / (norm["moving_variance"] + 1e-3).sqrt()
            add(f"{scope}/", kind, value * gain, norm["beta"] - norm["moving_mean"] * gain)
        elif kind == "weights":
            add(f"{scope}/", kind, value)
    return save(path, nodes, tensors)


@pytest.mark.parametrize(("eight_bits", "error"), [(False, 1e-5), (True, 0.1)])
def test_magentas_transformer_computes_what_was_written(tmp_path, eight_bits, error):
    torch.manual_seed(0)
    network = StyleTransformer(style=5, features=4, blocks=2).eval()
    for place in (1, 4, 7):
        nn.init.uniform_(network.contract[place].running_mean)
        nn.init.uniform_(network.contract[place].running_var, 0.5, 2)
        nn.init.uniform_(network.contract[place].weight, 0.5, 2)
    loaded = load_file(write_magenta(tmp_path / "tiny.onnx", network, eight_bits=eight_bits))
    assert (loaded.header.network, loaded.header.arguments["style"]) == ("StyleTransformer", 5)
    image, style = torch.rand(1, 3, 16, 16), torch.randn(1, 5)
    with torch.inference_mode():
        difference = (loaded.network(image, style) - network(image, style)).abs().mean()
    assert difference < error


def test_a_network_that_is_not_here_is_called_by_its_name(tmp_path):
    name = "layers.0.residual_group.blocks.0.attn.relative_position_bias_table"
    path = save(tmp_path / "a.onnx", [node("MatMul", ["x", name], "y")], [floats(name, torch.ones(3, 3))])
    with pytest.raises(UnknownArchitecture, match="SwinIR"):
        load_file(path)
    path = save(tmp_path / "a.onnx", [node("MatMul", ["x", "w"], "y")], [floats("w", torch.ones(3, 3))])
    with pytest.raises(UnknownArchitecture, match=r"0 convolutions among MatMul.* get it as \.pth"):
        load_file(path)


def test_every_truncation_and_many_alterations_are_one_line(tmp_path, compact):
    path = write_srvgg(tmp_path / "tiny.onnx", SRVGGNetCompact(scale=1, features=1, convs=1))
    data = path.read_bytes()
    generator = np.random.default_rng(0)
    others = [data[:length] for length in range(1, len(data), 7)]
    for place in generator.integers(0, len(data), 300):
        others.append(data[:place] + bytes([generator.integers(256)]) + data[place + 1 :])
    lines = []
    for other in others:
        path.write_bytes(other)
        try:
            load_file(path)
        except WeightsError as error:
            lines.append(str(error))
    assert lines
    assert not any("\n" in line for line in lines)
