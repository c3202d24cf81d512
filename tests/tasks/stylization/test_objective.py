import pytest
import torch
from tasks.stylization.small_vgg import CONTENT_LAYER, STYLE_LAYERS, picture, small_extractor

from daguerre.tasks.stylization.objective import BestIterate, Losses, Objective, Target, relative, total_variation
from daguerre.tasks.stylization.vgg_statistics import gather


def objective(extractor, size, *, statistics="gram", regions=(None,), weights=(1.0, 2.0, 3.0)):
    described = [
        {
            layer: sums.descriptor(statistics)
            for layer, sums in gather(extractor, picture(130, 150, seed), [None])[0].items()
        }
        for seed in range(7, 7 + len(regions))
    ]
    wanted = [Target(descriptors=own, region=region, share=0.7) for own, region in zip(described, regions, strict=True)]
    return Objective(
        extractor,
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
    extractor = small_extractor(pooling=pooling)
    left = torch.linspace(1.5, -0.5, size[1]).clamp(0, 1).expand(1, 1, *size)
    regions = (left, 1 - left) if masked else (None,)
    found = []
    for allowed in (2**30, 0):
        extractor.allowed = allowed
        goal = objective(extractor, size, statistics=statistics, regions=regions)
        found.append((len(extractor.tiles(*size)), *goal(picture(*size))))
    (one, losses, whole), (many, losses_by_window, by_window) = found
    assert (one, many) == (1, 6 * 8)
    assert (by_window - whole).norm() < 1e-4 * whole.norm()
    assert (by_window - whole).abs().max() < 3e-4 * whole.abs().max()  # float32: a processor may sum in another order
    assert losses_by_window.total == pytest.approx(losses.total, rel=1e-4)


def test_the_gradient_is_that_of_the_losses_written_out():
    extractor = small_extractor()
    content, image = picture(48, 67, seed=1), picture(48, 67).requires_grad_()
    goal = objective(extractor, (48, 67))
    seen, wanted = (extractor.network(x, extractor.layers) for x in (image, content))
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
    extractor = small_extractor()
    goal = objective(extractor, (171, 239))
    _, whole = goal(picture(171, 239))
    plain, tried = extractor.extract, []

    def look(image, view):
        tried.append(image.shape[-2] * image.shape[-1])
        if tried[-1] > 30_000:
            raise torch.OutOfMemoryError("no memory")
        return plain(image, view)

    extractor.extract = look
    extractor.allowed = int(1.1 * 171 * 239 * extractor.bytes_per_pixel)
    _, smaller = goal(picture(171, 239))
    assert max(tried) > 30_000 > tried[-1]
    torch.testing.assert_close(smaller, whole, rtol=1e-3, atol=1e-4 * whole.abs().max().item())


def test_distances_by_hand():
    ours, theirs = (torch.tensor([[3.0]]),), (torch.tensor([[2.0]]),)
    assert relative(ours, theirs).item() == pytest.approx(0.25)
    assert relative((torch.tensor([3.0, 4.0]),), (torch.tensor([3.0, 1.0]),)).item() == pytest.approx(0.9)
    strong, faint = torch.diag(torch.tensor([100.0, 1.0])), torch.diag(torch.tensor([100.0, 0.0]))
    plain = 1 / (100**2 + 1)
    assert relative((faint,), (strong,)).item() > 300 * plain


def test_total_variation_by_hand():
    stripes = torch.tensor([0.0, 1.0, 0.0, 1.0]).expand(1, 3, 5, 4)
    assert total_variation(stripes)[0] == 1
    image = picture(5, 7).requires_grad_()
    loss, gradient = total_variation(image.detach())
    (image.diff(dim=2).square().mean() + image.diff(dim=3).square().mean()).backward()
    torch.testing.assert_close(gradient, image.grad)
    assert total_variation(torch.rand(1, 3, 1, 1))[0] == 0
    assert loss > 0


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
