import pytest
import torch
from parity.fill import filled_state, fixture, relative_error
from torch import nn

from daguerre.networks.bringing_old_photos.vae import PhotoVAE
from daguerre.tiling.rows import Rows, Streaming, streamed


def small():
    torch.manual_seed(0)
    return PhotoVAE(features=6, blocks=2)


def published(name):
    network = PhotoVAE().eval()
    network.load_state_dict(filled_state(name))
    return network, *fixture(name)


def test_the_encoder_computes_what_the_published_encoder_computes():
    network, (image,), latent = published("oldphoto_vae_encoder")
    with torch.inference_mode():
        assert relative_error(network.encode((image + 1) / 2), latent) < 1e-4


def test_the_decoder_computes_what_the_published_decoder_computes():
    network, (latent,), image = published("oldphoto_vae_decoder")
    with torch.inference_mode():
        assert relative_error(network.decode(latent) * 2 - 1, image) < 1e-4


def test_the_autoencoder_has_the_published_number_of_parameters():
    assert sum(parameter.numel() for parameter in PhotoVAE().parameters()) == 872_131


@pytest.mark.parametrize("size", [(8, 8), (12, 20), (28, 8)])
def test_the_latent_map_is_a_quarter_of_any_size_that_four_divides(size):
    network = small()
    image = torch.rand(2, 3, *size)
    assert network.encode(image).shape == (2, 6, size[0] // 4, size[1] // 4)
    result = network(image)
    assert result.shape == image.shape
    assert result.min() >= 0
    assert result.max() <= 1


def test_the_autoencoder_refuses_sizes_that_four_does_not_divide():
    with pytest.raises(ValueError, match="multiples of 4, not 8 x 10"):
        small().encode(torch.rand(1, 3, 8, 10))


def test_every_parameter_of_the_autoencoder_has_a_gradient():
    network = small()
    network(torch.rand(1, 3, 16, 16)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    # A bias before a normalisation has a gradient of zero.
    assert [n for n, p in network.named_parameters() if n.endswith("weight") and not p.grad.any()] == []


@pytest.mark.parametrize("elements", [1, 2000, 10**6])
def test_the_autoencoder_by_rows_gives_the_picture_it_gives_whole(elements):
    network = small()
    image = torch.rand(1, 3, 44, 32)
    rows = streamed(network, Rows.of(image, Streaming(elements=elements, memory=3000)))
    made = torch.cat([rows.read(top, bottom) for top, bottom in rows.strips()], 2)
    with torch.no_grad():
        torch.testing.assert_close(made, network(image), rtol=0, atol=1e-5)


def test_the_halo_of_the_autoencoder_is_the_measured_one():
    network = small()
    for sequence in (module for module in network.modules() if isinstance(module, nn.Sequential)):
        for place, layer in enumerate(sequence):
            if isinstance(layer, nn.InstanceNorm2d | nn.ReLU):
                sequence[place] = nn.Identity()  # given the statistics of the whole picture, and no pixel switched off
    side, begin = 160, 80
    image = torch.rand(1, 3, side, side, requires_grad=True)
    network(image)[..., begin : begin + 4, begin : begin + 4].sum().backward()
    rows = image.grad.abs().sum((0, 1, 3)).nonzero()
    assert network.halo == begin - int(rows.min()) == int(rows.max()) - begin - 3
