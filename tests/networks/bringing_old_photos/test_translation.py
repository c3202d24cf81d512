import pytest
import torch
from parity.fill import filled_state, fixture, relative_error
from torch.nn import functional as F

from daguerre.networks.bringing_old_photos.translation import (
    LatentTranslation,
    PartialNonlocalTranslation,
    PatchAttentionTranslation,
    damaged_latents,
)
from daguerre.tiling.rows import Rows, Streaming, streamed

VARIANTS = [
    (LatentTranslation, "oldphoto_mapping_quality", 36_135_232),
    (PartialNonlocalTranslation, "oldphoto_mapping_scratch", 51_344_704),
    (PatchAttentionTranslation, "oldphoto_mapping_patch_attention", 73_904_448),
]
KINDS = [kind for kind, _, _ in VARIANTS]


def small(kind):
    torch.manual_seed(0)
    arguments = {} if kind is PatchAttentionTranslation else {"blocks": 1}
    return kind(latent=3, features=8, **arguments)


def inputs_of(kind, height=16, width=24, batch=1):
    torch.manual_seed(1)
    latent, mask = torch.randn(batch, 3, height, width), torch.zeros(batch, 1, 4 * height, 4 * width)
    mask[..., 20:60, 30:34] = mask[..., 8:44, 40:76] = 1
    return (latent,) if kind is LatentTranslation else (latent, mask)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name", "count"), VARIANTS)
def test_a_translation_computes_what_the_published_network_computes(kind, name, count):
    network = kind().eval()
    network.load_state_dict(filled_state(name))
    assert sum(parameter.numel() for parameter in network.parameters()) == count
    inputs, latent = fixture(name)
    with torch.inference_mode():
        assert relative_error(network(*inputs), latent) < 1e-4
    streaming = Streaming(elements=10**5, memory=0)
    rows = streamed(network, *(Rows.of(tensor, streaming) for tensor in inputs))
    made = torch.cat([rows.read(top, bottom) for top, bottom in rows.strips()], 2)
    assert relative_error(made, latent) < 1e-4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("elements", [1, 1000])
def test_a_translation_by_rows_gives_what_it_gives_whole(kind, elements):
    network, inputs = small(kind), inputs_of(kind)
    streaming = Streaming(elements=elements, memory=0)
    rows = streamed(network, *(Rows.of(tensor, streaming) for tensor in inputs))
    made = torch.cat([rows.read(top, bottom) for top, bottom in rows.strips()], 2)
    with torch.no_grad():
        torch.testing.assert_close(made, network(*inputs), rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_of_a_batch_do_not_mix(kind):
    network, inputs = small(kind), inputs_of(kind, batch=2)
    with torch.no_grad():
        both = network(*inputs)
        second = network(*(tensor[1:] for tensor in inputs))
    assert both.shape == inputs[0].shape
    torch.testing.assert_close(both[1:], second, rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_of_a_translation_has_a_gradient(kind):
    network = small(kind)
    network(*inputs_of(kind)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert [n for n, p in network.named_parameters() if n.endswith("weight") and not p.grad.any()] == []


@pytest.mark.parametrize("kind", [LatentTranslation, PartialNonlocalTranslation])
def test_a_translation_takes_any_size(kind):
    inputs = inputs_of(kind, 7, 13)
    assert small(kind)(*inputs).shape == (1, 3, 7, 13)


def test_patch_attention_refuses_sizes_that_eight_does_not_divide():
    with pytest.raises(ValueError, match="multiples of 8, not 16 x 20"):
        small(PatchAttentionTranslation)(*inputs_of(PatchAttentionTranslation, 16, 20))


def test_where_nothing_is_damaged_attention_changes_nothing():
    network = small(PartialNonlocalTranslation)
    latent, mask = inputs_of(PartialNonlocalTranslation)
    with torch.no_grad():
        without = network.after_NL(network.before_NL(latent))
        assert network(latent, torch.zeros_like(mask)).equal(without)
        assert not network(latent, mask).allclose(without, atol=1e-3)


def test_where_all_is_damaged_a_translation_is_still_finite():
    for kind in (PartialNonlocalTranslation, PatchAttentionTranslation):
        latent, mask = inputs_of(kind)
        assert small(kind)(latent, torch.ones_like(mask)).isfinite().all()


def test_damaged_places_are_those_of_the_published_reduction_of_the_mask():
    torch.manual_seed(0)
    mask = (torch.rand(2, 1, 48, 32) > 0.93).float()
    bilinear = (F.interpolate(mask, (12, 8), mode="bilinear") > 0).float()
    nearest = F.interpolate(1 - mask, (12, 8))
    assert damaged_latents(mask, corner=False).equal(bilinear)
    assert damaged_latents(mask, corner=True).equal(1 - (1 - bilinear) * nearest)


def test_the_halo_of_a_translation_counts_its_convolutions():
    assert small(LatentTranslation).halo == 4 + 2 + 4
