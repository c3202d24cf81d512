import pytest

from daguerre.degradation.aging import AgeOptions, size_error
from daguerre.errors import OptionError


@pytest.mark.parametrize("changes", [{"strength": -1.0}, {"strength": 5.0}, {"seed": -1}])
def test_numbers_out_of_range_are_refused(changes):
    (name,) = changes
    with pytest.raises(OptionError, match=f"{name} is"):
        AgeOptions(**changes)


def test_every_picture_has_a_seed_of_its_own_that_the_options_seed_changes():
    seeds = [AgeOptions(seed=seed).seed_of(name) for seed in (0, 1) for name in ("a.jpg", "b.jpg")]
    assert len(set(seeds)) == 4
    assert AgeOptions().seed_of("a.jpg") == seeds[0]


def test_sizes_that_cannot_be_aged_are_told():
    assert size_error(16, 16) is None
    assert size_error(5000, 6000) is None
    assert size_error(15, 400) == "400 x 15 pixels cannot be aged; at least 16 a side, and at most 30 million in all"
    assert "6001 x 5000" in size_error(5000, 6001)
