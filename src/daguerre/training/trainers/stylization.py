"""Trains the network that stylizes any photograph in any style in one pass."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.nn import functional as F

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.networks.style_transformer import AnyStyle, StylePredictor
from daguerre.networks.vgg import VGG, VGG19, style_distance
from daguerre.progress import Progress, ProgressCallback
from daguerre.training.build import check_losses, initial_network
from daguerre.training.data.style_crops import Painted, StyleCrops, load_parts, recolour, shrink_uint8
from daguerre.training.logger import image_grid
from daguerre.training.losses import Grid, TotalVariation, content_distance, gram, sorted_colours
from daguerre.training.recipe import Recipe, StylePlan
from daguerre.training.trainers.base import Trainer

__all__ = ["StylizationTrainer"]

SMALLEST_STYLE = 96  # pixels; minimum side of a style's crop
SMALLEST_PHOTOGRAPH = 80  # pixels; minimum side of a photograph's crop
NORMALIZATION_STYLES = 1500  # styles over which means and deviations of the style statistics are computed
PALETTE_DIRECTIONS = 6  # random directions along which color distributions are compared
PALETTE_AREA = 8  # pixels; side of the squares whose mean colors are compared, too
GRID_PERIOD = 4  # pixels per place of the transformer's smallest maps
VALIDATION_PAIRS = 24
GRID_ROWS = 6  # photographs, and styles, on a sample grid
GRID_SIDE = 176  # pixels of an image on it

LOSSES = {"content", "gram", "grid", "identity", "painted", "palette", "style", "total_variation"}

Grams = dict[str, Tensor]


class StylizationTrainer(Trainer):
    """Stylize a crop of a photograph in the style of a crop of another picture.

    Ghiasi et al. 2017, sec. 2. Differs from the paper: some photographs get their own style, half of their own, or two
    styles, so that strength and mixtures are trained explicitly; the losses are relative to their targets, and the
    style loss is a square root, so that no layer and no style outweighs the others.

    Losses: `content` and `style` by a VGG, and `gram`, the latter by the plain relative distance, bounded; `identity`,
    L1 of photographs in their own style; `palette`, of the distributions of colors; `painted`, L1 of pixels and of
    their differences from what another painter made of other pairs; `grid` and `total_variation`.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        super().__init__(recipe, fabric)
        if recipe.style is None:
            raise RecipeError("this step learns styles; add a [style] table with parts")
        self.plan: StylePlan = recipe.style
        check_losses(recipe.losses, LOSSES)
        network = initial_network(recipe, AnyStyle)
        pooling = network.predictor.eye.pooling
        self.vgg = self.load_vgg("perceptual.weights", recipe.perceptual.weights, VGG)
        self.eye = self.load_vgg("style.eye", self.plan.eye or recipe.perceptual.weights, VGG19)
        self.eye.soften(pooling)
        self.vgg.soften(pooling if isinstance(self.vgg, VGG19) else None)
        self.layers = sorted({*self.plan.content_layers, *self.plan.style_layers})
        self.total_variation, self.grid = TotalVariation(), Grid(GRID_PERIOD)
        photographs, held_photographs, missing = load_parts(
            data, recipe.data.parts, recipe.validation.fraction, progress
        )
        styles, held_styles, more = load_parts(data, self.plan.parts, self.plan.fraction, progress)
        self.left_out = [*missing, *more]
        shares, device = self.shares(recipe.data.parts), fabric.device
        self.photographs = StyleCrops(photographs, shares, least=SMALLEST_PHOTOGRAPH, device=device)
        self.styles = StyleCrops(styles, self.shares(self.plan.parts), least=SMALLEST_STYLE, device=device)
        self.painted = Painted(data, self.plan.painted, self.plan.crop, progress) if self.plan.painted else None
        if ("painted" in recipe.losses) != (self.painted is not None):
            raise RecipeError("style.painted and losses.painted go together; give both, or none")
        if recipe.init is None:
            self.initialize_predictor(network, progress)
        self.optimize(network)
        self.predictor = cast(AnyStyle, self.ema.network).predictor  # only its fixed parts are used
        self.validation_photographs = [self.whole(one, recipe.validation.crop) for one in interleave(held_photographs)]
        self.validation_styles = [self.whole(one, recipe.validation.crop) for one in interleave(held_styles)]

    def load_vgg(self, option: str, name: str, kind: type[VGG]) -> VGG:
        """A VGG that is not trained.

        Raises:
            RecipeError: the weights are of another network.
        """
        vgg = weights.load(name).network
        if not isinstance(vgg, kind):
            raise RecipeError(f"{option} must be a {kind.__name__}, not {name!r}")
        vgg.eval().requires_grad_(False).to(self.fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return vgg

    def shares(self, parts: tuple[str, ...]) -> list[float]:
        return [self.plan.shares.get(part, 1.0) for part in parts]

    @torch.no_grad()
    def initialize_predictor(self, network: AnyStyle, progress: ProgressCallback) -> None:
        """Give the predictor its VGG-19, and the means and deviations of style statistics."""
        predictor = network.predictor
        ours = self.eye.state_dict()
        predictor.eye.load_state_dict({name: ours[name] for name in predictor.eye.state_dict()})
        generator = torch.Generator().manual_seed(self.recipe.seed)
        found: list[Tensor] = []
        while len(found) * 20 < NORMALIZATION_STYLES:
            found.append(self.describe(self.draw_styles(20, generator), predictor).cpu())
            progress(Progress(step="looking at styles", done=len(found), total=NORMALIZATION_STYLES // 20))
        statistics = torch.cat(found)
        predictor.mean.copy_(statistics.mean(0))
        predictor.deviation.copy_(statistics.std(0) + 0.01)

    def draw_styles(self, batch: int, generator: torch.Generator) -> Tensor:
        return recolour(self.styles.draw(batch, self.plan.crop, generator), self.plan.recoloured, generator)

    def with_features(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Images on the device, and their features by layer."""
        images = images.to(self.fabric.device).contiguous(memory_format=torch.channels_last)
        with self.fabric.autocast():
            return images, self.vgg(images, self.layers)

    @torch.no_grad()
    def describe(self, images: Tensor, predictor: StylePredictor | None = None) -> Tensor:
        """Style statistics (B, statistics) of images."""
        predictor = predictor or self.predictor
        images = images.to(self.fabric.device).contiguous(memory_format=torch.channels_last)
        with self.fabric.autocast():
            features = self.eye(images, predictor.layers)
        return predictor.describe(images, features)

    def enlarged(self, styles: Tensor, generator: torch.Generator) -> Tensor:
        """Crops of styles (B, 3, S, S), as large as these, enlarged as the plan says."""
        side = styles.shape[-1]
        larger = round(side * self.plan.enlarged)
        if larger == side:
            return styles
        top, left = torch.randint(0, larger - side + 1, (2,), generator=generator).tolist()
        whole = F.interpolate(styles, size=(larger, larger), mode="bicubic").clamp(0, 1)
        return whole[:, :, top : top + side, left : left + side]

    def grams(self, features: Mapping[str, Tensor]) -> Grams:
        return {layer: gram(features[layer].float()) for layer in self.plan.style_layers}

    def distances(
        self, made: Mapping[str, Tensor], content: Mapping[str, Tensor], style: Grams
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Content and style loss of each picture, and the plain one, bounded, means over the layers: (B,) each."""
        grams, plan = self.grams(made), self.plan
        return (
            weighted_mean(lambda layer: content_distance(made[layer], content[layer]), plan.content_layers),
            weighted_mean(lambda layer: style_distance(grams[layer], style[layer]), plan.style_layers),
            weighted_mean(lambda layer: bounded(relative_distance(grams[layer], style[layer])), plan.style_layers),
        )

    def training_step(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        parts: dict[str, Tensor] = {}
        if self.recipe.losses.keys() - {"painted"}:
            parts |= self.stylization_losses(step, generator)
        if self.painted is not None:
            parts["painted"] = self.painted_loss(self.painted, generator)
        return self.optimizer_step(self.weighted_sum(parts), parts, step)

    def painted_loss(self, painted: Painted, generator: torch.Generator) -> Tensor:
        """Distance from another network's output, in pixels and in their differences."""
        drawn = painted.draw(self.recipe.batch, self.recipe.crop, generator)
        photographs, styles, wanted = (images.to(self.fabric.device) for images in drawn)
        statistics = self.describe(styles)[:, None]
        photographs = photographs.contiguous(memory_format=torch.channels_last)
        made: Tensor = self.model.network(photographs, statistics, statistics.new_ones(len(styles), 1))
        apart = made.float().sigmoid() - wanted
        distance: Tensor = apart.abs().mean() + self.total_variation(apart, apart)
        return distance

    def stylization_losses(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        """All losses except that against other networks' outputs."""
        batch = self.recipe.batch
        shares = self.draw_shares(step, generator).to(self.fabric.device)
        with torch.no_grad():
            photographs = self.photographs.draw(batch, self.recipe.crop, generator, orientations=2)
            content, content_features = self.with_features(photographs)
            styles = self.draw_styles(batch, generator).to(self.fabric.device)
            _, style_features = self.with_features(self.enlarged(styles, generator))
            style, own = self.describe(styles), self.describe(content)
            grams, own_grams = self.grams(style_features), self.grams(content_features)
            statistics = torch.stack([style, own, style.roll(1, 0)], 1)
            target_grams = {
                layer: torch.einsum("bs,sbij->bij", shares, torch.stack([g, own_grams[layer], g.roll(1, 0)]))
                for layer, g in grams.items()
            }
        logits = self.model.network(content, statistics, shares).float()
        made = logits.sigmoid()
        with self.fabric.autocast():
            features = self.vgg(made.contiguous(memory_format=torch.channels_last), self.layers)
        content_loss, style_loss, gram_loss = self.distances(features, content_features, target_grams)
        return {
            "content": content_loss.mean(),
            "style": (style_loss + 1e-4).sqrt().mean(),
            "gram": gram_loss.mean(),
            "identity": ((made - content).abs().mean((1, 2, 3)) * (shares[:, 1] == 1)).mean(),
            "palette": self.palette_loss(logits, styles, content, shares, generator),
            "total_variation": self.total_variation(made, made),
            "grid": self.grid(made, torch.zeros_like(made)),
        }

    def palette_loss(
        self, logits: Tensor, styles: Tensor, content: Tensor, shares: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Mean distance of color distributions, of pixels and of means over `PALETTE_AREA`, along random directions.

        Colors are compared as logits, whose gradient never vanishes. The target is the barycenter of the styles'
        distributions. Gram matrices tolerate a lack of rare colors, and a few black spots, by which a network can raise
        the deviation that it is normalized by; this loss does not. Sliced Wasserstein: Bonneel et al. 2015,
        https://doi.org/10.1007/s10851-014-0506-3.
        """
        directions = F.normalize(torch.randn(PALETTE_DIRECTIONS, 3, generator=generator), dim=1).to(logits.device)
        images = (logits, *(image.clamp(0.02, 0.98).logit() for image in (styles, content)))
        distance = logits.new_zeros(())
        for area in (1, PALETTE_AREA):
            count = (self.recipe.crop // area) ** 2
            made, style, own = (sorted_colours(F.avg_pool2d(x, area), directions, count) for x in images)
            target = torch.einsum("bs,sbdn->bdn", shares, torch.stack([style, own, style.roll(1, 0)]))
            distance = distance + (made - target).abs().mean()
        return distance / 2

    def draw_shares(self, step: int, generator: torch.Generator) -> Tensor:
        """Weight of each picture's style, of its own style, and of another: (batch, 3)."""
        kinds, parts = torch.rand(2, self.recipe.batch, generator=generator)
        if step <= self.plan.first_own:
            kinds = kinds * 0
        plan, one, none = self.plan, torch.ones_like(parts), torch.zeros_like(parts)
        shares = torch.stack([one, none, none], 1)
        for until, share in (
            (plan.own + plan.weakened + plan.mixed, torch.stack([parts, none, 1 - parts], 1)),
            (plan.own + plan.weakened, torch.stack([parts, 1 - parts, none], 1)),
            (plan.own, torch.stack([none, one, none], 1)),
        ):
            shares = torch.where((kinds < until)[:, None], share, shares)
        return shares

    def whole(self, picture: Tensor, side: int) -> Tensor:
        """A picture (3, H, W) uint8 as (1, 3, h, w) in [0, 1] on the device, its shorter side at most `side` pixels."""
        return shrink_uint8(picture, side)[None].to(self.fabric.device).float() / 255

    def stylize(self, content: Tensor, statistics: Tensor) -> Tensor:
        """Photographs (B, 3, H, W) stylized by the averaged network in styles with these statistics."""
        with self.fabric.autocast():
            logits = self.ema.network(content, statistics[:, None], statistics.new_ones(len(statistics), 1))
        return logits.float().sigmoid()  # type: ignore[no-any-return]

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Losses of validation photographs in validation styles, and the style loss before stylization."""
        scores: dict[str, list[Tensor]] = {"style_before": [], "style_after": [], "content_after": []}
        for number in range(VALIDATION_PAIRS):
            content, content_features = self.with_features(
                self.validation_photographs[number % len(self.validation_photographs)]
            )
            style, style_features = self.with_features(self.validation_styles[number % len(self.validation_styles)])
            target_grams = self.grams(style_features)
            _, features = self.with_features(self.stylize(content, self.describe(style)))
            content_loss, style_loss, _ = self.distances(features, content_features, target_grams)
            scores["style_before"].append(self.distances(content_features, content_features, target_grams)[1])
            scores["style_after"].append(style_loss)
            scores["content_after"].append(content_loss)
        return {name: torch.cat(values).mean().item() for name, values in scores.items()}

    @torch.no_grad()
    def sample_grid(self) -> Tensor:
        """Validation photographs, one per row, stylized in validation styles, one per column."""
        contents = [center_square(one) for one in self.validation_photographs[:GRID_ROWS]]
        styles = self.validation_styles[:GRID_ROWS]
        described = [self.describe(style) for style in styles]
        rows = [[torch.ones_like(contents[0]), *map(center_square, styles)]]
        rows += [[content, *(self.stylize(content, style) for style in described)] for content in contents]
        return image_grid(rows).cpu()


def weighted_mean(distance: Callable[[str], Tensor], layers: Mapping[str, float]) -> Tensor:
    """The mean of a distance over layers, weighted by `layers`."""
    return torch.stack([count * distance(layer) for layer, count in layers.items()]).sum(0) / sum(layers.values())


def relative_distance(found: Tensor, wanted: Tensor) -> Tensor:
    """|found - wanted|² / |wanted|² of Gram matrices (B, C, C): (B,). By hand: twice the target has distance 1."""
    return (found - wanted).square().sum((1, 2)) / (wanted.square().sum((1, 2)) + 1e-12)


def bounded(distance: Tensor) -> Tensor:
    """The square root of a distance from 0, at most 1.2, so that no style with few features outweighs all others."""
    return (distance / (1 + 0.7 * distance) + 1e-3).sqrt()


def interleave(parts: list[list[Tensor]]) -> list[Tensor]:
    """Pictures of all parts, taken from each in turn."""
    longest = max(map(len, parts))
    return [part[place] for place in range(longest) for part in parts if place < len(part)]


def center_square(image: Tensor) -> Tensor:
    """The central square of an image (1, 3, H, W), at `GRID_SIDE` pixels."""
    side = min(image.shape[2:])
    top, left = ((length - side) // 2 for length in image.shape[2:])
    square = image[:, :, top : top + side, left : left + side]
    return F.interpolate(square, size=(GRID_SIDE, GRID_SIDE), mode="bilinear", antialias=True)
