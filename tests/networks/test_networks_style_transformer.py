import os
from pathlib import Path

import numpy as np
import pytest
import torch

from daguerre.networks.style_transformer import StylePredictor, StyleTransformer, magenta_state
from daguerre.tiling.rows import Rows, Streaming, streamed


def small(**arguments):
    torch.manual_seed(0)
    return StyleTransformer(**{"style": 5, "features": 4, "blocks": 2} | arguments).eval()


def numbers(network):
    return sum(value.numel() for name, value in network.state_dict().items() if "batches" not in name)


def test_it_computes_what_magentas_transformer_computes():
    folder = os.environ.get("DAGUERRE_PARITY")
    if not folder:
        pytest.skip("the fixture holds published weights: set DAGUERRE_PARITY to the folder that has it")
    with np.load(Path(folder) / "magenta_transformer_separable.npz") as file:
        arrays = {name.removeprefix("variable:"): torch.from_numpy(file[name]) for name in file.files}
    network = StyleTransformer(separable=True, padding="zeros").eval()
    network.load_state_dict(magenta_state(arrays))
    content, expected = (arrays[name].permute(0, 3, 1, 2) for name in ("content", "output"))
    with torch.inference_mode():
        result = network(content, arrays["style_vector"].reshape(1, -1))
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)


def test_it_has_the_published_number_of_numbers():
    # The variables of the separable port; the other by its layers: 3x3 convolutions of 128, 64 and 32 channels.
    assert numbers(StyleTransformer(separable=True)) == 569_406
    convolutions = 9 * 128 * 128 * 10 + 9 * (128 * 64 + 64 * 32) + 81 * 32 * 3
    separable = 10 * (9 * 128 + 128 * 128) + 9 * 128 + 128 * 64 + 9 * 64 + 64 * 32 + 81 * 32 + 32 * 3
    assert numbers(StyleTransformer()) == 569_406 - separable + convolutions


def named_as_by_magenta(network):
    """The state dict under Magenta's names and in TensorFlow's order of axes."""
    variables = {}
    norms = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    for name, value in network.state_dict().items():
        part, place, *rest = name.split(".")
        if part == "contract" and int(place) % 3 == 0:
            variables[f"transformer/contract/conv{int(place) // 3 + 1}/weights"] = value.permute(2, 3, 1, 0)
        elif part == "contract" and rest[0] in norms:
            variables[f"transformer/contract/conv{int(place) // 3 + 1}/BatchNorm/{norms[rest[0]]}"] = value
        elif part != "contract":
            unit = f"residual{int(place) + 1}/{rest.pop(0)}" if part == "residual" else f"conv{int(place) + 1}/conv"
            scope = f"transformer/{part}/{unit}"
            if rest[0] == "conv":
                variables[f"{scope}/weights"] = value.permute(2, 3, 1, 0)
            else:
                which = {"shift": "Conv", "scale": "Conv_1"}[rest[1]]
                leaf = {"weight": "weights", "bias": "biases"}[rest[2]]
                value = value.T[None, None] if leaf == "weights" else value
                variables[f"style_params/{scope}/StyleNorm/{which}/{leaf}"] = value
    return variables


def test_magentas_plain_transformer_loads_strictly_too():
    source, target = small(), StyleTransformer(style=5, features=4, blocks=2).eval()
    variables = named_as_by_magenta(source) | {"InceptionV3/Conv2d_1a_3x3/weights": torch.zeros(3, 3, 3, 32)}
    target.load_state_dict(magenta_state(variables))
    image, style = torch.rand(1, 3, 16, 16), torch.randn(1, 5)
    assert target(image, style).equal(source(image, style))


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (23, 18), (5, 40)])
@pytest.mark.parametrize("separable", [False, True])
def test_any_size_is_painted_at_its_size(size, separable):
    network = small(separable=separable, padding="replicate")
    result = network(torch.rand(2, 3, *size), torch.randn(2, 5))
    assert result.shape == (2, 3, *size)
    assert result.min() >= 0
    assert result.max() <= 1


def test_the_style_decides():
    network, image = small(), torch.rand(1, 3, 16, 16)
    first, second = torch.randn(2, 1, 5)
    with torch.no_grad():
        assert not network(image, first).allclose(network(image, second), atol=1e-3)
        both = network(image.expand(2, -1, -1, -1), torch.cat([first, second]))
        torch.testing.assert_close(both[1:], network(image, second), rtol=0, atol=1e-5)


@pytest.mark.parametrize("padding", ["zeros", "reflect", "replicate"])
@pytest.mark.parametrize("separable", [False, True])
def test_by_rows_a_picture_is_painted_as_it_is_whole(padding, separable):
    network = small(separable=separable, padding=padding)
    image, style = torch.rand(1, 3, 50, 31), torch.randn(1, 5)
    with torch.no_grad():
        whole = network(image, style)
    for elements in (1, 1000):
        rows = streamed(lambda image: network(image, style), Rows.of(image, Streaming(elements=elements, memory=0)))
        made = torch.cat([rows.read(top, bottom) for top, bottom in rows.strips()], 2)
        torch.testing.assert_close(made, whole, rtol=0, atol=1e-5)


def test_every_parameter_of_transformer_and_predictor_has_a_gradient():
    torch.manual_seed(0)
    transformer, predictor = small(separable=True), StylePredictor(style=5, features=4, levels=3)
    style = predictor(torch.rand(2, 3, 32, 32))
    transformer(torch.rand(2, 3, 32, 32), style).square().sum().backward()
    parameters = [*transformer.named_parameters(), *predictor.named_parameters()]
    assert [name for name, p in parameters if p.grad is None or not p.grad.any()] == []


def test_the_predictor_takes_any_size_and_hardly_minds_where_things_are():
    torch.manual_seed(0)
    predictor = StylePredictor(style=5, features=4, levels=3)
    picture = torch.rand(1, 3, 64, 64)
    assert predictor(picture[..., :33, :47]).shape == (1, 5)
    with torch.no_grad():
        moved = predictor(picture.roll((24, 16), (2, 3))) - predictor(picture)
        other = predictor(picture.square()) - predictor(picture)
    assert moved.norm() < other.norm() / 4


def test_the_halo_of_the_published_transformer_is_55_pixels():
    # In pixels: 4 + 1 + 2 of the contraction, ten 3x3 at a quarter (40), 2 + 1 of the expansion, 4; and the grid.
    assert StyleTransformer(features=1).halo == 55
