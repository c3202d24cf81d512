import pytest
import torch

from daguerre.networks.damage_unet import DamageUNet, VGGDamageUNet


def small(features=(4, 4)):
    torch.manual_seed(0)
    return DamageUNet(features=features).eval()


def test_the_detector_is_small_enough_to_ship():
    assert sum(parameter.numel() for parameter in DamageUNet().parameters()) == 510_258


@pytest.mark.parametrize("size", [(16, 16), (32, 48)])
def test_every_pixel_is_judged_twice(size):
    assert DamageUNet()(torch.rand(2, 3, *size)).shape == (2, 2, *size)


def test_sizes_that_cannot_be_halved_often_enough_are_refused():
    with pytest.raises(ValueError, match="multiples of 16, not 16 x 24"):
        DamageUNet()(torch.rand(1, 3, 16, 24))


def test_every_parameter_has_a_gradient():
    network = small()
    network(torch.rand(2, 3, 16, 16)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_damage_is_rare_before_anything_is_learnt():
    assert DamageUNet()(torch.rand(1, 3, 32, 32)).sigmoid().mean() < 0.15


def test_a_detector_as_it_ships_reaches_94_pixels():
    assert DamageUNet().halo == 94


def test_nothing_beyond_the_halo_matters_and_something_within_does():
    network = small().double()
    assert network.halo == 22
    image = torch.rand(1, 3, 96, 96, dtype=torch.float64, requires_grad=True)
    reach = 0  # from the edges of a window of 4 rows, where windows begin and end
    for row in range(48, 52):
        (gradient,) = torch.autograd.grad(network(image)[0, :, row].sum(), image)
        rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero()[:, 0]
        reach = max(reach, 48 - int(rows.min()), int(rows.max()) - 51)
    assert reach == network.halo


def test_windows_with_their_halo_agree_with_the_whole_picture():
    network = DamageUNet().eval()
    image = torch.rand(1, 3, 256, 224, generator=torch.Generator().manual_seed(1))
    halo = -(-network.halo // network.multiple) * network.multiple
    with torch.no_grad():
        whole = network(image)
        part = network(image[..., 112 - halo : 144 + halo, :])[..., halo:-halo, :]
    torch.testing.assert_close(part, whole[..., 112:144, :], rtol=0, atol=1e-5)


def guided(**changes):
    torch.manual_seed(0)
    return VGGDamageUNet(**{"features": (4, 4, 4), "width": 1 / 16, "layers": ("relu2_2", "relu3_4")} | changes).eval()


def test_the_perceptual_network_changes_nothing_before_its_features_are_weighed():
    network, image = guided(), torch.rand(1, 3, 32, 32)
    plain = DamageUNet(features=(4, 4, 4)).eval()
    plain.load_state_dict(network.state_dict(), strict=False)
    assert torch.equal(network(image), plain(image))
    torch.nn.init.ones_(network.beside[1].weight)
    assert not torch.equal(network(image), plain(image))


def test_the_perceptual_network_is_not_trained_and_ends_where_nothing_more_is_taken_from_it():
    network = guided()
    network(torch.rand(1, 3, 32, 32)).square().sum().backward()
    assert all(p.grad is None for p in network.vgg.parameters())
    assert all(p.grad is not None for p in network.beside.parameters())
    assert network.vgg.head is None
    assert len(network.vgg.features) == network.vgg.place_of("relu3_4") + 1


def test_nothing_beyond_the_halo_of_both_networks_matters():
    network = guided().double()
    for conv in network.beside:
        torch.nn.init.ones_(conv.weight)
    assert network.halo > DamageUNet(features=(4, 4, 4)).halo
    side = 2 * network.halo // 8 * 8 + 64
    image = torch.rand(1, 3, side, 64, dtype=torch.float64)
    other = image.clone()
    row = side // 2 // 8 * 8
    other[:, :, : row - network.halo] = 0.5
    other[:, :, row + 8 + network.halo :] = 0.5
    with torch.no_grad():
        assert torch.equal(network(image)[:, :, row : row + 8], network(other)[:, :, row : row + 8])


def test_the_deeper_blocks_of_the_perceptual_network_are_trained_when_asked():
    network = guided(learning=3)
    network(torch.rand(1, 3, 32, 32)).sum().backward()
    trained = {name for name, value in network.vgg.named_parameters() if value.requires_grad}
    assert trained == {name for name, _ in network.vgg.named_parameters() if int(name.split(".")[1]) >= 10}
    assert not any(value.requires_grad for value in guided().vgg.parameters())
