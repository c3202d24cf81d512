import pytest
import torch

from daguerre.networks.tone_curves import (
    STRETCH_SEGMENTS,
    ToneCurves,
    apply_curves,
    blend_curves,
    compose,
    extremes,
    spline_weights,
    stretch,
    stretched_curves,
)


def network(*, wild=True):
    torch.manual_seed(0)
    made = ToneCurves(side=32, features=4, cells=4, segments=8, bins=8)
    for head in (made.whole, made.parts) if wild else ():
        torch.nn.init.normal_(head.weight, std=2)
    return made.eval()


def drawn(batch=2, height=32, width=32):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


def middles(count):
    return (torch.arange(count) + 0.5) / count


def test_the_network_that_ships_has_this_many_parameters():
    assert sum(p.numel() for p in ToneCurves().parameters()) == 304_584


def test_curves_are_the_identity_at_initialisation():
    image = drawn()
    made = apply_curves(image, network(wild=False)(image), middles(32), middles(32))
    torch.testing.assert_close(made, image, rtol=0, atol=1e-6)


def test_curves_rise_from_black_to_white_whatever_the_weights():
    curves = network()(drawn())
    assert curves.shape == (2, 3, 9, 4, 4)
    assert (curves.diff(dim=2) > 0).all()
    assert (curves[:, :, 0] == 0).all()
    torch.testing.assert_close(curves[:, :, -1], torch.ones(2, 3, 4, 4))
    assert (curves.max() <= 1, (curves - network(wild=False)(drawn())).abs().max() > 0.1) == (True, True)


def test_grey_copies_get_equal_curves_and_coloured_ones_do_not():
    image = drawn()
    image[0] = image[0, :1].clone()
    of_grey, of_coloured = network()(image)
    assert torch.equal(of_grey, of_grey[:1].expand(3, -1, -1, -1))
    assert not torch.allclose(of_coloured, of_coloured[:1].expand(3, -1, -1, -1), atol=0.01)


def test_corners_of_an_even_picture_can_get_other_curves_than_its_middle():
    made, even = network(), torch.full((1, 3, 32, 32), 0.4)
    assert torch.allclose(made(even), made(even)[..., :1, :1].expand(-1, -1, -1, 4, 4), atol=1e-6)
    torch.nn.init.normal_(made.places.weight, std=3)
    curves = made(even)
    assert (curves[..., 0, 0] - curves[..., 1, 1]).abs().max() > 0.01


def test_slopes_say_how_even_areas_darken_and_edges_do_not_count():
    made = network()
    across = torch.exp(-torch.linspace(0, 1, 32)).expand(1, 3, 32, 32)  # e times as dark at the right
    down, sideways = made.slopes(0.9 * across + 0.1 * across.amin()).view(2, 4, 4)
    assert down.abs().max() < 0.05
    assert (sideways[:, 1:-1].max(), sideways[:, 1:-1].min()) < (-0.8, -0.8)
    edge = torch.full((1, 3, 32, 32), 0.3)
    edge[..., 12:] = 0.8
    assert made.slopes(edge).abs().max() < 0.05


def test_grey_pixels_stay_grey_to_rounding_under_equal_curves():
    image = drawn(1, 32, 32)[:, :1].expand(-1, 3, -1, -1).contiguous()
    made = apply_curves(image, network()(image), middles(32), middles(32))
    assert (made - made[:, :1]).abs().max() < 1e-6
    assert (made - image).abs().max() > 0.05


def test_pieces_are_corrected_as_the_whole_to_the_last_bit():
    image, curves = drawn(1, 57, 83), network()(drawn(1))
    rows, columns = middles(57), middles(83)
    whole = apply_curves(image, curves, rows, columns)
    for top, left, height, width in ((0, 0, 1, 1), (10, 0, 30, 83), (20, 31, 37, 20), (3, 80, 2, 3)):
        down, across = slice(top, top + height), slice(left, left + width)
        piece = apply_curves(image[..., down, across], curves, rows[down], columns[across])
        assert torch.equal(piece, whole[..., down, across])


def test_one_curve_everywhere_is_that_curve():
    """By hand: a curve through (0, 0), (0.5, 0.8) and (1, 1) takes 0.25 to 0.4 and 0.75 to 0.9."""
    curves = torch.tensor([0, 0.8, 1.0]).view(1, 1, 3, 1, 1).expand(1, 1, 3, 5, 5)
    image = torch.tensor([[[[0.0, 0.25, 0.5, 0.75, 1.0]]]])
    made = apply_curves(image, curves, middles(1), middles(5))
    torch.testing.assert_close(made, torch.tensor([[[[0, 0.4, 0.8, 0.9, 1.0]]]]))


def test_cells_blend_smoothly_and_sum_to_one():
    weights = spline_weights(middles(600), 6)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(600))
    assert weights.diff(dim=0).abs().max() < 0.01
    assert weights[0].argmax() == 0
    assert weights[-1].argmax() == 5
    # By hand: in the middle of a cell a cubic B-spline gives it 2/3 and its neighbours 1/6 each.
    torch.testing.assert_close(spline_weights(torch.tensor([2.5 / 6]), 6)[0, 1:4], torch.tensor([1 / 6, 2 / 3, 1 / 6]))


def test_blended_curves_go_from_the_identity_to_the_curves():
    curves = network()(drawn(1))
    image = drawn(1)
    none = apply_curves(image, blend_curves(curves, 0), middles(32), middles(32))
    torch.testing.assert_close(none, image, rtol=0, atol=1e-6)
    assert torch.equal(blend_curves(curves, 1), curves)


def test_ends_moved_all_the_way_undo_fading_and_casts():
    """By a network that has learnt nothing."""
    image = drawn()
    gains, lifts = torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1), torch.tensor([0.4, 0.2, 0.1]).view(1, 3, 1, 1)
    faded = lifts + gains * image
    curves = stretched_curves(network(wild=False), faded, 1.0)
    assert curves.shape == (2, 3, STRETCH_SEGMENTS + 1, 4, 4)
    restored = apply_curves(faded, curves, middles(32), middles(32))
    assert (restored - image).abs().mean() < 0.03 < (faded - image).abs().mean() / 5


def test_ends_that_do_not_move_change_nothing():
    image = drawn()
    made, alone = (
        apply_curves(image, curves, middles(32), middles(32))
        for curves in (stretched_curves(network(), image, 0.0), network()(image))
    )
    torch.testing.assert_close(made, alone, rtol=0, atol=1e-5)


def test_stretched_curves_of_grey_are_equal():
    grey = drawn()[:, :1].expand(-1, 3, -1, -1) / 3 + 0.3
    made = stretched_curves(network(), grey, 0.7)
    assert torch.equal(made, made[:, :1].expand_as(made))
    assert (made.diff(dim=2) >= 0).all()


def test_stretched_tones_go_in_straight_lines_through_the_ends():
    """By hand: from 0.3 and 0.8 to 0.02 and 0.98; what lies beyond keeps to the fiftieth that is left."""
    tones = torch.tensor([[[0, 0.15, 0.3, 0.55, 0.8, 0.9, 1.0]]])
    made = stretch(tones, torch.tensor([[[0.3]]]), torch.tensor([[[0.8]]]))
    torch.testing.assert_close(made, torch.tensor([[[0, 0.01, 0.02, 0.5, 0.98, 0.99, 1.0]]]))


def test_few_specks_do_not_make_the_ends():
    image = torch.linspace(0.2, 0.7, 32 * 32).view(1, 1, 32, 32).repeat(1, 3, 1, 1)
    image[..., 0, :3], image[..., 1, :3] = 0.0, 1.0
    low, high = extremes(image)
    torch.testing.assert_close((low[0, 0, 0], high[0, 0, 0]), (torch.tensor(0.2), torch.tensor(0.7)), rtol=0, atol=0.01)


def test_a_picture_of_one_tone_keeps_its_ends_apart():
    for tone in (0.0, 0.5, 1.0):
        low, high = extremes(torch.full((1, 3, 32, 32), tone))
        assert (high - low >= 0.0999).all()
        assert torch.isfinite(stretched_curves(network(), torch.full((1, 3, 32, 32), tone), 1.0)).all()


def test_composed_curves_are_read_between_their_knots():
    curves = torch.tensor([0, 0.8, 1.0]).view(1, 1, 3, 1, 1)
    made = compose(curves, torch.tensor([[[0, 0.25, 0.75, 1.0]]]))
    torch.testing.assert_close(made[0, 0, :, 0, 0], torch.tensor([0, 0.4, 0.9, 1.0]))


def test_every_parameter_has_a_gradient():
    made = network()
    torch.nn.init.normal_(made.lift.weight)  # what is behind it is not seen before
    image = drawn()
    apply_curves(image, made(image), middles(32), middles(32)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in made.parameters())


def test_histograms_count_every_pixel_once():
    grey = torch.full((1, 3, 32, 32), 0.5)
    counts = network().histograms(grey).square().view(4, 8)
    torch.testing.assert_close(counts.sum(1), torch.ones(4), rtol=0, atol=1e-4)
    torch.testing.assert_close(counts[:, 3:5], torch.full((4, 2), 0.5), rtol=0, atol=1e-4)  # 0.5 lies between two bins


def test_a_side_that_is_no_multiple_of_sixteen_is_refused():
    with pytest.raises(ValueError, match="side is 40; it must be a multiple of 16"):
        ToneCurves(side=40)
