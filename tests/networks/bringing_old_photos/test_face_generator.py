import pytest
import torch
from parity.fill import filled_state, fixture, relative_error
from torch import nn

from daguerre.networks.bringing_old_photos.face_generator import FaceGenerator, fold_spectral_norm


def small():
    torch.manual_seed(0)
    return FaceGenerator(features=2, hidden=4)


@pytest.mark.slow
def test_the_face_generator_computes_what_the_published_network_computes():
    network = FaceGenerator().eval()
    network.load_state_dict(fold_spectral_norm(filled_state("oldphoto_face_spade_256")))
    assert sum(parameter.numel() for parameter in network.parameters()) == 92_059_587
    (face,), restored = fixture("oldphoto_face_spade_256")
    with torch.inference_mode():
        assert relative_error(network((face + 1) / 2) * 2 - 1, restored) < 1e-4


@pytest.mark.parametrize("size", [(32, 32), (64, 96)])
def test_the_face_generator_keeps_the_size_and_the_range(size):
    result = small().eval()(torch.rand(2, 3, *size))
    assert result.shape == (2, 3, *size)
    assert result.min() >= 0
    assert result.max() <= 1


def test_the_face_generator_refuses_sizes_that_32_does_not_divide():
    with pytest.raises(ValueError, match="multiples of 32, not 64 x 60"):
        small()(torch.rand(1, 3, 64, 60))


def test_every_parameter_of_the_face_generator_has_a_gradient():
    network = small().eval()  # a bias before a normalisation by the batch would have none
    network(torch.rand(2, 3, 64, 64)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_folding_gives_the_weight_that_spectral_normalisation_computes():
    torch.manual_seed(0)
    normed = nn.utils.spectral_norm(nn.Conv2d(3, 5, 3))
    normed(torch.rand(1, 3, 8, 8))  # one step of the power iteration
    normed.eval()
    plain = nn.Conv2d(3, 5, 3)
    folded = fold_spectral_norm({f"inner.{name}": value for name, value in normed.state_dict().items()})
    plain.load_state_dict({name.removeprefix("inner."): value for name, value in folded.items()})
    image = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(plain(image), normed(image))
