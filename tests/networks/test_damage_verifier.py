import torch

from daguerre.networks.damage_verifier import CHANNELS, MEASURES, RING, SIDE, DamageVerifier


def network(**changes):
    torch.manual_seed(0)
    return DamageVerifier(**{"width": 0.1, "layers": ("relu1_1", "relu2_1"), "hidden": 8} | changes).eval()


def piece(*, top=20, left=20):
    """A view of gray with a white piece of 4 x 10 pixels."""
    views = torch.full((1, CHANNELS, SIDE, SIDE), 0.4)
    views[:, 3:] = 0
    views[:, :4, top : top + 4, left : left + 10] = 0.9
    views[:, 4, top : top + 4, left : left + 10] = 1
    return views


def test_each_piece_gets_an_answer_of_its_own():
    made, views, measures = network(), torch.rand(3, CHANNELS, SIDE, SIDE), torch.randn(3, MEASURES)
    together = made(made.describe(views, measures))
    assert together.shape == (3,)
    alone = torch.cat([made(made.describe(views[n : n + 1], measures[n : n + 1])) for n in range(3)])
    torch.testing.assert_close(together, alone)
    for changed in ((1 - views, measures), (views, measures + 1)):
        assert not torch.allclose(made(made.describe(*changed)), together)


def test_a_description_holds_the_measurements_and_the_likelihood_of_the_piece():
    measures = torch.randn(1, MEASURES)
    described = network().describe(piece(), measures)
    torch.testing.assert_close(described[:, :MEASURES], measures)
    torch.testing.assert_close(described[:, MEASURES], torch.tensor([0.9]))


def test_the_piece_and_the_ring_around_it_are_described_apart():
    made, plain = network(layers=("relu1_1",)), piece()
    inside, around, elsewhere = (plain.clone() for _ in range(3))
    inside[:, :3, 21:23, 22:28] = 0.1  # two pixels from the ring: a convolution reaches one
    around[:, :3, 20 - RING, 22:28] = 0.9
    elsewhere[:, :3, 50:, 50:] = 0.9
    width = made.vgg.channels("relu1_1")
    parts = {"piece": slice(MEASURES + 1, MEASURES + 1 + width), "ring": slice(MEASURES + 1 + width, -width)}
    parts["view"] = slice(-width, None)
    usual = made.describe(plain, torch.zeros(1, MEASURES))
    for changed, where in ((inside, {"piece", "view"}), (around, {"ring", "view"}), (elsewhere, {"view"})):
        now = made.describe(changed, torch.zeros(1, MEASURES))
        assert {name for name, part in parts.items() if not torch.allclose(now[:, part], usual[:, part])} == where


def test_colors_do_not_matter():
    made, coloured = network(), torch.rand(1, CHANNELS, SIDE, SIDE)
    grey = torch.cat([coloured[:, :3].mean(1, keepdim=True).expand(-1, 3, -1, -1), coloured[:, 3:]], 1)
    measures = torch.zeros(1, MEASURES)
    torch.testing.assert_close(made.describe(coloured, measures), made.describe(grey, measures))


def test_descriptions_are_seen_relative_to_their_usual_values():
    made = network()
    described = torch.randn(1, len(made.middle))
    expected = made(described)
    made.middle.fill_(5.0)
    made.spread.fill_(2.0)
    torch.testing.assert_close(made(2 * described + 5), expected)


def test_the_perceptual_network_is_not_trained():
    assert not any(weight.requires_grad for weight in network().vgg.parameters())
