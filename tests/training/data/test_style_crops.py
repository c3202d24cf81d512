import numpy as np
import pytest
import torch
from PIL import Image

from daguerre.progress import silent
from daguerre.training.data.style_crops import StyleCrops, hue_rotation, load_parts, recolour, shrink_uint8


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_pieces_of_any_picture_have_the_side_asked_for():
    parts = [[(torch.rand(3, 70, 200) * 255).byte()], [(torch.rand(3, 300, 90) * 255).byte()]]
    pieces = StyleCrops(parts, [1.0, 1.0], least=40).draw(8, 32, generator())
    assert pieces.shape == (8, 3, 32, 32)
    assert 0 <= pieces.min() < pieces.max() <= 1
    assert pieces.equal(StyleCrops(parts, [1.0, 1.0], least=40).draw(8, 32, generator()))


def test_a_part_that_counts_nothing_is_not_drawn_from():
    pattern = torch.tensor([0, 255], dtype=torch.uint8).repeat(3, 64, 32)
    red = pattern * torch.tensor([1, 0, 0], dtype=torch.uint8)[:, None, None]
    pieces = StyleCrops([[red], [pattern]], [1.0, 0.0], least=64).draw(16, 64, generator())
    assert pieces[:, 0].max() == 1
    assert pieces[:, 1:].max() == 0


def test_flat_pieces_are_drawn_again():
    picture = torch.zeros(3, 200, 200, dtype=torch.uint8)
    picture[:, :100] = (torch.rand(3, 100, 200, generator=generator()) * 255).byte()
    flat = sum(piece.std() < 0.03 for piece in StyleCrops([[picture]], [1.0], least=40).draw(50, 40, generator()))
    assert flat <= 2  # a third of all without that


def test_turning_the_hue_keeps_greys_and_the_full_turn_keeps_all():
    torch.testing.assert_close(hue_rotation(1.0, 1.3) @ torch.ones(3), torch.ones(3))
    torch.testing.assert_close(hue_rotation(2 * torch.pi, 1.0), torch.eye(3), rtol=0, atol=1e-6)
    third = hue_rotation(2 * torch.pi / 3, 1.0) @ torch.tensor([1.0, 0.0, 0.0])
    torch.testing.assert_close(third, torch.tensor([0.0, 1.0, 0.0]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_some_images_get_other_colours(share):
    images = torch.rand(40, 3, 8, 8, generator=generator())
    changed = recolour(images, share, generator(1))
    assert 0 <= changed.min() <= changed.max() <= 1
    kept = sum(a.equal(b) for a, b in zip(images, changed, strict=True))
    assert abs(kept - 40 * (1 - share)) < 10 * (0 < share < 1) + 1


def test_parts_are_read_reduced_and_held_out_by_name(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "one").mkdir()
    for i in range(12):
        Image.fromarray(random.integers(0, 256, (400 + i, 800, 3), dtype=np.uint8)).save(tmp_path / "one" / f"{i}.png")
    learnt, held, missing = load_parts(tmp_path, ["one"], 0.25, silent)
    assert len(learnt[0]) + len(held[0]) == 12
    assert held[0]
    assert missing == []
    assert {min(picture.shape[1:]) for picture in (*learnt[0], *held[0])} == {384}
    assert shrink_uint8(torch.zeros(3, 10, 20, dtype=torch.uint8), 30).shape == (3, 10, 20)
