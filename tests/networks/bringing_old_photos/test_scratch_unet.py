import pytest
import torch
from parity.fill import filled_state, fixture, relative_error

from daguerre.networks.bringing_old_photos.scratch_unet import ScratchUNet


def small(depth=2):
    torch.manual_seed(0)
    return ScratchUNet(features=4, depth=depth).eval()


@pytest.mark.slow
def test_the_detector_computes_what_the_published_network_computes():
    network = ScratchUNet().eval()
    network.load_state_dict(filled_state("oldphoto_scratch_detection_unet"))
    assert sum(parameter.numel() for parameter in network.parameters()) == 37_626_177
    (grey,), logits = fixture("oldphoto_scratch_detection_unet")
    with torch.inference_mode():
        assert relative_error(network((grey.expand(-1, 3, -1, -1) + 1) / 2), logits) < 1e-4


def test_the_detector_looks_at_luma():
    network = small()
    red = torch.zeros(1, 3, 8, 8)
    red[:, 0] = 1
    with torch.no_grad():
        torch.testing.assert_close(network(red), network(torch.full((1, 3, 8, 8), 0.299)))


@pytest.mark.parametrize("size", [(8, 8), (12, 20)])
def test_the_detector_judges_every_pixel(size):
    assert small()(torch.rand(2, 3, *size)).shape == (2, 1, *size)


def test_the_detector_refuses_sizes_it_cannot_halve_often_enough():
    with pytest.raises(ValueError, match="multiples of 4, not 8 x 10"):
        small()(torch.rand(1, 3, 8, 10))


def test_every_parameter_of_the_detector_has_a_gradient():
    network = small()
    network(torch.rand(1, 3, 16, 16)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_windows_with_the_halo_see_all_that_the_detector_sees():
    network = small(depth=1).double()
    assert network.halo == 15
    image = torch.rand(1, 3, 80, 60, dtype=torch.float64)
    with torch.no_grad():
        whole = network(image)[..., 40:44, :]
        window = network(image[..., 40 - 16 : 44 + 16, :])[..., 16:-16, :]
        less = network(image[..., 40 - 14 : 44 + 14, :])[..., 14:-14, :]
    torch.testing.assert_close(window, whole, rtol=0, atol=1e-12)
    assert not less.allclose(whole, rtol=0, atol=1e-12)


def test_the_published_detector_reaches_157_pixels():
    assert ScratchUNet(features=1).halo == 157
