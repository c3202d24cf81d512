import pytest
import torch
from models import damaged_example, tiny_restoration

from daguerre.networks.compact_translation import CellAttention, CompactTranslation


@pytest.fixture
def restoration():
    return tiny_restoration()


def test_a_translation_that_changes_nothing_leaves_the_photograph_as_it_is(restoration):
    torch.nn.init.zeros_(restoration.translation.after[-1].weight)
    image, mask = damaged_example(40, 32, damaged=0)
    assert torch.allclose(restoration(image, mask), image, atol=1e-6)


def test_under_the_mask_the_decoded_picture_takes_the_place_of_the_photograph(restoration):
    """But for the tints nearby, which stay: lightness, the mean of the channels, is the decoded one's."""
    image, mask = damaged_example(40, 32, 0.02)
    latent = restoration.old(image)
    decoded = restoration.clean.decode(restoration.translation(latent, mask)).mean(1, keepdim=True)
    made = restoration(image, mask).mean(1, keepdim=True)
    hurt = mask > 0
    assert torch.allclose(made[hurt], decoded[hurt], atol=1e-6)
    assert not torch.allclose(made[~hurt], decoded[~hurt], atol=1e-3)


def test_undamaged_places_keep_their_tints(restoration):
    image, mask = damaged_example(120, 120, damaged=0)
    with torch.no_grad():
        restoration.clean.decoder[-1].bias[:16] += 0.3  # of the first channel
        restoration.translation.after[-1].bias[:16] += 0.3
    change = (restoration(image, mask) - image)[..., 40:80, 40:80].mean((0, 2, 3))
    assert change.max() - change.min() < 0.02
    assert change.mean() > 0.02


def test_a_limit_holds_the_change_of_what_is_not_damaged(restoration):
    image, mask = damaged_example(80, 80, damaged=0)
    free, held = (restoration(image, mask, limit) - image for limit in (None, 0.001))
    assert free.square().mean().sqrt() > 0.01
    assert held.square().mean().sqrt() < 0.0015
    assert torch.equal(restoration(image, mask, 10.0), restoration(image, mask))
    around = restoration.activity(image, mask)
    assert around.shape == mask.shape
    assert around.min() > 0.005


def test_attention_stays_within_its_cell():
    torch.manual_seed(0)
    attention = CellAttention(8, 4)
    x, damaged = torch.randn(1, 8, 8, 8), torch.zeros(1, 1, 8, 8)
    damaged[..., 1, 1] = damaged[..., 6, 6] = 1
    changed = x.clone()
    changed[..., 4:, 4:] += 1
    difference = (attention(changed, damaged) - attention(x, damaged)).abs().amax((0, 1))
    assert difference[:4].max() == 0
    assert difference[6, 6] > 0


def test_attention_sees_undamaged_places_alone():
    torch.manual_seed(0)
    attention = CellAttention(8, 4)
    x, damaged = torch.randn(1, 8, 4, 4), torch.zeros(1, 1, 4, 4)
    damaged[..., 0, :2] = 1
    changed = x.clone()
    changed[..., 0, 1] += 1
    assert torch.allclose(attention(changed, damaged)[..., 0, 0], attention(x, damaged)[..., 0, 0], atol=1e-6)
    changed[..., 3, 3] += 1
    assert not torch.allclose(attention(changed, damaged)[..., 0, 0], attention(x, damaged)[..., 0, 0], atol=1e-6)


def test_a_cell_that_is_damaged_all_over_stays_finite():
    assert CellAttention(8, 4)(torch.randn(2, 8, 6, 7), torch.ones(2, 1, 6, 7)).isfinite().all()


def test_every_parameter_of_the_translation_learns(restoration):
    image, mask = damaged_example(40, 36, 0.02)
    restoration(image, mask).square().sum().backward()
    idle = {name for name, p in restoration.translation.named_parameters() if p.grad is None or not p.grad.abs().sum()}
    assert not idle


@pytest.mark.parametrize("cell", [0, 1, 65, 10**6])
def test_a_cell_that_would_fill_the_memory_is_refused(cell):
    with pytest.raises(ValueError, match=f"cell is {cell}; an attention over all of it wants 2 to 64"):
        CompactTranslation(cell=cell)
