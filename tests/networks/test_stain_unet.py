import pytest
import torch

from daguerre.networks.stain_unet import StainUNet, gains, unusual


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = StainUNet(side=64, features=(4, 6, 8)).eval()
    torch.nn.init.normal_(made.last.weight, std=0.2)
    return made


def test_it_begins_with_hardly_any_change():
    made = StainUNet(features=(4, 6))(torch.rand(1, 3, 8, 12))
    assert 0 < gains(made).min() < gains(made).max() < 0.1


def test_what_to_expect_is_between_nothing_and_what_it_would_be_if_stained(network):
    made = network(torch.rand(1, 3, 16, 16))
    expected = gains(made)
    assert expected.shape == (1, 3, 16, 16)
    assert (expected >= 0).all()
    assert (expected <= made[:, 1:]).all()
    sure = torch.cat([torch.full_like(made[:, :1], 50), made[:, 1:]], 1)
    assert torch.equal(gains(sure), made[:, 1:])


@torch.inference_mode()
def test_every_picture_of_a_batch_has_its_own_answer(network):
    batch = torch.rand(3, 3, 24, 40, generator=torch.Generator().manual_seed(1))
    together, alone = network(batch), torch.cat([network(one) for one in batch.split(1)])
    assert together.shape == (3, 4, 24, 40)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_grey_gets_the_same_factor_in_all_channels(network):
    image = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    image[1] = image[1, :1]
    coloured, grey = network(image)[:, 1:]
    assert torch.equal(grey, grey[:1].expand_as(grey))
    assert not torch.equal(coloured, coloured[:1].expand_as(coloured))


@torch.inference_mode()
def test_what_is_far_away_counts(network):
    image = torch.full((1, 3, 8, 256), 0.5)
    other = image.clone()
    other[..., 128:] = torch.tensor([0.9, 0.2, 0.1]).view(3, 1, 1)
    assert not torch.equal(network(image)[..., :8], network(other)[..., :8])


def test_a_toned_print_has_no_unusual_tints_but_where_it_is_stained():
    light = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(3))
    sepia = 0.1 + light * torch.tensor([0.85, 0.75, 0.55]).view(3, 1, 1)
    assert unusual(sepia).abs().max() < 1e-3
    stained = sepia.clone()
    stained[..., 4:8, 4:8] *= torch.tensor([0.9, 0.7, 0.5]).view(3, 1, 1)
    odd = unusual(stained).abs().amax(1)[0]
    assert odd[4:8, 4:8].mean() > 5 * odd[16:].mean()


def test_nothing_is_unusual_in_one_colour():
    assert unusual(torch.full((2, 3, 8, 8), 0.3)).abs().max() < 1e-3


def test_a_side_that_is_no_multiple_is_refused(network):
    with pytest.raises(ValueError, match="StainUNet takes heights and widths that are multiples of 8, not 12 x 16"):
        network(torch.rand(1, 3, 12, 16))
