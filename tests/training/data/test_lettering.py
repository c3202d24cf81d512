import torch

from daguerre.training.data.lettering import lettering, words


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_generator_writes_the_same_words_again_and_others_other_ones():
    assert words(30, seeded()) == words(30, seeded())
    assert words(30, seeded()) != words(30, seeded(1))
    assert len(words(30, seeded()).replace(" ", "")) >= 25


def test_ink_covers_some_of_a_picture_and_never_more_than_wholly():
    covers = [lettering(120, 160, size=14, generator=seeded(seed)) for seed in range(8)]
    assert {tuple(cover.shape) for cover in covers} == {(1, 1, 120, 160)}
    assert all(cover.min() >= 0 and cover.max() <= 1 for cover in covers)
    inked = [(cover > 0.5).float().mean().item() for cover in covers]
    assert 0 < sum(inked) / len(inked) < 0.3


def test_larger_letters_are_written_in_larger_strokes():
    small, large = (
        sum((lettering(200, 300, size=size, generator=seeded(seed)) > 0.5).float().sum() for seed in range(6))
        for size in (8, 24)
    )
    assert large > small
