import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from daguerre.evaluation.metrics import (
    affine_tone_match,
    consistency,
    luma,
    mask_scores,
    psnr,
    ssim,
    tone_matched_psnr,
)
from daguerre.images.resample import resize_bicubic


def pair(height: int = 37, width: int = 29) -> tuple[Tensor, Tensor]:
    """A smooth picture and a noisy copy, both of 8 bits."""
    noise = torch.Generator().manual_seed(0)
    smooth = resize_bicubic(torch.rand(2, 3, 5, 5, generator=noise), height, width).clamp(0, 1)
    noisy = (smooth + 0.1 * torch.randn(smooth.shape, generator=noise)).clamp(0, 1)
    return (smooth * 255).round() / 255, (noisy * 255).round() / 255


def test_luma_of_black_white_and_the_primaries_is_that_of_bt601():
    colours = torch.tensor([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)
    expected = torch.tensor([16, 235, 81.481, 144.553, 40.966], dtype=torch.float64)
    assert torch.allclose(luma(colours[:, :, None, None]).flatten(), expected)


def test_one_level_everywhere_is_48_decibels_in_rgb_and_more_on_the_narrower_luma():
    a = torch.full((1, 3, 4, 4), 100 / 255)
    b = torch.full((1, 3, 4, 4), 101 / 255)
    assert psnr(a, b, channel="rgb").item() == pytest.approx(20 * math.log10(255))
    assert psnr(a, b).item() == pytest.approx(20 * math.log10(255 * 255 / 219))


def test_black_against_white_is_0_decibels():
    assert psnr(torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4), channel="rgb").item() == pytest.approx(0)


def test_pictures_are_rounded_and_clamped_before_they_are_compared():
    a = torch.full((1, 3, 4, 4), 100.4 / 255)
    assert psnr(a, torch.full((1, 3, 4, 4), 100 / 255)).item() == math.inf
    assert psnr(torch.full((1, 3, 4, 4), 1.3), torch.ones(1, 3, 4, 4)).item() == math.inf


def test_the_border_is_left_out():
    a, b = torch.zeros(1, 3, 20, 20), torch.zeros(1, 3, 20, 20)
    b[..., :4, :] = b[..., -4:, :] = b[..., :4] = b[..., -4:] = 1
    assert psnr(a, b, border=4).item() == math.inf
    assert ssim(a, b, border=4).item() == pytest.approx(1)
    assert psnr(a, b, border=3).item() < 20
    assert ssim(a, b, border=3).item() < 0.9


@pytest.mark.parametrize("border", [0, 4])
def test_rgb_metrics_agree_with_scikit_image(border: int):
    a, b = pair()
    for i in range(2):
        x, y = ((p[i].permute(1, 2, 0).double().numpy() * 255).round() for p in (a, b))
        if border:
            x, y = (p[border:-border, border:-border] for p in (x, y))
        decibels = peak_signal_noise_ratio(x, y, data_range=255)
        likeness = structural_similarity(
            x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=2
        )
        assert psnr(a, b, border=border, channel="rgb")[i].item() == pytest.approx(decibels, abs=1e-9)
        assert ssim(a, b, border=border, channel="rgb")[i].item() == pytest.approx(likeness, abs=1e-9)


def test_luma_metrics_agree_with_scikit_image():
    a, b = pair()
    x, y = (luma(p.double())[0, 0].numpy() for p in (a, b))
    likeness = structural_similarity(
        x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert psnr(a, b)[0].item() == pytest.approx(peak_signal_noise_ratio(x, y, data_range=255), abs=1e-5)
    assert ssim(a, b)[0].item() == pytest.approx(likeness, abs=1e-6)


def test_ssim_of_grey_pictures_is_the_ratio_of_their_means():
    c1 = (0.01 * 255) ** 2
    dark, light = torch.zeros(1, 3, 11, 11), torch.ones(1, 3, 11, 11)
    assert ssim(dark, light, channel="rgb").item() == pytest.approx(c1 / (255**2 + c1), rel=1e-6)
    assert ssim(dark, dark).item() == pytest.approx(1)


@pytest.mark.parametrize(("border", "message"), [(10, "nothing is left of 20 x 20"), (5, "10 x 10 are left")])
def test_too_small_a_picture_is_refused_with_its_size(border: int, message: str):
    with pytest.raises(ValueError, match=message):
        ssim(torch.zeros(1, 3, 20, 20), torch.zeros(1, 3, 20, 20), border=border)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_pictures_of_different_size_are_refused_with_both_sizes(metric):
    with pytest.raises(ValueError, match=r"\(1, 3, 20, 20\) and \(1, 3, 20, 24\)"):
        metric(torch.zeros(1, 3, 20, 20), torch.zeros(1, 3, 20, 24))


def test_consistency_is_20_decibels_for_a_tenth_and_infinite_for_agreement():
    low = torch.full((2, 3, 5, 6), 0.5, dtype=torch.float64)
    result = torch.full((2, 3, 20, 24), 0.5, dtype=torch.float64)
    result[1] += 0.1
    assert consistency(result, low)[0].item() > 280  # the weights sum to 1 only up to rounding
    assert consistency(result, low)[1].item() == pytest.approx(20)


def test_consistency_is_blind_to_detail_finer_than_the_input_and_sees_a_shift():
    low = resize_bicubic(pair()[1], 12, 12)[:1]
    result = resize_bicubic(low, 48, 48)
    checks = 0.05 * (1 - 2 * (torch.arange(48)[:, None] + torch.arange(48)).remainder(2))
    assert consistency(result + checks, low).item() == pytest.approx(consistency(result, low).item(), abs=0.1)
    assert consistency(result.roll(2, dims=-1), low) < consistency(result, low) - 5


def test_tone_match_undoes_gain_and_offset_of_each_channel():
    reference, _ = pair()
    gain, offset = torch.tensor([0.5, 0.8, 1.1]).view(1, 3, 1, 1), torch.tensor([0.1, 0, -0.1]).view(1, 3, 1, 1)
    matched = affine_tone_match(reference * gain + offset, reference)
    assert torch.allclose(matched, reference, atol=1e-5)


def test_tone_match_never_lies_further_from_the_reference():
    reference, noisy = pair()
    matched = affine_tone_match(noisy, reference)
    assert (matched - reference).square().mean() <= (noisy - reference).square().mean()


def test_tone_match_of_a_flat_picture_is_the_mean_of_the_reference():
    reference, _ = pair()
    matched = affine_tone_match(torch.zeros_like(reference), reference)
    assert torch.allclose(matched, reference.mean(dim=(2, 3), keepdim=True).expand_as(reference), atol=1e-6)


def test_tone_matched_psnr_by_hand():
    reference = row(0, 1, 0, 1).expand(1, 3, 1, 4)
    assert tone_matched_psnr(0.2 + 0.4 * reference, reference).item() == math.inf
    unrelated = row(0, 0, 1, 1).expand(1, 3, 1, 4)
    # What is left is the mean, which 8 bits round to 128: 128 from black and 127 from white.
    expected = 10 * math.log10(255**2 / ((128**2 + 127**2) / 2))
    assert tone_matched_psnr(unrelated, reference).item() == pytest.approx(expected)
    assert tone_matched_psnr(unrelated, reference, channel="y").item() > 0


def row(*values: float) -> Tensor:
    return torch.tensor(values).view(1, 1, 1, -1)


def test_mask_scores_by_hand():
    scores = mask_scores(row(0.9, 0.2, 0.6, 0.1), row(1, 1, 0, 0))
    assert (scores.precision, scores.recall, scores.f1, scores.auc) == (0.5, 0.5, 0.5, 0.75)


def test_equal_values_count_half_in_the_area_under_the_curve():
    assert mask_scores(row(0.5, 0.5, 0.5), row(1, 0, 0)).auc == 0.5


def test_a_find_beside_the_scratch_counts_within_the_tolerance():
    found, truth = row(0, 1, 0, 0, 0), row(0, 0, 0, 1, 0)
    assert mask_scores(found, truth, tolerance=1).f1 == 0
    assert mask_scores(found, truth, tolerance=2).f1 == 1


def test_nothing_found_where_nothing_is_damaged_is_perfect():
    scores = mask_scores(row(0, 0), row(0, 0))
    assert (scores.precision, scores.recall, scores.f1) == (1, 1, 1)
    assert math.isnan(scores.auc)


def test_masks_of_several_sizes_are_counted_together():
    scores = mask_scores([row(0.9, 0.2), row(0.6, 0.1, 0.3)], [row(1, 1), row(0, 0, 0)])
    assert (scores.precision, scores.recall, scores.auc) == (0.5, 0.5, 4 / 6)


def test_masks_of_different_size_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        mask_scores(row(0, 1), row(0, 1, 0))


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.4, 0.6, 0.9]), st.booleans()), min_size=2, max_size=12))
def test_area_under_the_curve_is_the_share_of_ordered_pairs(pixels: list[tuple[float, bool]]):
    damaged = [value for value, truth in pixels if truth]
    sound = [value for value, truth in pixels if not truth]
    scores = mask_scores(row(*[v for v, _ in pixels]), row(*[float(t) for _, t in pixels]))
    if not damaged or not sound:
        assert math.isnan(scores.auc)
        return
    ordered = sum((d > s) + (d == s) / 2 for d in damaged for s in sound)
    assert scores.auc == pytest.approx(ordered / len(damaged) / len(sound))
