"""The networks and losses that a recipe asks for by name."""

from collections.abc import Callable, Collection, Mapping

from torch import nn

from daguerre import weights
from daguerre.errors import RecipeError, UnknownArchitecture
from daguerre.networks.vgg import VGG19, VGG19_LAYERS
from daguerre.options import nearest
from daguerre.training.losses import (
    L1,
    Adversarial,
    Charbonnier,
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

__all__ = ["check_losses", "game", "image_losses", "make_network", "start"]


def make_network(plan: NetworkPlan) -> nn.Module:
    """Build a network of `daguerre.networks` with fresh weights.

    Raises:
        RecipeError: there is no such network, or it does not take these arguments.
    """
    try:
        return build(plan.name, plan.arguments)
    except UnknownArchitecture as error:
        raise RecipeError(str(error)) from error
    except (TypeError, ValueError) as error:
        raise RecipeError(f"cannot build {plan.name} with {plan.arguments}: {error}") from error


def start(recipe: Recipe) -> nn.Module:
    """Build the network of a recipe and give it the weights it starts from, if any."""
    network = make_network(recipe.network)
    if recipe.init is not None:
        take_over(network, recipe.init)
    return network


def take_over(network: nn.Module, init: InitPlan) -> None:
    """Copy weights by name; all must be there and fit, but those the recipe skips.

    Raises:
        RecipeError: a weight is missing, left over, or has another shape.
    """
    ours = network.state_dict()
    theirs = weights.load(init.weights).network.state_dict()
    kept = {name for name in ours | theirs if not name.startswith(init.skip)}
    for name in sorted(kept):
        mine, given = (tuple(state[name].shape) if name in state else "missing" for state in (ours, theirs))
        if mine != given:
            raise RecipeError(f"{name} is {mine} in this network but {given} in {init.weights!r}; name it in init.skip")
    network.load_state_dict(ours | {name: theirs[name] for name in kept})


def image_losses(recipe: Recipe, more: Collection[str] = ()) -> WeightedSum:
    """The losses between what is made and what is wanted that a recipe names; `more` are those a step itself knows.

    Raises:
        RecipeError: a loss is named that nobody knows.
    """

    def perceptual() -> Perceptual:
        plan = recipe.perceptual
        network = weights.load(plan.weights).network
        if not isinstance(network, VGG19):
            raise RecipeError(f"perceptual.weights are {plan.weights!r}, a {type(network).__name__}; give a VGG19")
        for layer in plan.layers:
            if layer not in VGG19_LAYERS:
                raise RecipeError(f"perceptual.layers: VGG-19 has no layer {layer!r}{nearest(layer, VGG19_LAYERS)}")
        if not plan.layers:
            raise RecipeError("perceptual.layers is empty; name a layer and its weight, such as conv5_4 = 1.0")
        return Perceptual(network, plan.layers)

    known: dict[str, Callable[[], nn.Module]] = {
        "charbonnier": Charbonnier,
        "grid": lambda: Grid(recipe.network.arguments.get("scale", 4)),
        "l1": L1,
        "perceptual": perceptual,
        "total_variation": TotalVariation,
    }
    check_losses(recipe.losses, {*known, *more})
    return WeightedSum({name: known[name]() for name in recipe.losses if name in known}, recipe.losses)


def game(plan: DiscriminatorPlan) -> Adversarial:
    """The adversarial loss that a recipe names."""
    games: dict[str, type[Adversarial]] = {
        "hinge": Hinge,
        "least_squares": LeastSquares,
        "relativistic": RelativisticAverage,
        "vanilla": Vanilla,
    }
    return games[plan.loss]()


def check_losses(losses: Mapping[str, float], known: Collection[str]) -> None:
    """Refuse losses that a step does not know, and none at all.

    Raises:
        RecipeError: names the loss and what is known.
    """
    for name in losses:
        if name not in known:
            raise RecipeError(f"no loss {name!r} in this step{nearest(name, known)}")
    if not losses:
        raise RecipeError(f"[losses] is empty{nearest('', known)}")
