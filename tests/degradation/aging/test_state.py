import pytest
import torch
from torch import Tensor

from daguerre.degradation.aging import DAMAGES, Aged, texture, tone
from daguerre.degradation.aging.state import Photograph


def picture(height: int = 48, width: int = 40) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))


def test_a_stain_does_not_bring_back_what_is_lost():
    photograph = Photograph(picture(), torch.Generator().manual_seed(0), 1.0)
    left, all_over = torch.zeros(1, 1, 48, 40), torch.ones(1, 1, 48, 40)
    left[..., :20] = 1
    for damage, mask in (("scratch", left), ("tape", all_over)):
        photograph.add_damage(damage, lambda image, generator, mask=mask: (image, mask))
    kinds = photograph.kinds[0, 0]
    assert set(kinds[:, :20].unique().tolist()) == {1 + DAMAGES.index("scratch")}
    assert set(kinds[:, 20:].unique().tolist()) == {1 + DAMAGES.index("tape")}
    aged = Aged(image=picture(), clean=picture(), toned=picture(), kinds=photograph.kinds, record={})
    assert torch.equal(aged.lost, left)
    assert torch.equal(aged.mask, all_over)


def test_both_twins_get_the_same_change_of_tone():
    old = Photograph(picture(), torch.Generator().manual_seed(0), 1.0)
    old.change_tones(tone.uneven_exposure, strength=0.5, generator=old.generator)
    assert torch.equal(old.image, old.toned)
    assert torch.equal(old.clean, picture())
    drawn = old.uniform(0, 1)
    old.change_tones(tone.silver_mirroring, strength=0.5, generator=old.generator)
    assert torch.equal(old.image, old.toned)
    assert drawn != old.uniform(0, 1)
    assert old.steps[0] == {"step": "uneven_exposure", "strength": 0.5}


def test_the_last_damage_of_a_pixel_counts():
    old = Photograph(picture(), torch.Generator().manual_seed(0), 1.0)
    corner, everywhere = torch.zeros(1, 1, 48, 40), torch.ones(1, 1, 48, 40)
    corner[..., :5, :5] = 1
    for damage, mask in (("tape", everywhere), ("scratch", corner)):
        old.add_damage(damage, lambda image, *, generator, mask=mask: (image, mask))
    assert old.kinds[0, 0, 0, 0] == 1 + DAMAGES.index("scratch")
    assert old.kinds[0, 0, 9, 9] == 1 + DAMAGES.index("tape")


def test_widths_grow_with_large_scans_only():
    small, large = (Photograph(torch.zeros(1, 3, s, s + 5), torch.Generator().manual_seed(0), 1.0) for s in (300, 2000))
    assert large.pixels(1, 2) == pytest.approx(2 * small.pixels(1, 2))
    assert large.squares == pytest.approx(2000 * 2005 / 512**2)


def test_damage_that_grain_and_fading_hide_is_in_no_mask_but_missing_paper_is():
    for damage, left in (("scratch", 0.0), ("tear", 1.0)):
        old = Photograph(torch.full((1, 3, 32, 32), 0.5), torch.Generator().manual_seed(0), 1.0)
        old.add_damage(damage, lambda image, *, generator: (image + 0.06, torch.ones_like(image[:, :1])))
        assert old.visible_kinds().eq(1 + DAMAGES.index(damage)).all()
        old.degrade(texture.noise, strength=0.1, generator=old.generator)
        old.change_tones(tone.fade, lift=0.3, dull=0.3, wash=0.0)
        assert (old.image - old.undamaged).mean() == pytest.approx(0.06 * 0.4, abs=0.01)
        assert old.visible_kinds().gt(0).float().mean() == left


def test_a_photograph_ages_alike_with_and_without_its_damage():
    old = Photograph(picture(), torch.Generator().manual_seed(0), 1.0)
    old.add_damage("scratch", lambda image, *, generator: (image, torch.ones_like(image[:, :1])))
    old.image = old.image.clone()
    old.change_original(tone.monochrome)
    old.degrade(texture.grain, strength=0.1, size=1.0, generator=old.generator)
    old.change_tones(tone.silver_mirroring, strength=0.5, generator=old.generator)
    assert torch.equal(old.image, old.undamaged)
    assert not torch.equal(old.image, old.toned)
