import math

import pytest
import torch
from torch import Tensor, nn

from daguerre.training.losses import (
    KL,
    L1,
    Charbonnier,
    Dice,
    FeatureMatching,
    Grid,
    Hinge,
    LeastSquares,
    Perceptual,
    RelativisticAverage,
    TotalVariation,
    Vanilla,
    WeightedSum,
    content_distance,
    gram,
    sorted_colours,
)


def flat(value: float) -> Tensor:
    return torch.full((2, 3, 4, 6), value)


def test_l1_is_the_mean_absolute_difference():
    assert L1()(flat(0.5), flat(0.25)).item() == 0.25


def test_charbonnier_is_the_hypotenuse_of_difference_and_epsilon():
    assert Charbonnier(0.003)(flat(0.504), flat(0.5)).item() == pytest.approx(0.005, abs=1e-7)


def test_charbonnier_has_a_gradient_of_zero_at_zero():
    made = flat(0.5).requires_grad_()
    Charbonnier()(made, flat(0.5)).backward()
    assert made.grad is not None
    assert made.grad.abs().max() == 0


def test_total_variation_counts_steps_in_both_directions():
    columns = torch.tensor([0.0, 1.0]).repeat(3).expand(1, 3, 4, 6)
    chequers = (torch.arange(4)[:, None] + torch.arange(6)).remainder(2).float().expand(1, 3, 4, 6)
    loss = TotalVariation()
    assert [loss(image, image).item() for image in (flat(0.3), columns, chequers)] == [0, 1, 2]


def test_a_grid_is_what_all_cells_share():
    columns = torch.tensor([0.0, 1.0]).repeat(16).expand(1, 3, 32, 32)
    chance = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    nothing = torch.zeros(1, 3, 32, 32)
    assert [Grid(2)(image, nothing).item() for image in (nothing + 0.3, columns)] == [0, 0.25]
    assert Grid(2)(columns, columns).item() == 0
    assert Grid(4)(columns, nothing).item() == 0.25, "a finer grid is one, too"
    assert Grid(3)(columns, nothing).item() < 0.01
    assert Grid(4)(chance, torch.zeros_like(chance)).item() < 0.002


def test_dice_counts_what_two_masks_share():
    half = torch.cat([torch.ones(1, 2, 1, 2), torch.zeros(1, 2, 1, 2)], 3)
    assert Dice(0)(torch.full((1, 2, 1, 4), 0.5), half).item() == 0.5
    assert Dice(0)(half, half).item() == 0
    assert Dice(0)(half, 1 - half).item() == 1


def test_dice_is_smoothed_where_nothing_is_damaged_and_averages_channels():
    nothing = torch.zeros(1, 1, 2, 2)
    assert Dice(1)(nothing, nothing).item() == 0
    found = torch.cat([nothing, nothing + 1], 1)
    assert Dice(1)(found, torch.zeros(1, 2, 2, 2)).item() == pytest.approx((1 - 1 / 5) / 2)


def test_feature_matching_averages_layers_of_any_size_alike():
    made = [torch.ones(1, 8, 4, 4), torch.zeros(1, 2, 2, 2)]
    wanted = [torch.zeros(1, 8, 4, 4), torch.zeros(1, 2, 2, 2)]
    assert FeatureMatching()(made, wanted).item() == 0.5


def test_kl_of_a_shifted_and_of_a_wide_normal():
    assert KL()(torch.ones(3), torch.zeros(3)).item() == 0.5
    assert KL()(torch.zeros(3), torch.full((3,), math.log(4))).item() == pytest.approx((4 - math.log(4) - 1) / 2)
    assert KL()(torch.zeros(3), torch.zeros(3)).item() == 0


class TwoLayers(nn.Module):
    """Features that one can compute by hand: the image, and its double."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(2.0))

    def forward(self, image: Tensor, layers: list[str]) -> dict[str, Tensor]:
        known = {"conv1_1": image, "conv1_2": self.gain * image}
        return {name: known[name] for name in layers}


def test_perceptual_loss_weighs_layers():
    loss = Perceptual(TwoLayers(), {"conv1_1": 1.0, "conv1_2": 0.5})
    assert loss(flat(0.5), flat(0.25)).item() == 0.25 + 0.5 * 0.5


def test_perceptual_loss_of_directions_heeds_no_lengths():
    loss = Perceptual(TwoLayers(), {"conv1_1": 1.0, "conv1_2": 0.5}, directions=True)
    made, longer, across = (
        torch.tensor(x)[None, :, None, None].expand(2, 2, 4, 6) for x in ([3.0, 4], [6.0, 8], [4.0, -3])
    )
    assert loss(made, longer).item() == pytest.approx(0, abs=1e-12)
    assert loss(made, across).item() == pytest.approx(2 + 0.5 * 2)
    assert loss(0 * made, 0 * made).item() == 0


def test_perceptual_loss_teaches_the_image_and_not_the_features():
    features = TwoLayers()
    made, wanted = flat(0.5).requires_grad_(), flat(0.25).requires_grad_()
    Perceptual(features, {"conv1_2": 1.0})(made, wanted).backward()
    assert made.grad is not None
    assert wanted.grad is None
    assert features.gain.grad is None


def test_weighted_sum_adds_up_and_tells_its_parts():
    total, parts = WeightedSum({"l1": L1(), "total_variation": TotalVariation()}, {"l1": 2.0, "total_variation": 1.0})(
        flat(0.5), flat(0.25)
    )
    assert total.item() == 0.5
    assert {name: part.item() for name, part in parts.items()} == {"l1": 0.25, "total_variation": 0}


def test_weighted_sum_takes_other_targets_for_single_losses():
    losses = WeightedSum({"l1": L1(), "charbonnier": Charbonnier(0)}, {"l1": 1.0, "charbonnier": 1.0})
    _, parts = losses(flat(0.5), flat(0.25), {"charbonnier": flat(0.0)})
    assert {name: part.item() for name, part in parts.items()} == {"l1": 0.25, "charbonnier": 0.5}


ZERO = torch.zeros(2, 1)
REAL, FAKE = torch.tensor([[2.0], [0.0]]), torch.tensor([[-1.0], [-1.0]])


@pytest.mark.parametrize(
    ("loss", "generator", "discriminator"),
    [
        (Vanilla(), math.log(2), math.log(2)),
        (RelativisticAverage(), math.log(2), math.log(2)),
        (LeastSquares(), 1, 0.5),
        (Hinge(), 0, 1),
    ],
)
def test_adversarial_losses_of_a_discriminator_that_knows_nothing(loss, generator, discriminator):
    assert loss.for_generator(ZERO, ZERO).item() == pytest.approx(generator)
    assert loss.for_discriminator(ZERO, ZERO).item() == pytest.approx(discriminator)


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


@pytest.mark.parametrize(
    ("loss", "generator", "discriminator"),
    [
        (Vanilla(), softplus(1), ((softplus(-2) + softplus(0)) / 2 + softplus(-1)) / 2),
        # real - mean(fake) is 3 and 1; fake - mean(real) is -2 and -2.
        (
            RelativisticAverage(),
            ((softplus(3) + softplus(1)) / 2 + softplus(2)) / 2,
            ((softplus(-3) + softplus(-1)) / 2 + softplus(-2)) / 2,
        ),
        (LeastSquares(), 4, ((1 + 1) / 2 + 1) / 2),
        (Hinge(), 1, ((0 + 1) / 2 + 0) / 2),
    ],
)
def test_adversarial_losses_by_hand(loss, generator, discriminator):
    assert loss.for_generator(REAL, FAKE).item() == pytest.approx(generator)
    assert loss.for_discriminator(REAL, FAKE).item() == pytest.approx(discriminator)


def test_gram_matrices_by_hand():
    features = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(gram(features)[0, 1, 2], (features[0, 1] * features[0, 2]).mean())


def test_content_distance_minds_neither_colour_nor_contrast():
    features = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    assert content_distance(2 * features + 1, features) < 1e-3
    assert content_distance(-features, features).item() == pytest.approx(2, rel=0.05)
    assert content_distance(features.flip(3), features).item() == pytest.approx(1, abs=0.2)
    assert content_distance(torch.zeros(1, 4, 8, 8), torch.ones(1, 4, 8, 8)) == 0


def test_sorted_colours_are_a_distribution():
    image = torch.tensor([[[[0.1, 0.4], [0.3, 0.2]]]]).expand(1, 3, 2, 2)
    directions = torch.tensor([[1.0, 0, 0], [0, 0, -1]])
    seen = sorted_colours(image, directions, 4)
    torch.testing.assert_close(seen, torch.tensor([[[0.1, 0.2, 0.3, 0.4], [-0.4, -0.3, -0.2, -0.1]]]))
    assert sorted_colours(image.flip(3), directions, 4).equal(seen)
    torch.testing.assert_close(sorted_colours(image, directions, 2)[0, 0], torch.tensor([0.1, 0.4]))
