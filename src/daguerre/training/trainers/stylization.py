"""The step that trains a network to paint any photograph in any style in one pass."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.networks.style_transformer import AnyStyle
from daguerre.networks.vgg import VGG19, style_distance
from daguerre.progress import Progress, ProgressCallback
from daguerre.training.build import check_losses, start
from daguerre.training.data.style_crops import StyleCrops, read_parts, recolour, reduced
from daguerre.training.losses import Grid, TotalVariation, content_distance, gram, sorted_colours
from daguerre.training.optimization import Average, Trainee
from daguerre.training.recipe import Recipe, StylePlan

__all__ = ["Stylising"]

SMALLEST_STYLE = 96  # pixels of a piece of a style, and of a photograph
SMALLEST_PHOTOGRAPH = 80
KNOWN_STYLES = 1500  # from which the statistics' means and deviations are taken
DIRECTIONS = 6
AREA = 8
GRID = 4  # pixels under a place of the transformer's smallest maps
TRIALS = 24
SHOWN = 6
SHOWN_SIDE = 176

Grams = dict[str, Tensor]


class Stylising:
    """Paint a piece of a photograph in the style of a piece of another picture.

    Ghiasi et al. 2017, sec. 2. Differs from the paper: some photographs are painted in their own style, half in their
    own, or in two, so that strength and mixtures are learnt and need not be hoped for; the losses are relative to what
    they are compared with, and of the style's the square root, so that no layer and no style drowns the others.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        self.recipe, self.fabric = recipe, fabric
        if recipe.style is None:
            raise RecipeError("this step learns styles; add a [style] table with parts")
        self.plan: StylePlan = recipe.style
        check_losses(recipe.losses, {"content", "grid", "identity", "palette", "style", "total_variation"})
        network = start(recipe)
        if not isinstance(network, AnyStyle):
            raise RecipeError(f"this step trains AnyStyle, not {recipe.network.name}")
        eye = weights.load(recipe.perceptual.weights).network
        if not isinstance(eye, VGG19):
            raise RecipeError(f"perceptual.weights must be a VGG19, not {recipe.perceptual.weights!r}")
        eye.soften()
        eye = eye.eval().requires_grad_(False).to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.eye = cast(VGG19, eye)
        self.layers = sorted({*self.plan.content_layers, *self.plan.style_layers, *network.predictor.layers})
        self.variation, self.grid = TotalVariation(), Grid(GRID)
        self.labels: list[str] = []
        photographs, held_photographs, missing = read_parts(data, recipe.data.parts, recipe.validation.one_in, progress)
        styles, held_styles, more = read_parts(data, self.plan.parts, self.plan.one_in, progress)
        self.left_out = [*missing, *more]
        shares, device = self.shares(recipe.data.parts), fabric.device
        self.photographs = StyleCrops(photographs, shares, least=SMALLEST_PHOTOGRAPH, device=device)
        self.styles = StyleCrops(styles, self.shares(self.plan.parts), least=SMALLEST_STYLE, device=device)
        if recipe.init is None:
            self.give_eye(network, progress)
        self.trainee = Trainee(fabric, network, recipe, recipe.optimizer)
        self.average = Average(self.trainee.bare, recipe.ema)
        self.predictor = cast(AnyStyle, self.average.network).predictor  # for what of it is not learnt
        self.trial_photographs = [self.whole(p, recipe.validation.crop) for p in spread(held_photographs)]
        self.trial_styles = [self.whole(s, recipe.validation.crop) for s in spread(held_styles)]

    def shares(self, parts: tuple[str, ...]) -> list[float]:
        return [self.plan.shares.get(part, 1.0) for part in parts]

    @torch.no_grad()
    def give_eye(self, network: AnyStyle, progress: ProgressCallback) -> None:
        """Give the predictor the eye that the losses see with, and what is usual among statistics."""
        predictor = network.predictor
        seen = self.eye.state_dict()
        predictor.eye.load_state_dict({name: seen[name] for name in predictor.eye.state_dict()})
        generator = torch.Generator().manual_seed(self.recipe.seed)
        found: list[Tensor] = []
        while len(found) * 20 < KNOWN_STYLES:
            found.append(predictor.describe(*self.looked(self.draw_styles(20, generator))).cpu())
            progress(Progress(step="looking at styles", done=len(found), total=KNOWN_STYLES // 20))
        statistics = torch.cat(found)
        predictor.mean.copy_(statistics.mean(0))
        predictor.deviation.copy_(statistics.std(0) + 0.01)

    def draw_styles(self, batch: int, generator: torch.Generator) -> Tensor:
        return recolour(self.styles.draw(batch, self.plan.crop, generator), self.plan.recoloured, generator)

    def looked(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Images on the device, and what the eye sees in them."""
        images = images.to(self.fabric.device).contiguous(memory_format=torch.channels_last)
        with self.fabric.autocast():
            return images, self.eye(images, self.layers)

    def grams(self, features: Mapping[str, Tensor]) -> Grams:
        return {layer: gram(features[layer].float()) for layer in self.plan.style_layers}

    def distances(
        self, made: Mapping[str, Tensor], content: Mapping[str, Tensor], wanted: Grams
    ) -> tuple[Tensor, Tensor]:
        """Content and style loss of each picture, means over the layers by their weights: (B,), (B,)."""
        return (
            weighted(lambda layer: content_distance(made[layer], content[layer]), self.plan.content_layers),
            weighted(lambda layer: style_distance(gram(made[layer].float()), wanted[layer]), self.plan.style_layers),
        )

    def learn(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        batch, describe = self.recipe.batch, self.predictor.describe
        shares = self.draw_shares(step, generator).to(self.fabric.device)
        with torch.no_grad():
            content, seen = self.looked(self.photographs.draw(batch, self.recipe.crop, generator, turns=2))
            styles, features = self.looked(self.draw_styles(batch, generator))
            style, own = describe(styles, features), describe(content, seen)
            grams, own_grams = self.grams(features), self.grams(seen)
            statistics = torch.stack([style, own, style.roll(1, 0)], 1)
            wanted = {
                layer: torch.einsum("bs,sbij->bij", shares, torch.stack([g, own_grams[layer], g.roll(1, 0)]))
                for layer, g in grams.items()
            }
        logits = self.trainee.network(content, statistics, shares).float()
        made = logits.sigmoid()
        with self.fabric.autocast():
            features = self.eye(made.contiguous(memory_format=torch.channels_last), self.layers)
        far, strange = self.distances(features, seen, wanted)
        parts = {
            "content": far.mean(),
            "style": (strange + 1e-4).sqrt().mean(),
            "identity": ((made - content).abs().mean((1, 2, 3)) * (shares[:, 1] == 1)).mean(),
            "palette": self.palette(logits, styles, content, shares, generator),
            "total_variation": self.variation(made, made),
            "grid": self.grid(made, torch.zeros_like(made)),
        }
        loss = sum((self.recipe.losses.get(name, 0) * part for name, part in parts.items()), start=made.new_zeros(()))
        self.trainee.improve(loss, step)
        self.average.follow(self.trainee.bare, step)
        return {name: part.detach() for name, part in parts.items()}

    def palette(
        self, logits: Tensor, styles: Tensor, content: Tensor, shares: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Mean distance of the distributions of colours, and of means of `AREA` pixels square, along random directions.

        Of colours as logits, whose slope never fades. The distribution wanted is the barycentre of the styles'. Gram
        matrices forgive a few black spots, by which a network can raise the deviation that it will be divided by, and
        the lack of rare colours; this does not.
        Sliced Wasserstein: Bonneel et al. 2015, https://doi.org/10.1007/s10851-014-0506-3.
        """
        directions = F.normalize(torch.randn(DIRECTIONS, 3, generator=generator), dim=1).to(logits.device)
        images = (logits, *(image.clamp(0.02, 0.98).logit() for image in (styles, content)))
        apart = logits.new_zeros(())
        for area in (1, AREA):
            count = (self.recipe.crop // area) ** 2
            seen = (sorted_colours(F.avg_pool2d(x, area), directions, count) for x in images)
            ours, style, own = seen
            wanted = torch.einsum("bs,sbdn->bdn", shares, torch.stack([style, own, style.roll(1, 0)]))
            apart = apart + (ours - wanted).abs().mean()
        return apart / 2

    def draw_shares(self, step: int, generator: torch.Generator) -> Tensor:
        """How much each picture takes of its style, of its own, and of another style: (batch, 3)."""
        ways, parts = torch.rand(2, self.recipe.batch, generator=generator)
        if step <= self.plan.first_own:
            ways = ways * 0
        plan, one, none = self.plan, torch.ones_like(parts), torch.zeros_like(parts)
        shares = torch.stack([one, none, none], 1)
        for first, share in (
            (plan.own + plan.weakened + plan.mixed, torch.stack([parts, none, 1 - parts], 1)),
            (plan.own + plan.weakened, torch.stack([parts, 1 - parts, none], 1)),
            (plan.own, torch.stack([none, one, none], 1)),
        ):
            shares = torch.where((ways < first)[:, None], share, shares)
        return shares

    def whole(self, picture: Tensor, side: int) -> Tensor:
        """A picture held out in [0, 1], with a shorter side of `side` pixels: (1, 3, h, w)."""
        return reduced(picture, side)[None].to(self.fabric.device).float() / 255

    def paint(self, content: Tensor, statistics: Tensor) -> Tensor:
        with self.fabric.autocast():
            logits = self.average.network(content, statistics[:, None], statistics.new_ones(len(statistics), 1))
        return logits.float().sigmoid()  # type: ignore[no-any-return]

    @torch.no_grad()
    def judge(self) -> dict[str, float]:
        """Losses of photographs never seen in styles never seen, and the style loss before they were painted."""
        describe = self.predictor.describe
        scores: dict[str, list[Tensor]] = {"style_before": [], "style_after": [], "content_after": []}
        for number in range(TRIALS):
            content, seen = self.looked(self.trial_photographs[number % len(self.trial_photographs)])
            style, features = self.looked(self.trial_styles[number % len(self.trial_styles)])
            wanted = self.grams(features)
            _, made = self.looked(self.paint(content, describe(style, features)))
            far, strange = self.distances(made, seen, wanted)
            scores["style_before"].append(self.distances(seen, seen, wanted)[1])
            scores["style_after"].append(strange)
            scores["content_after"].append(far)
        return {name: torch.cat(values).mean().item() for name, values in scores.items()}

    @torch.no_grad()
    def show(self) -> Tensor:
        """Photographs held out, one a row, painted in styles held out, one a column."""
        contents = [squared(p) for p in self.trial_photographs[:SHOWN]]
        styles = [squared(s) for s in self.trial_styles[:SHOWN]]
        rows = [torch.cat([torch.ones_like(contents[0]), *styles], 3)]
        describe = self.predictor.describe
        described = [describe(*self.looked(style)) for style in self.trial_styles[:SHOWN]]
        for content in contents:
            rows.append(torch.cat([content, *(self.paint(content, each) for each in described)], 3))
        return torch.cat(rows, 2).cpu()

    def state(self) -> dict[str, Any]:
        return self.trainee.state("painter") | {"average": self.average.network}

    def result(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        network = self.average.network
        return network, network.state_dict()


def weighted(distance: Callable[[str], Tensor], layers: Mapping[str, float]) -> Tensor:
    """The mean over layers of a distance, each counting as much as `layers` says."""
    return torch.stack([count * distance(layer) for layer, count in layers.items()]).sum(0) / sum(layers.values())


def spread(parts: list[list[Tensor]]) -> list[Tensor]:
    """Pictures of all parts, one of each in turn while there are any."""
    longest = max(map(len, parts))
    return [part[place] for place in range(longest) for part in parts if place < len(part)]


def squared(image: Tensor) -> Tensor:
    """The middle of an image, SHOWN_SIDE pixels square."""
    side = min(image.shape[2:])
    top, left = ((length - side) // 2 for length in image.shape[2:])
    square = image[:, :, top : top + side, left : left + side]
    return F.interpolate(square, size=(SHOWN_SIDE, SHOWN_SIDE), mode="bilinear", antialias=True)
