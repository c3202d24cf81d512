import torch

from daguerre.training.data.draws import Draws


def test_all_draws_come_from_the_generator_and_stay_in_their_ranges():
    def some(seed):
        dice = Draws(torch.Generator().manual_seed(seed))
        return [(dice.number(2, 3), dice.log(1, 100), dice.maybe(0.5), dice.pick("abc")) for _ in range(200)]

    assert some(0) == some(0) != some(1)
    numbers, logs, chances, letters = zip(*some(0), strict=True)
    assert 2 <= min(numbers) < max(numbers) <= 3
    assert 1 <= min(logs) < 10 < max(logs) <= 100
    assert 60 < sum(chances) < 140
    assert set(letters) == set("abc")
