"""The networks and losses that a recipe names."""

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from torch import nn

from daguerre import weights
from daguerre.errors import RecipeError, UnknownArchitecture
from daguerre.networks.vgg import VGG
from daguerre.options import nearest
from daguerre.training.losses import (
    L1,
    Charbonnier,
    GANLoss,
    Grid,
    Hinge,
    LeastSquares,
    Perceptual,
    RelativisticAverage,
    TotalVariation,
    Vanilla,
    WeightedSum,
)
from daguerre.training.recipe import DiscriminatorPlan, InitPlan, NetworkPlan, Recipe
from daguerre.weights.registry import build

__all__ = ["build_network", "check_losses", "image_losses", "initial_network", "make_gan_loss"]

Network = TypeVar("Network", bound=nn.Module)


def build_network(plan: NetworkPlan) -> nn.Module:
    """Build a network of `daguerre.networks` with fresh weights.

    Raises:
        RecipeError: the network is unknown, or does not take these arguments.
    """
    try:
        return build(plan.name, plan.arguments)
    except UnknownArchitecture as error:
        raise RecipeError(str(error)) from error
    except (TypeError, ValueError) as error:
        raise RecipeError(f"cannot build {plan.name} with {plan.arguments}: {error}") from error


def initial_network(recipe: Recipe, kind: type[Network]) -> Network:
    """Build the network of a recipe and give it the weights it starts from, if any.

    Raises:
        RecipeError: it cannot be built, or is not of the `kind` that a trainer trains.
    """
    network = build_network(recipe.network)
    if recipe.init is not None:
        load_pretrained(network, recipe.init)
    if not isinstance(network, kind):
        raise RecipeError(f"this step trains {kind.__name__}, not {recipe.network.name}")
    return network


def load_pretrained(network: nn.Module, init: InitPlan) -> None:
    """Copy pretrained weights by name; all must be present and fit, except those that the recipe skips.

    Raises:
        RecipeError: a weight is missing, left over, or has another shape.
    """
    ours = network.state_dict()
    theirs = weights.load(init.weights).network.state_dict() if init.weights else {}
    for part, source in init.parts.items():
        inner = {f"{part}.{name}": weight for name, weight in weights.load(source).network.state_dict().items()}
        theirs |= {name: weight for name, weight in inner.items() if name in ours}  # ours may end at an earlier layer
    kept = {name for name in ours | theirs if not name.startswith(init.skip)}
    for name in sorted(kept):
        mine, given = (tuple(state[name].shape) if name in state else "missing" for state in (ours, theirs))
        if mine != given:
            raise RecipeError(f"{name} is {mine} in this network but {given} in {init.weights!r}; name it in init.skip")
    network.load_state_dict(ours | {name: theirs[name] for name in kept})


def image_losses(recipe: Recipe, more: Collection[str] = ()) -> WeightedSum:
    """The losses between output and target images that a recipe names; `more` are those that a trainer adds itself.

    Raises:
        RecipeError: a loss is unknown.
    """

    def perceptual() -> Perceptual:
        plan = recipe.perceptual
        network = weights.load(plan.weights).network
        if not isinstance(network, VGG):
            raise RecipeError(f"perceptual.weights are {plan.weights!r}, a {type(network).__name__}; give a VGG19")
        for layer in plan.layers:
            if layer not in network.layers:
                kind = type(network).__name__
                raise RecipeError(f"perceptual.layers: {kind} has no layer {layer!r}{nearest(layer, network.layers)}")
        if not plan.layers:
            raise RecipeError("perceptual.layers is empty; name a layer and its weight, such as conv5_4 = 1.0")
        return Perceptual(network, plan.layers, directions=plan.directions)

    known: dict[str, Callable[[], nn.Module]] = {
        "charbonnier": Charbonnier,
        "grid": lambda: Grid(recipe.network.arguments.get("scale", 4)),
        "l1": L1,
        "perceptual": perceptual,
        "total_variation": TotalVariation,
    }
    check_losses(recipe.losses, {*known, *more})
    return WeightedSum({name: known[name]() for name in recipe.losses if name in known}, recipe.losses)


def make_gan_loss(plan: DiscriminatorPlan) -> GANLoss:
    """The adversarial loss that a recipe names."""
    kinds: dict[str, type[GANLoss]] = {
        "hinge": Hinge,
        "least_squares": LeastSquares,
        "relativistic": RelativisticAverage,
        "vanilla": Vanilla,
    }
    return kinds[plan.loss]()


def check_losses(losses: Mapping[str, float], known: Collection[str]) -> None:
    """Refuse unknown losses, and a recipe without any.

    Raises:
        RecipeError: names the loss and the known ones.
    """
    for name in losses:
        if name not in known:
            raise RecipeError(f"no loss {name!r} in this step{nearest(name, known)}")
    if not losses:
        raise RecipeError(f"[losses] is empty{nearest('', known)}")
