import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from magenta import named_as_by_magenta

from daguerre.networks.style_transformer import AnyStyle, StyleTransformer, magenta_state
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


def test_the_residual_blocks_may_be_wider_or_narrower():
    network = small(deep=6)
    assert network.residual[0].conv1.conv.weight.shape == (6, 6, 3, 3)
    assert network(torch.rand(1, 3, 16, 16), torch.randn(1, 5)).shape == (1, 3, 16, 16)
    assert numbers(small(deep=16)) == numbers(small())  # four times the features by default


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


def tiny(**changes):
    """Transformer and predictor, as small as can be."""
    torch.manual_seed(0)
    return AnyStyle(**{"style": 5, "features": 4, "blocks": 1, "width": 1 / 16, "hidden": 4} | changes)


def test_every_parameter_but_the_eyes_has_a_gradient():
    network = tiny()
    styles = torch.rand(2, 3, 32, 32)
    statistics = network.predictor.describe(styles, network.predictor.eye(styles, network.predictor.layers))
    shares = torch.tensor([[0.3, 0.7], [1.0, 0.0]])
    painted = network(torch.rand(2, 3, 32, 32), torch.stack([statistics, statistics.roll(1, 0)], 1), shares)
    painted.square().sum().backward()
    assert painted.shape == (2, 3, 32, 32)
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without
    assert all(name.startswith("predictor.eye.") for name in without)


def test_a_mixture_is_painted_by_the_mean_of_vectors():
    network = tiny().eval()
    image, statistics = torch.rand(1, 3, 16, 16), torch.randn(1, 2, network.predictor.statistics)
    with torch.no_grad():
        first, second = network.predictor.vector(statistics[0])
        painted = network(image, statistics, torch.tensor([[0.25, 0.75]])).sigmoid()
        expected = network.transformer(image, (0.25 * first + 0.75 * second)[None])
    torch.testing.assert_close(painted, expected, rtol=0, atol=1e-6)


def test_the_predictor_takes_any_size_and_hardly_minds_where_things_are():
    predictor = tiny().predictor
    picture = torch.rand(1, 3, 64, 64)
    assert predictor(picture[..., :33, :47]).shape == (1, 5)
    with torch.no_grad():
        moved = predictor(picture.roll((24, 16), (2, 3))) - predictor(picture)
        other = predictor(picture.square()) - predictor(picture)
    assert moved.norm() < other.norm() / 3


def test_what_is_not_visible_does_not_count():
    predictor = tiny().predictor
    picture, visible = torch.rand(1, 3, 32, 64), torch.zeros(1, 1, 32, 64)
    visible[..., :32] = 1
    picture[..., 32:] = 0
    with torch.no_grad():
        seen = predictor.describe(picture, predictor.eye(picture, predictor.layers), visible)
        half = predictor.describe(picture[..., :32], predictor.eye(picture[..., :32], predictor.layers))
        whole = predictor.describe(picture, predictor.eye(picture, predictor.layers))
        alike = predictor.describe(picture, predictor.eye(picture, predictor.layers), torch.full_like(visible, 0.5))
    torch.testing.assert_close(alike, whole, rtol=0, atol=1e-4)
    torch.testing.assert_close(seen[:, :9], half[:, :9], rtol=0, atol=1e-4)  # of colours: no neighbours look in
    assert (seen - half).abs().mean() < 0.5 * (whole - half).abs().mean()


def test_statistics_by_hand():
    black, white = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    image = torch.cat([black, white], 3)
    predictor = tiny().predictor
    image = torch.nn.functional.interpolate(image, (32, 64))
    mean, deviation, together = predictor.describe(image, predictor.eye(image, predictor.layers))[0, :9].split(3)
    assert mean.abs().max() < 1e-5  # logits of 0.02 and 0.98 cancel
    torch.testing.assert_close(deviation, torch.full((3,), math.log(math.log(49))), rtol=0, atol=1e-4)
    torch.testing.assert_close(together, torch.ones(3), rtol=0, atol=1e-4)


def test_the_halo_of_the_published_transformer_is_55_pixels():
    # In pixels: 4 + 1 + 2 of the contraction, ten 3x3 at a quarter (40), 2 + 1 of the expansion, 4; and the grid.
    assert StyleTransformer(features=1).halo == 55
