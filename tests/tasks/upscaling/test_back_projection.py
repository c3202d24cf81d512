import math

import pytest
import torch
from models import model_of
from torch import nn
from torch.nn import functional as F

from daguerre.images.resample import resize_bicubic
from daguerre.networks.compact_resnet import CompactResNet
from daguerre.tasks.upscaling.back_projection import Enlargement, inverse_kernel
from daguerre.tiling import Window, plan_windows
from daguerre.weights.registry import build


class Unshuffled(nn.Module):
    """A x2 network that takes even sizes only, as RRDBNet's x2 does."""

    scale, halo, multiple = 2, 2, 2

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(12, 48, 3, padding=1)

    def forward(self, image):
        return F.pixel_shuffle(self.conv(F.pixel_unshuffle(image, 2)), 4)


def network_of(kind):
    torch.manual_seed(0)
    if kind == "unshuffled":
        network = Unshuffled()
    else:
        network = CompactResNet(scale=kind, features=8, blocks=2)
        network.conv_last.weight.data *= 30  # make the halo count
    return network


def enlarged(enlargement, low, side):
    """The result made window by window from the input pixels each window asks for."""
    out_size = tuple(axis.out_size for axis in enlargement.axes)
    result = torch.full((1, 3, *out_size), math.nan)
    for window in plan_windows(*out_size, side):
        source = enlargement.source(window)
        result[(..., *window.slices)] = enlargement(window, low[(..., *source.slices)])
    return result


@pytest.mark.parametrize("project", [True, False])
@pytest.mark.parametrize(
    ("kind", "size", "out_size"),
    [
        (4, (31, 47), (124, 188)),
        (4, (31, 47), (78, 118)),
        (4, (31, 47), (31, 47)),
        (2, (33, 21), (59, 38)),
        (4, (1, 1), (4, 4)),
        (4, (1, 9), (3, 27)),
        ("unshuffled", (31, 27), (62, 54)),
        ("unshuffled", (7, 1), (12, 2)),
    ],
)
def test_tiled_equals_whole(kind, size, out_size, project):
    low = torch.rand(1, 3, *size)
    enlargement = Enlargement(model_of(network_of(kind)), size=size, out_size=out_size, project=project)
    whole = enlarged(enlargement, low, max(out_size))
    for side in (13, 32):
        assert (enlarged(enlargement, low, side) - whole).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("SRCNN", {"scale": 3, "features": 4, "mapped": 4}),
        ("SRCNN", {"scale": 2, "features": 4, "mapped": 4, "middle": 5, "channels": 3}),
        ("SRResNet", {"scale": 4, "features": 4, "blocks": 1}),
        ("MSRResNet", {"scale": 3, "features": 4, "blocks": 1}),
        ("RRDBNet", {"scale": 4, "features": 4, "blocks": 1, "growth": 2}),
        ("RRDBNet", {"scale": 2, "features": 4, "blocks": 1, "growth": 2}),
        ("SRVGGNetCompact", {"scale": 4, "features": 4, "convs": 2}),
    ],
)
@pytest.mark.parametrize("size", [(91, 23), (1, 1)])
def test_every_published_network_makes_the_same_tiled_and_whole(name, arguments, size):
    torch.manual_seed(0)
    network = build(name, arguments)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=1.2 / math.sqrt(layer.weight[0].numel()))
    out_size = tuple(network.scale * length for length in size)
    enlargement = Enlargement(model_of(network), size=size, out_size=out_size)
    low = torch.rand(1, 3, *size)
    whole = enlarged(enlargement, low, max(out_size))
    assert (enlarged(enlargement, low, 37) - whole).abs().max() < 1e-5


@pytest.mark.parametrize(("factor", "least"), [(4, 80), (2, 80), (1.5, 50), (1.37, 50), (3.3, 50)])
def test_the_result_shrunk_again_is_the_input(factor, least):
    size = (40, 52)
    low = 0.4 + 0.2 * torch.rand(1, 3, *size)  # away from black and white, where clipping must win
    out_size = tuple(round(factor * length) for length in size)
    network = network_of(4)

    def agreement(project):
        enlargement = Enlargement(model_of(network), size=size, out_size=out_size, project=project)
        result = enlargement(Window(0, 0, *out_size), low)
        return -10 * math.log10((resize_bicubic(result, *size) - low).square().mean())

    assert agreement(True) > least
    assert agreement(False) < 40, "the network alone should not agree, or this test shows nothing"


def test_the_inverse_filter_undoes_enlarging_and_shrinking():
    low = torch.rand(1, 1, 40, 40, dtype=torch.float64)
    kernel = inverse_kernel(4)
    blurred = resize_bicubic(resize_bicubic(low, 160, 160), 40, 40)
    window = torch.outer(kernel, kernel)[None, None]
    again = F.conv2d(blurred, window)
    assert (again - low[..., 8:-8, 8:-8]).abs().max() < 1e-3
    assert kernel.sum() == pytest.approx(1)


def test_nothing_is_invented_where_the_network_adds_nothing():
    size, out_size = (24, 24), (96, 96)
    low = 0.4 + 0.2 * torch.rand(1, 3, *size)
    network = network_of(4)
    enlargement = Enlargement(model_of(network), size=size, out_size=out_size)
    window = Window(0, 0, *out_size)
    result = enlargement(window, low)
    assert enlargement.invented(window, low, result).max() > 0.01
    network.conv_last.weight.data.zero_()
    network.conv_last.bias.data.zero_()
    # What remains is the difference between torch's bicubic (a = -0.75) and ours, projected.
    assert enlargement.invented(window, low, enlargement(window, low)).max() < 0.02


def test_alpha_is_enlarged_without_the_network():
    size, out_size = (9, 7), (36, 28)
    enlargement = Enlargement(model_of(network_of(4)), size=size, out_size=out_size)
    alpha = torch.ones(1, 1, *size)
    window = Window(3, 5, 20, 11)
    source = enlargement.source(window)
    assert enlargement.plain(window, alpha[(..., *source.slices)]).eq(1).all()


def test_the_ensemble_does_not_depend_on_how_the_picture_is_turned():
    model = model_of(network_of(4))
    image = torch.rand(1, 3, 12, 9)
    whole = model(image, ensemble=True)
    turned = model(torch.rot90(image, 1, (-2, -1)), ensemble=True)
    assert (torch.rot90(whole, 1, (-2, -1)) - turned).abs().max() < 1e-5
    assert (whole - model(image)).abs().max() > 1e-3
