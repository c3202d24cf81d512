import itertools
import math

import pytest
import torch

from daguerre.devices import Device
from daguerre.errors import DeviceError
from daguerre.networks.vgg import VGG19
from daguerre.tasks.stylization.objective import BestIterate, Losses, Objective, Target, relative, total_variation
from daguerre.tasks.stylization.optimizers import (
    build_pyramid,
    collapse_pyramid,
    optimize_adam,
    optimize_lbfgs,
    pyramid_gradients,
)
from daguerre.tasks.stylization.vgg_statistics import FeatureExtractor, FeatureSums, blend, gather

AXES = torch.tensor([[1.0, 0.5, 0.2], [1.0, 0.0, -0.4], [1.0, -0.5, 0.2]])  # light, red to blue, magenta to green
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_LAYER = "relu3_2"


def eye(layers=(*STYLE_LAYERS, CONTENT_LAYER), **how):
    torch.manual_seed(0)
    return FeatureExtractor(VGG19(width=1 / 16), Device(torch.device("cpu"), torch.float32), layers, **how)


def picture(height, width, seed=0):
    """Blobs of several sizes: noise, whose features hardly vary, would hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    parts = [torch.rand(1, 3, height // s + 1, width // s + 1, generator=generator) for s in (1, 5, 23)]
    sizes = [torch.nn.functional.interpolate(part, (height, width), mode="bilinear") for part in parts]
    return torch.stack(sizes).mean(0)


def objective(eye, size, *, statistics="gram", regions=(None,), weights=(1.0, 2.0, 3.0)):
    described = [
        {layer: sums.descriptor(statistics) for layer, sums in gather(eye, picture(130, 150, seed), [None])[0].items()}
        for seed in range(7, 7 + len(regions))
    ]
    wanted = [Target(descriptors=own, region=region, share=0.7) for own, region in zip(described, regions, strict=True)]
    return Objective(
        eye,
        picture(*size, seed=1),
        wanted,
        content_layers={CONTENT_LAYER: 1.0},
        style_layers=dict.fromkeys(STYLE_LAYERS, 1.0) | {"relu2_1": 3.0},
        weights=weights,
        statistics=statistics,
    )


@pytest.mark.parametrize("statistics", ["gram", "moments"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("pooling", ["average", "smooth"])
def test_windows_give_the_gradient_of_the_whole_picture(statistics, masked, pooling):
    size = (171, 239)
    looking = eye(pooling=pooling)
    left = torch.linspace(1.5, -0.5, size[1]).clamp(0, 1).expand(1, 1, *size)
    regions = (left, 1 - left) if masked else (None,)
    found = []
    for allowed in (2**30, 0):
        looking.allowed = allowed
        goal = objective(looking, size, statistics=statistics, regions=regions)
        found.append((len(looking.tiles(*size)), *goal(picture(*size))))
    (one, losses, whole), (many, losses_by_window, by_window) = found
    assert (one, many) == (1, 6 * 8)
    assert (by_window - whole).norm() < 1e-4 * whole.norm()
    assert (by_window - whole).abs().max() < 3e-4 * whole.abs().max()  # float32: a processor may sum in another order
    assert losses_by_window.total == pytest.approx(losses.total, rel=1e-4)


def test_the_gradient_is_that_of_the_losses_written_out():
    looking = eye()
    content, image = picture(48, 67, seed=1), picture(48, 67).requires_grad_()
    goal = objective(looking, (48, 67))
    seen, wanted = (looking.network(x, looking.layers) for x in (image, content))
    content_loss = (seen[CONTENT_LAYER] - wanted[CONTENT_LAYER]).square().sum() / wanted[CONTENT_LAYER].square().sum()
    style_loss = torch.zeros(())
    for layer in STYLE_LAYERS:
        x = seen[layer][0].flatten(1)
        (gram,) = goal.wanted[0].descriptors[layer]
        power = gram.diagonal() + 0.05 * gram.diagonal().mean()
        norm = 1 / (power[:, None] * power).sqrt()
        part = ((x @ x.T / x.shape[1] - gram) * norm).square().sum() / (gram * norm).square().sum()
        style_loss = style_loss + 0.7 * (3 if layer == "relu2_1" else 1) / 6 * part
    variation = image.diff(dim=2).square().mean() + image.diff(dim=3).square().mean()
    total = content_loss + 2 * style_loss + 3 * variation
    total.backward()
    losses, gradient = goal(image.detach())
    assert losses.content == pytest.approx(content_loss.item(), rel=1e-4)
    assert losses.style == pytest.approx(style_loss.item(), rel=1e-4)
    assert losses.variation == pytest.approx(variation.item(), rel=1e-4)
    assert losses.total == pytest.approx(total.item(), rel=1e-4)
    torch.testing.assert_close(gradient, image.grad, rtol=1e-3, atol=1e-4 * image.grad.abs().max().item())


def test_a_window_without_memory_is_made_smaller():
    looking = eye()
    goal = objective(looking, (171, 239))
    _, whole = goal(picture(171, 239))
    plain, tried = looking.extract, []

    def look(image, view):
        tried.append(image.shape[-2] * image.shape[-1])
        if tried[-1] > 30_000:
            raise torch.OutOfMemoryError("no memory")
        return plain(image, view)

    looking.extract = look
    looking.allowed = int(1.1 * 171 * 239 * looking.bytes_per_pixel)
    _, smaller = goal(picture(171, 239))
    assert max(tried) > 30_000 > tried[-1]
    torch.testing.assert_close(smaller, whole, rtol=1e-3, atol=1e-4 * whole.abs().max().item())


def test_a_device_without_any_memory_is_reported():
    looking = eye()

    def look(image, view):
        raise torch.OutOfMemoryError("no memory")

    looking.extract = look
    with pytest.raises(DeviceError, match="no memory left to paint with"):
        gather(looking, picture(64, 64), [None])


def test_what_is_always_strong_has_its_variance_in_bfloat16():
    """Of the square of 20, bfloat16 keeps 400 or 402; the variance here is 1/64."""
    features = (20 + 0.125 * (torch.arange(400.0) % 3 - 1)).view(1, 1, 20, 20)
    features = torch.cat([features, features.flip(3)], 1)
    weights = torch.linspace(0, 1, 400).view(1, 1, 20, 20)
    for shown in (None, weights):
        exact, rounded = (
            FeatureSums.of(x, shown).descriptor("moments") for x in (features.double(), features.bfloat16())
        )
        torch.testing.assert_close(rounded[1].double(), exact[1].double(), rtol=0.02, atol=1e-4)


def test_sums_by_hand():
    features = torch.tensor([[1.0, 2.0], [3.0, 0.0]])[None, :, None]  # two features at two feature_slices
    sums = FeatureSums.of(features, None)
    assert (sums.weight.item(), sums.first.tolist()) == (2, [3, 3])
    assert sums.second.tolist() == [[5, 3], [3, 9]]
    assert [part.tolist() for part in sums.descriptor("gram")] == [[[2.5, 1.5], [1.5, 4.5]]]
    assert [part.tolist() for part in sums.descriptor("moments")] == [[1.5, 1.5], [[0.25, -0.75], [-0.75, 2.25]]]
    half = FeatureSums.of(features, torch.tensor([[[[0.5, 0.0]]]]))
    assert [part.tolist() for part in half.descriptor("gram")] == [[[1, 3], [3, 9]]]


def test_distances_and_mixtures_by_hand():
    ours, theirs = (torch.tensor([[3.0]]),), (torch.tensor([[2.0]]),)
    assert relative(ours, theirs).item() == pytest.approx(0.25)
    assert relative((torch.tensor([3.0, 4.0]),), (torch.tensor([3.0, 1.0]),)).item() == pytest.approx(0.9)
    strong, faint = torch.diag(torch.tensor([100.0, 1.0])), torch.diag(torch.tensor([100.0, 0.0]))
    plain = 1 / (100**2 + 1)
    assert relative((faint,), (strong,)).item() > 300 * plain
    mixed = blend([{"relu1_1": ours}, {"relu1_1": theirs}], [3, 1])
    assert mixed["relu1_1"][0].item() == 2.75


def test_total_variation_by_hand():
    stripes = torch.tensor([0.0, 1.0, 0.0, 1.0]).expand(1, 3, 5, 4)
    assert total_variation(stripes)[0] == 1
    image = picture(5, 7).requires_grad_()
    loss, gradient = total_variation(image.detach())
    (image.diff(dim=2).square().mean() + image.diff(dim=3).square().mean()).backward()
    torch.testing.assert_close(gradient, image.grad)
    assert total_variation(torch.rand(1, 3, 1, 1))[0] == 0
    assert loss > 0


def test_adam_reaches_the_minimum_and_stays_in_range():
    wanted = torch.tensor([0.25, 0.75, 1.5]).view(1, 3, 1, 1)

    def bowl(image):
        loss = (image - wanted).square().sum().item()
        return Losses(content=loss, style=0, variation=0, total=loss), 2 * (image - wanted)

    image = torch.full((1, 3, 1, 1), 0.5)
    totals = [losses.total for losses in optimize_adam(image, bowl, 300, rate=0.1, axes=AXES)]
    assert image.flatten().tolist() == pytest.approx([0.25, 0.75, 1.0], abs=1e-3)
    assert totals[0] == pytest.approx(0.0625 * 2 + 1)
    assert totals[-1] == pytest.approx(0.25, abs=1e-4)


def test_with_less_reach_wide_areas_move_less():
    def brighter(image):
        return Losses(content=0, style=0, variation=0, total=0), torch.full_like(image, -1.0)

    moved = []
    for reach in (1.0, 0.5, 0.0):
        image = torch.full((1, 3, 64, 64), 0.2)
        list(optimize_adam(image, brighter, 1, rate=0.001, axes=torch.eye(3), step_scale=reach))
        moved.append(image[0, 0].mean().item() - 0.2)
    assert moved[2] == pytest.approx(0.003, rel=0.01)  # by as much at each of three levels
    assert moved[1] == pytest.approx(0.001 * (1 + 1.7**0.5 + 1.7), rel=0.01)
    assert moved[0] == pytest.approx(0.001 * (1 + 1.7 + 1.7**2), rel=0.01)


def test_the_best_picture_is_kept_although_the_last_is_worse():
    def far(image):
        loss = (image - 0.5).abs().max().item()
        return Losses(content=loss, style=0, variation=0, total=loss), image

    best, image = BestIterate(far), torch.zeros(1, 3, 2, 2)
    for value in (0.9, 0.6, 1.0):
        best(image.fill_(value))
    losses, kept = best.best_with(image.fill_(0.2))
    assert losses.total == pytest.approx(0.1)
    assert kept.unique().item() == pytest.approx(0.6)
    assert best.best_with(image.fill_(0.5))[1].unique().item() == 0.5


def test_curvature_reaches_the_minimum_in_a_few_steps():
    wanted = picture(24, 24) * torch.tensor([1.0, 0.5, 0.9]).view(1, 3, 1, 1)
    stiff = torch.logspace(-0.5, 0.5, 24)

    def bowl(image):
        loss = (stiff * (image - wanted).square()).sum().item()
        return Losses(content=loss, style=0, variation=0, total=loss), 2 * stiff * (image - wanted)

    image = torch.full((1, 3, 24, 24), 0.5)
    totals = [losses.total for losses in optimize_lbfgs(image, bowl, 25, axes=AXES)]
    assert len(totals) == 25
    assert totals[-1] < 0.01 * totals[0]
    assert not image.requires_grad


@pytest.mark.parametrize("size", [(1, 1), (33, 47), (64, 17)])
def test_the_levels_of_a_pyramid_sum_to_the_picture(size):
    image = picture(*size)
    levels = build_pyramid(image, AXES)
    assert len(levels) == {1: 1, 33: 3, 64: 2}[size[0]]
    torch.testing.assert_close(collapse_pyramid(levels, AXES), image, rtol=0, atol=1e-6)


def test_the_slopes_of_a_pyramid_are_those_of_its_sum():
    levels = [level.double() for level in build_pyramid(picture(33, 47), AXES)]
    axes = AXES.double()
    weights = picture(33, 47, seed=3).double()
    slopes = pyramid_gradients(levels, weights.clone(), axes)
    for level, slope in zip(levels, slopes, strict=True):
        before = (collapse_pyramid(levels, axes) * weights).sum()
        level[0, 1, 2, 3] += 1
        assert ((collapse_pyramid(levels, axes) * weights).sum() - before).item() == pytest.approx(
            slope[0, 1, 2, 3].item()
        )
        level[0, 1, 2, 3] -= 1


def test_the_first_channel_of_a_level_is_light_and_the_others_are_contrasts():
    grey, red = torch.full((1, 3, 4, 4), 0.5), torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    assert build_pyramid(grey, AXES)[0][0, :, 0, 0].tolist() == pytest.approx([0.5, 0, 0], abs=1e-6)
    assert build_pyramid(red, AXES)[0][0, 1, 0, 0] > 0.5


def test_no_slope_leads_further_out_of_range():
    levels = build_pyramid(torch.tensor([-0.1, -0.1, 0.5, 1.1, 1.1]).expand(1, 3, 1, 5), AXES)
    (slope,) = pyramid_gradients(levels, torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0]).expand(1, 3, 1, 5), AXES)
    assert slope[0, 0, 0].tolist() == [0, -3, 3, 0, 3]  # of light, which moves all three colours


def test_averages_take_the_place_of_maxima():
    image = picture(32, 32)
    features = [
        eye(layers=["relu2_1"], pooling=pooling).network(image, ["relu2_1"]) for pooling in ("average", "smooth", "max")
    ]
    for one, other in itertools.combinations(features, 2):
        assert not torch.allclose(one["relu2_1"], other["relu2_1"], rtol=0.01)


def test_memory_for_a_window_grows_with_the_network():
    narrow, wide = (
        eye(),
        FeatureExtractor(VGG19(width=1 / 8), Device(torch.device("cpu"), torch.float32), [*STYLE_LAYERS]),
    )
    assert math.isclose(wide.bytes_per_pixel / narrow.bytes_per_pixel, 2, rel_tol=0.2)
