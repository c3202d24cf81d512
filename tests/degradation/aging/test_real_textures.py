import pytest
import torch

from daguerre.degradation.aging.real_textures import (
    STYLES,
    crack_net,
    cut_out,
    flakes,
    lay_cut_out,
    lay_damage,
    read_texture,
    specks,
    take,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def scan(ground, line, *, channels=3):
    """A scan (3, 120, 160) of a line four pixels wide."""
    pixels = torch.full((channels, 120, 160), ground, dtype=torch.uint8)
    pixels[:3, 60:64, 20:140] = line
    return pixels


@pytest.mark.parametrize(("ground", "line"), [(20, 230), (240, 20)])
def test_a_scan_of_light_or_dark_damage_covers_where_the_damage_is(ground, line):
    texture = read_texture(scan(ground, line))
    assert texture.form == "damage"
    assert (texture.cover[0, 61:63, 30:130] > 200).all()
    assert (texture.cover[0, :50] == 0).all()


def test_alpha_covers():
    pixels = torch.zeros(4, 120, 160, dtype=torch.uint8)
    pixels[3, 10:20, 10:20] = 255
    texture = read_texture(pixels)
    assert texture.form == "damage"
    assert torch.equal(texture.cover[0], pixels[3])


def test_what_is_solid_around_and_empty_within_is_a_frame():
    pixels = torch.full((4, 120, 160), 255, dtype=torch.uint8)
    pixels[3, 15:-15, 15:-15] = 0
    assert read_texture(pixels).form == "frame"


def test_plain_or_yellowed_paper_is_no_damage():
    yellowed = torch.tensor([230, 200, 140], dtype=torch.uint8).view(3, 1, 1).expand(3, 120, 160)
    assert read_texture(yellowed).form == "paper"
    assert read_texture(scan(240, 240)).form == "paper"


def test_a_scan_crowded_with_marks_is_not_used():
    noise = torch.randint(0, 2, (1, 120, 160), generator=seeded(), dtype=torch.uint8) * 255
    assert read_texture(torch.cat([torch.zeros(3, 120, 160, dtype=torch.uint8), noise])) is None


def test_a_piece_is_square_and_more_often_has_damage_than_not():
    cover = torch.zeros(1, 400, 400, dtype=torch.uint8)
    cover[:, 300:340, 300:340] = 255
    pieces = [take(cover, 64, seeded(seed)) for seed in range(40)]
    assert all(piece.shape == (1, 1, 64, 64) and piece.min() >= 0 and piece.max() <= 1.001 for piece in pieces)
    assert sum(bool(piece.max() > 0.5) for piece in pieces) > 8, "a single place in nine has some"


@pytest.mark.parametrize("style", sorted(set(STYLES)))
def test_damage_changes_what_is_covered_and_little_around_it(style):
    image = torch.full((1, 3, 64, 64), 0.4)
    cover = torch.zeros(1, 1, 64, 64)
    cover[..., 28:36, 8:56] = 1
    made = lay_damage(image, cover, style=style, generator=seeded(3))
    assert torch.equal(made, lay_damage(image, cover, style=style, generator=seeded(3)))
    changed = (made - image).abs().amax(1)[0]
    assert changed[30:34, 12:52].mean() > 0.05
    assert changed[:16].max() < 1e-3
    assert made.min() >= 0
    assert made.max() <= 1


def test_specks_cracks_and_flakes_cover_about_as_much_as_is_asked():
    like = torch.zeros(1, 3, 128, 128)
    few, many = (specks(like, share=share, generator=seeded()).mean() for share in (0.001, 0.01))
    assert 0 < few < many < 0.2
    fine, wide = (crack_net(like, cells=12, width=width, generator=seeded()).mean() for width in (0.5, 3.0))
    assert 0 < fine < wide < 0.5
    assert flakes(like, size=20, share=0.1, generator=seeded()).mean() == pytest.approx(0.1, abs=0.05)


def scratched():
    """A gray photograph with a white line four pixels wide, and where that is."""
    photograph, damaged = torch.full((3, 100, 120), 90, dtype=torch.uint8), torch.zeros(1, 100, 120, dtype=torch.bool)
    photograph[:, 50:54], damaged[:, 50:54] = 240, True
    return photograph, damaged


def test_damage_is_cut_out_of_what_a_photograph_would_be_without_it():
    photograph, damaged = scratched()
    texture = cut_out(photograph, damaged)
    assert texture.form == "cutout"
    assert (texture.cover[damaged] == 255).all()
    assert (texture.beneath.int() - 90).abs().max() <= 2
    assert torch.equal(texture.pixels, photograph)


def test_cut_out_damage_changes_other_pictures_where_it_is_and_nowhere_else():
    texture, picture = cut_out(*scratched()), torch.full((1, 3, 64, 64), 0.2)
    changes = [lay_cut_out(picture, texture, generator=seeded(seed)) - picture for seed in range(12)]
    assert all((change >= -0.01).all() and change.max() > 0.3 for change in changes)
    assert all((change.abs().amax(1) < 0.02).float().mean() > 0.5 for change in changes)
    assert torch.equal(lay_cut_out(picture, texture, generator=seeded(3)) - picture, changes[3])
