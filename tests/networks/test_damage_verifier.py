import torch

from daguerre.networks.damage_verifier import CHANNELS, MEASURES, SIDE, DamageVerifier


def test_each_piece_gets_an_answer_of_its_own():
    torch.manual_seed(0)
    network = DamageVerifier(features=(4, 8), hidden=8).eval()
    near, far = torch.rand(2, 3, CHANNELS, SIDE, SIDE)
    measures = torch.randn(3, MEASURES)
    together = network(near, far, measures)
    assert together.shape == (3,)
    alone = torch.cat([network(near[n : n + 1], far[n : n + 1], measures[n : n + 1]) for n in range(3)])
    torch.testing.assert_close(together, alone)
    for changed in ((1 - near, far, measures), (near, 1 - far, measures), (near, far, measures + 1)):
        assert not torch.allclose(network(*changed), together)


def test_measurements_are_seen_relative_to_their_usual_values():
    torch.manual_seed(0)
    network = DamageVerifier(features=(4, 8), hidden=8).eval()
    views, measures = torch.rand(2, 1, CHANNELS, SIDE, SIDE), torch.randn(1, MEASURES)
    expected = network(*views, measures)
    network.middle.fill_(5.0)
    network.spread.fill_(2.0)
    torch.testing.assert_close(network(*views, 2 * measures + 5), expected)
