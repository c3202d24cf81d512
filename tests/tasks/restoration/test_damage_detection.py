from itertools import pairwise

import numpy as np
import pytest
import torch
from images.drawn import photo

from daguerre import weights
from daguerre.errors import OptionError, PictureError, UnreadablePicture, WeightsNotFound
from daguerre.images import Canvas, Picture
from daguerre.networks.damage_unet import DamageUNet
from daguerre.tasks.restoration import damage_detection as scratches
from daguerre.tasks.restoration.damage_detection import (
    ScratchDetector,
    ScratchOptions,
    adapt_to_prior,
    close,
    damaged_part,
    grow,
    leave_borders,
    odds_of_colour,
    read_mask,
)
from daguerre.tiling.components import FAINT
from daguerre.weights.checkpoint import write

EXACT = {"device": "cpu", "precision": "float32"}


def bright_is_lost():
    """A network that takes white for damage and black for writing, pixel by pixel: 0.5 at 1/2, 0.47 at 0.49."""
    network = DamageUNet(features=(4,))
    for parameter in network.parameters():
        parameter.data.zero_()
    network.first.bias.data.fill_(0.5)
    network.last.bias.data.copy_(torch.tensor([-14.0, 6.0]))
    for dy in range(2):
        for dx in range(2):
            network.first.weight.data[2 * dy + dx, 0, 2 + dy, 2 + dx] = 1
            network.last.weight.data[2 * dy + dx, 0, 2 + dy, 2 + dx] = 28
            network.last.weight.data[2 * dy + dx, 1, 2 + dy, 2 + dx] = -60
    return network


def keep(network, name, features):
    header = weights.WeightsHeader(
        name=name, task="scratches", network="DamageUNet", arguments={"features": list(features)}
    )
    write(weights.weights_folder() / f"{name}.safetensors", network.state_dict(), header, half=False)


@pytest.fixture
def desk(desk, monkeypatch):
    monkeypatch.setattr(scratches, "GROWTH", 0)
    monkeypatch.setattr(scratches, "MAX_PIECE_SHARE", 1.0)
    monkeypatch.setattr(scratches, "MIN_PROBABILITY", 0.5)
    monkeypatch.setattr(scratches, "COLOURFUL", (1.0, 2.0))
    keep(bright_is_lost(), "scratches", (4,))
    torch.manual_seed(0)
    network = DamageUNet(features=(4, 4, 4))
    network.last.bias.data.zero_()
    network.last.weight.data *= 10
    network.last.weight.data[:, 1], network.last.bias.data[1] = 0, -9  # no writing
    keep(network, "random", (4, 4, 4))
    return desk


def drawn(*lines, size=(20, 30), ground=0.4):
    """A grey picture with lines on it, each (row, column, rows, columns, level)."""
    levels = np.full(size, round(255 * ground), np.uint8)
    for top, left, height, width, level in lines:
        levels[top : top + height, left : left + width] = round(255 * level)
    return Picture.from_array(levels)


def test_white_pixels_are_found_exactly(desk):
    picture = drawn((3, 4, 1, 20, 1.0), (10, 29, 10, 1, 1.0))
    mask = ScratchDetector(model="scratches", **EXACT)(picture)
    assert (mask.bits, mask.grey, mask.alpha) == (8, True, False)
    np.testing.assert_array_equal(mask.array(), np.where(picture.array() == 255, 255, 0))
    assert damaged_part(mask) == 30 / 600


def test_a_blank_sheet_is_no_damage(desk, monkeypatch):
    monkeypatch.setattr(scratches, "MAX_PIECE_SHARE", 0.5)
    assert not ScratchDetector(model="scratches", **EXACT)(drawn(ground=1.0)).array().any()


def test_faint_damage_counts_where_it_goes_on_from_certain_damage(desk):
    going_on, alone = (3, 9, 1, 6, 0.49), (10, 9, 1, 6, 0.49)
    mask = ScratchDetector(model="scratches", **EXACT)(drawn((3, 4, 1, 5, 1.0), going_on, alone))
    assert mask.array()[3].sum() == 11 * 255
    assert mask.array()[10].sum() == 0


def test_at_the_usual_sensitivity_the_threshold_is_the_networks_own():
    thresholds = [ScratchOptions(sensitivity=s).threshold(0.4) for s in (0.0, 0.5, 1.0)]
    assert thresholds == pytest.approx([0.930, 0.4, 0.032], abs=1e-3)


def test_more_sensitivity_finds_all_that_less_does(desk):
    picture = Picture.from_array(photo(60, 50))
    sensitivities = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)
    masks = [ScratchDetector(model="random", sensitivity=s, **EXACT)(picture).array() > 0 for s in sensitivities]
    for less, more in pairwise(masks):
        assert not (less & ~more).any()
    assert masks[0].sum() < masks[-1].sum()


def test_short_and_small_damage_is_left_alone(desk):
    picture = drawn((2, 2, 1, 9, 1.0), (6, 2, 3, 3, 1.0), (12, 2, 1, 4, 1.0))

    def rows(**options):
        found = ScratchDetector(model="scratches", **options, **EXACT)(picture).array()
        return [bool(found[row, 2]) for row in (2, 6, 12)]

    assert rows() == [True, True, True]
    assert rows(min_length=5) == [True, False, False]
    assert rows(min_area=6) == [True, True, False]


@pytest.mark.parametrize("turns", range(4))
def test_an_even_border_is_left_alone_on_whichever_side_and_damage_beside_it_is_kept(turns, monkeypatch):
    random = np.random.default_rng(0)
    levels = np.zeros((200, 300), np.uint8)
    for column, depth in enumerate(random.integers(9, 12, 220)):
        levels[:depth, column] = 255
    levels[100:103, 40:200] = 255
    wanted = levels.copy()
    wanted[:12] = 0
    levels, wanted = np.rot90(levels, turns).copy(), np.rot90(wanted, turns)
    monkeypatch.setattr(scratches, "CHEAP_WINDOW_SIDE", 64)
    leave_borders(levels, 128)
    assert (levels == wanted).all()


def test_a_torn_edge_a_torn_corner_and_a_sky_that_is_marked_stay_marked():
    random = np.random.default_rng(0)
    torn, corner, sky = (np.zeros((200, 300), np.uint8) for _ in range(3))
    for column, depth in enumerate(np.repeat(random.integers(1, 28, 30), 10)):
        torn[:depth, column] = 255
    for column in range(200):
        corner[: (200 - column) // 8, column] = 255
    sky[:80] = 255
    for levels in (torn, corner, sky):
        before = levels.copy()
        leave_borders(levels, 128)
        assert (levels == before).all()


@pytest.mark.parametrize("shape", [(1, 1), (2, 500), (99, 99)])
def test_masks_too_small_for_borders_pass(shape):
    levels = np.full(shape, 255, np.uint8)
    leave_borders(levels, 128)
    assert (levels == 255).all()


def test_writing_and_what_is_close_to_it_is_left_alone_unless_it_is_to_be_removed(desk):
    picture = drawn((3, 4, 1, 8, 1.0), (5, 4, 2, 8, 0.0), (14, 4, 1, 8, 1.0))

    def rows(**options):
        return ScratchDetector(model="scratches", **options, **EXACT)(picture).array().any(axis=1).nonzero()[0].tolist()

    assert rows() == [14]
    assert rows(writing="remove") == [3, 5, 6, 14]


@pytest.mark.parametrize("height", [3, 8, 9, 40])
def test_damage_grows_to_its_soft_rim_however_the_mask_is_read(height, monkeypatch):
    monkeypatch.setattr(scratches, "CHEAP_WINDOW_SIDE", 8)
    mask = np.zeros((height, 30), np.uint8)
    mask[::7, 4] = mask[height // 2, 20] = 255
    wanted = np.zeros_like(mask)
    rows, columns = np.mgrid[:height, :30]
    for row, column in np.argwhere(mask):
        wanted[np.hypot(rows - row, columns - column) <= 2.3] = 255
    grow(mask, 2)
    assert (mask == wanted).all()


def test_what_only_shows_at_half_the_size_or_a_quarter_is_found(desk, monkeypatch):
    monkeypatch.setattr(scratches, "MIN_HALVED_SIDE", 20)
    monkeypatch.setattr(
        ScratchDetector, "tensor", lambda self, image: ((image[:, :1] > 0.6) & (image.shape[-1] < 60)).float()
    )
    detector = ScratchDetector(model="scratches", **EXACT)
    large = detector(drawn((24, 40, 16, 20, 1.0), size=(80, 101))).read()[0, 0]
    assert (large[26:38, 42:58] == 1).all()
    assert large.sum() < 26 * 30
    assert detector(drawn((5, 10, 4, 5, 1.0), size=(20, 61))).array().max() == 0, "too small to be halved"


def test_a_soft_picture_is_looked_at_further_down_than_a_sharp_one(desk, monkeypatch):
    monkeypatch.setattr(scratches, "MIN_HALVED_SIDE", 40)
    monkeypatch.setattr(scratches, "MIN_HALVED_SOFT_SIDE", 20)
    monkeypatch.setattr(scratches, "SOFT_EDGE", 0.7)
    sizes = []

    def tensor(self, image):
        sizes.append(tuple(image.shape[-2:]))
        return torch.zeros_like(image[:, :1])

    monkeypatch.setattr(ScratchDetector, "tensor", tensor)
    soft = Picture.from_array(photo(60, 70))
    sharp = Picture.from_array(np.random.default_rng(0).integers(0, 255, (60, 70)).astype(np.uint8))
    ScratchDetector(model="scratches", **EXACT)(sharp)
    assert sizes == [(60, 70)]
    ScratchDetector(model="scratches", **EXACT)(soft)
    assert sizes == [(60, 70), (60, 70), (30, 35)]


@pytest.mark.parametrize("size", [(70, 90), (33, 41), (1, 1)])
def test_the_mask_does_not_depend_on_windows(desk, size, monkeypatch):
    monkeypatch.setattr(scratches, "MIN_HALVED_SIDE", 12)
    picture = Picture.from_array(photo(*size))
    detector = ScratchDetector(model="random", min_area=1, **EXACT)
    likely, mask = detector.likelihood(picture).levels.copy(), detector(picture).array()
    monkeypatch.setattr("daguerre.weights.model.window_side", lambda *_, **__: 16)
    again = detector.likelihood(picture).levels
    assert np.abs(likely.astype(int) - again).max() <= 1, "a rounding may fall to the other side"
    assert (mask != detector(picture).array()).mean() < 0.01


def test_what_transparent_places_hide_is_no_damage(desk):
    levels = np.full((20, 20, 2), 100, np.uint8)
    levels[..., 1] = 255
    levels[5:9, 5:9] = (255, 0)
    assert damaged_part(ScratchDetector(model="scratches", **EXACT)(Picture.from_array(levels))) == 0


def test_windows_start_where_the_networks_grid_does(desk):
    model = ScratchDetector(model="random", **EXACT).model
    assert model.window_side() % model.multiple == model.grid_halo % model.multiple == 0
    assert model.grid_halo >= model.halo


def test_a_model_for_something_else_is_refused(desk):
    with pytest.raises(OptionError, match="compact-x4 is for upscale, not for finding scratches"):
        ScratchDetector(model="compact-x4")
    with pytest.raises(WeightsNotFound):
        ScratchDetector(model="nowhere")


@pytest.mark.parametrize("wrong", [{"sensitivity": 1.5}, {"min_length": -1}, {"min_area": -1}])
def test_options_outside_their_range_are_refused(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        ScratchOptions(**wrong)


def test_a_mask_painted_in_any_way_is_read(tmp_path):
    like = drawn(size=(4, 4))
    grey = np.array([[0, 127, 128, 255]] * 4, np.uint8)
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = grey
    layer = np.full((4, 4, 2), 255, np.uint8)
    layer[..., 1] = grey
    for number, levels in enumerate((grey, red, layer, grey.astype(np.uint16) * 257)):
        path = Picture.from_array(levels).save(tmp_path / f"{number}.png")
        for source in (path, str(path), Picture.open(path)):
            mask = read_mask(source, like)
            assert mask.array().tolist() == [[0, 0, 255, 255]] * 4
            assert mask.bits == 8


def test_a_mask_of_another_size_or_none_at_all_is_refused(tmp_path):
    path = drawn(size=(4, 5)).save(tmp_path / "mask.png")
    with pytest.raises(PictureError, match=r"mask.png is 5 x 4 pixels, but the picture 30 x 20; a mask must"):
        read_mask(path, drawn())
    with pytest.raises(UnreadablePicture, match="there is no file"):
        read_mask(tmp_path / "nothing.png", drawn())


def test_small_sharp_pictures_are_looked_at_enlarged_by_default(desk, monkeypatch):
    monkeypatch.setattr(scratches, "MAX_ENLARGED_PIXELS", 4000)
    sizes = []

    def tensor(self, image):
        sizes.append(tuple(image.shape[-2:]))
        return (image[:, :1] > 0.6).float()

    monkeypatch.setattr(ScratchDetector, "tensor", tensor)
    picture = drawn((10, 20, 8, 12, 1.0), size=(50, 80))
    found = ScratchDetector(**EXACT).map(picture).levels[..., 0]
    assert sizes == [(75, 120)]
    assert found.shape == (50, 80)
    assert (found[11:17, 21:31] == 255).all()
    assert found[:8].max() == found[:, 36:].max() == 0
    ScratchDetector(model="scratches", **EXACT).map(picture)
    ScratchDetector(**EXACT).map(drawn(size=(51, 80)))
    assert sizes[1:] == [(50, 80), (51, 80)], "not by other detectors, and not larger ones"


@pytest.mark.parametrize(("sensitivity", "kept"), [(0.0, []), (0.5, [2]), (1.0, [1, 2])])
def test_each_piece_that_is_found_by_default_is_looked_at(desk, monkeypatch, sensitivity, kept):
    looked_at = []

    def seen(self, picture, levels, pieces, chosen, least, *, progress):
        looked_at.append((levels.max(), least, int(chosen.sum())))
        return np.array([0.01, 0.3, 0.8], np.float32)

    def found(self, picture, **_):
        canvas = Canvas(picture.height, picture.width, grey=True)
        for column in (2, 10, 18):
            canvas.levels[5:9, column : column + 4] = 255
        return canvas

    monkeypatch.setattr(scratches.PieceVerifier, "__init__", lambda self, device: None)
    monkeypatch.setattr(scratches.PieceVerifier, "__call__", seen)
    monkeypatch.setattr(ScratchDetector, "map", found)
    mask = ScratchDetector(sensitivity=sensitivity, **EXACT)(drawn()).array().reshape(20, 30)
    assert [number for number, column in enumerate((2, 10, 18)) if mask[6, column] > 0] == kept
    assert looked_at[0][0] == 255
    assert looked_at[0][2] == 3
    ScratchDetector(model="scratches", **EXACT)(drawn())
    assert len(looked_at) == 1, "another detector decides alone"


def test_in_a_colourful_photograph_only_what_is_certain_counts():
    plain = np.full((64, 64, 3), 100, np.uint8)
    colourful = plain.copy()
    colourful[:, :32], colourful[:, 32:] = (150, 40, 40), (40, 40, 150)
    assert odds_of_colour(Picture.from_array(plain)) == 1
    odds = odds_of_colour(Picture.from_array(colourful))
    assert odds == pytest.approx(scratches.COLOURFUL_ODDS)
    levels = np.full((10, 10), 128, np.uint8)
    levels[0] = 255
    adapt_to_prior(levels, odds)
    assert (levels[0] == 255).all()
    assert (levels[1:] < 10).all()


def test_gaps_of_a_word_are_kept_with_it():
    letters = torch.zeros(1, 1, 40, 60)
    letters[..., 20, 10], letters[..., 20, 24], letters[..., 20, 45] = 1, 1, 1
    word = close(letters, 8)
    assert word[0, 0, 20].nonzero().flatten().tolist() == [*range(10, 25), 45]
    assert word.sum() == 16


def test_doubtful_damage_counts_where_much_is_certain_and_not_where_it_is_alone():
    alone = np.zeros((100, 100), np.uint8)
    alone[50, 50] = 180
    among = alone.copy()
    among[:10] = 250
    adapt_to_prior(alone)
    adapt_to_prior(among)
    assert alone[50, 50] < 100
    assert among[50, 50] == 180
    assert among[0, 0] == 250
    assert alone[0, 0] == among[90, 90] == 0


def test_a_little_doubt_everywhere_is_no_damage():
    levels = np.full((100, 100), 60, np.uint8)
    adapt_to_prior(levels)
    assert (levels == 60).all()


def test_likelihoods_stay_as_they_are_in_a_photograph_with_as_much_damage_as_was_learnt_from():
    levels = np.zeros((100, 100), np.uint8)
    levels[:4] = 255
    levels[50, 50] = 128
    adapt_to_prior(levels)
    assert abs(int(levels[50, 50]) - 128) <= 2


def test_a_trimmed_rim_is_left_but_a_gap_in_damage_is_filled(monkeypatch):
    mask = np.zeros((70, 70), np.uint8)
    mask[20:40, 20:40], mask[23:37, 23:37], mask[28:31, 28:31] = FAINT, 255, FAINT
    monkeypatch.setattr(scratches, "CHEAP_WINDOW_SIDE", 18)
    grow(mask, 0)
    expected = np.zeros((70, 70), np.uint8)
    expected[23:37, 23:37] = 255
    np.testing.assert_array_equal(mask, expected)
