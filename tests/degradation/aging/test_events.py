import pytest
import torch

from daguerre.degradation.aging.events import EVENTS, TONINGS, apply_events, capture, fade_over_years, scan, tone_print
from daguerre.degradation.aging.state import DAMAGES, Photograph


def photograph(seed: int = 0, strength: float = 1.0) -> Photograph:
    image = torch.rand(1, 3, 64, 56, generator=torch.Generator().manual_seed(7))
    return Photograph(image, torch.Generator().manual_seed(seed), strength)


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_damages_in_its_own_way_and_is_recorded(event):
    left = set()
    for seed in range(6):
        old = photograph(seed)
        EVENTS[event](old)
        assert old.steps, "what was done is on record"
        assert torch.equal(old.clean, photograph().image), "a perfect restoration undoes it"
        left |= set(old.kinds.unique().tolist()) - {0}
    assert len(left) == 1, "one kind of damage"
    assert DAMAGES[left.pop() - 1]


def test_events_happen_as_often_as_their_probability_says():
    happened = 0
    for seed in range(200):
        old = photograph(seed)
        apply_events(old, foxing=0.3)
        happened += bool(old.steps)
    assert 40 < happened < 80
    calm = photograph(strength=0.0)
    apply_events(calm, scratches=1.0, dust=1.0)
    assert not calm.steps, "never at strength 0"


def test_toning_is_nothing_to_undo_and_fading_is():
    toned, faded = photograph(), photograph()
    tone_print(toned, ["gold"], 1.0, 1.0)
    assert torch.equal(toned.image, toned.clean)
    assert (toned.steps[0]["shadow"], toned.steps[0]["light"]) == tuple(list(colour) for colour in TONINGS["gold"])
    fade_over_years(faded, lift=0.2, dull=0.1, stain=0.5)
    assert torch.equal(faded.clean, photograph().image)
    assert not torch.equal(faded.toned, faded.clean)


def test_camera_and_scanner_change_the_texture_alone():
    old = photograph()
    capture(old, blur=1.3, grain=0.05)
    scan(old, grey=0.0)
    assert {"blur", "grain"} <= {step["step"] for step in old.steps}
    assert torch.equal(old.clean, photograph().image)
    assert torch.equal(old.toned, old.clean)
    assert not old.kinds.any()
