import pytest
import torch
from lightning.fabric import Fabric

from daguerre.errors import RecipeError
from daguerre.training.adversarial import Discriminator, features, logits
from daguerre.training.recipe import Recipe, parse_recipe

UNET = {"name": "UNetDiscriminatorSN", "arguments": {"features": 2}}
SIDE_64 = {"name": "ESRGANDiscriminator", "arguments": {"side": 64}}
MULTI_SCALE = {"name": "MultiScaleDiscriminator", "arguments": {"features": 2, "layers": 1, "scales": 2}}


def recipe(network=UNET, **losses: float) -> Recipe:
    return parse_recipe(
        {
            "name": "tiny",
            "step": "super_resolution",
            "steps": 10,
            "crop": 16,
            "network": {"name": "SRCNN"},
            "data": {"parts": ["."]},
            "optimizer": {"lr": 1e-2},
            "losses": {"l1": 1.0} | losses,
            "discriminator": {"network": network, "optimizer": {"lr": 1e-2}},
        }
    )


def discriminator(network=UNET, **losses: float) -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(recipe(network, **losses), Fabric(accelerator="cpu", devices=1))


def batches() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 16, 16, generator=generator), 0.2 * torch.rand(2, 3, 16, 16, generator=generator)


def test_it_sees_real_and_generated_images_in_one_batch(monkeypatch):
    """So that batch normalization cannot hide what tells them apart; in the generator's step and in its own."""
    judge, (real, fake), sizes = discriminator(adversarial=0.1), batches(), []
    judge.model.module.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    judge.generator_loss(real, fake)
    judge.training_step(real, fake, 1)
    assert sizes == [4, 4]


def test_the_generator_gets_a_gradient_and_the_discriminator_none():
    judge, (real, fake) = discriminator(adversarial=0.5), batches()
    loss, parts = judge.generator_loss(real, fake.requires_grad_())
    loss.backward()
    assert loss.item() == pytest.approx(0.5 * parts["adversarial"].item())
    assert fake.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in judge.model.module.parameters())


def test_training_it_tells_real_from_generated_images_better():
    judge, (real, fake) = discriminator(adversarial=0.1), batches()
    losses = [judge.training_step(real, fake, step).item() for step in range(1, 8)]
    assert losses[-1] < losses[0]


def test_features_of_several_scales_are_matched():
    judge, (real, fake) = discriminator(MULTI_SCALE, adversarial=0.1, feature_matching=0.1), batches()
    _, parts = judge.generator_loss(real, fake)
    assert parts["feature_matching"] > 0
    assert judge.generator_loss(real, real)[1]["feature_matching"] == 0
    output = judge.model.module(real)
    assert logits(output).shape[0] == len(real)
    assert len(features(output)) == sum(len(maps) - 1 for maps in output)


@pytest.mark.parametrize(
    ("network", "losses", "message"),
    [
        (UNET, {}, r"a \[discriminator\] and a weight losses.adversarial go together"),
        ({"name": "SRCNN"}, {"adversarial": 1.0}, "SRCNN is no discriminator"),
        (
            {"name": "ESRGANDiscriminator", "arguments": {"side": 64}},
            {"adversarial": 1.0},
            "a side of 64, but crop is 16",
        ),
        (UNET, {"adversarial": 1.0, "feature_matching": 1.0}, "has no features to match; take MultiScaleDiscriminator"),
    ],
)
def test_what_does_not_fit_together_is_named(network, losses, message):
    with pytest.raises(RecipeError, match=message):
        discriminator(network, **losses)
