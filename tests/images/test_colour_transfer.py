import pytest
import torch

from daguerre.images.colour_transfer import axes_of, match_colours


def colours(seed, spread):
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(3, 3, generator=generator) @ torch.randn(3, 400, generator=generator)
    return (0.5 + spread * mixed / mixed.abs().max()).view(1, 3, 20, 20)


def test_mean_and_covariances_become_those_wanted():
    picture, wanted = colours(0, 0.4), colours(1, 0.2)
    made = match_colours(picture, wanted)(picture)
    a, b = (x[0].flatten(1).double() for x in (made, wanted))
    torch.testing.assert_close(a.mean(1), b.mean(1), rtol=0, atol=1e-5)
    torch.testing.assert_close(torch.cov(a), torch.cov(b), rtol=1e-3, atol=1e-6)


def test_lightness_is_shifted_and_stretched():
    picture = torch.tensor([0.2, 0.4]).expand(1, 3, 1, 2)
    made = match_colours(picture, torch.tensor([0.5, 0.9]).expand(1, 3, 1, 2))(picture)
    assert made.flatten().tolist() == pytest.approx([0.5, 0.9] * 3, abs=1e-5)


def test_a_grey_photograph_makes_a_grey_palette():
    grey = colours(0, 0.4).mean(1, keepdim=True).expand(-1, 3, -1, -1)
    made = match_colours(colours(1, 0.3), grey)(colours(1, 0.3))
    assert (made - made[:, :1]).abs().max() < 1e-4
    assert made.std() > 0.05


def test_values_stay_in_range():
    made = match_colours(colours(0, 0.1), colours(1, 0.5))(colours(2, 0.5))
    assert 0 <= made.min() < made.max() <= 1


def test_axes_follow_the_colours_by_hand():
    """Orange goes to blue by 0.3 each way, and light by 0.1: two axes, the third as short as any may be."""
    long, short = torch.tensor([0.3, 0.0, -0.3]), torch.tensor([0.1, 0.1, 0.1])
    corners = torch.stack([0.5 + a * long + b * short for a in (-1, 1) for b in (-1, 1)], dim=1).view(1, 3, 1, 4)
    axes = axes_of(corners)
    lengths = axes.norm(dim=0) / 3**0.5
    expected = [1.0, 0.5 * short.norm().item() / long.norm().item(), 0.5 * 0.05]
    assert lengths.tolist() == pytest.approx(expected, abs=1e-4)
    assert (axes[:, 0] / axes[0, 0]).tolist() == pytest.approx([1, 0, -1], abs=1e-4)
    assert axes_of(torch.full((1, 3, 2, 2), 0.5)).inverse().isfinite().all()
