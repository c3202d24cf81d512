"""The step that trains the refinement of faces, on what the restoration that ships leaves of aged ones."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre import weights
from daguerre.errors import RecipeError
from daguerre.evaluation.metrics import psnr, ssim
from daguerre.images.pixels import luma
from daguerre.images.resample import resize_bicubic
from daguerre.networks.compact_face import CompactFace
from daguerre.networks.compact_translation import CompactTranslation, LatentRestoration
from daguerre.networks.compact_vae import CompactVAE
from daguerre.progress import ProgressCallback
from daguerre.training.aged import AgedPictures, pick
from daguerre.training.aging import Aged, age
from daguerre.training.losses import Perceptual
from daguerre.training.networks import image_losses, start
from daguerre.training.opponent import Contest, Opponent
from daguerre.training.recipe import Recipe
from daguerre.training.steps.restoration import sheet

__all__ = ["Faces"]

RESTORATION = ("restore-vae-old", "restore-vae-clean", "restore-translation")
LOOKED_AT = {"relu2_2": 1.0, "relu3_4": 1.0, "relu4_4": 1.0}  # layers that tell how different faces look
TRIALS = 64  # faces held out that are judged
SHOWN = 12  # of them on a sample sheet
SIZES = (56, 190)  # pixels of a face's side in the photograph
ZOOM = 0.86  # the least part of a training picture that an example shows
TURN = 12.0  # degrees to each side that some are turned by
SOFT = 2.3  # times that some have less resolution than pixels
DAMAGED = 0.12  # most of a face that is damaged
UNRESTORED = 0.15  # of the examples have not been restored before
GAIN = 0.35  # how much contrast may be added, as setting the tones right does


class Faces:
    """Give faces back what blur, grain, low resolution and compression took and restoration could not return.

    An example is a face at a size of a photograph, aged and restored, then enlarged or reduced to the network's size.
    `aging.pool` of them are made when first drawn, each from its own number, and drawn again and again.

    Losses: those between two images; `adversarial` and `feature_matching` with a multi-scale discriminator.
    """

    def __init__(self, recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> None:
        self.recipe, self.fabric = recipe, fabric
        self.losses = image_losses(recipe, Opponent.losses).to(fabric.device)
        network = start(recipe)
        if not isinstance(network, CompactFace):
            raise RecipeError(f"this step trains CompactFace, not {recipe.network.name}")
        self.side = network.side
        self.pictures = AgedPictures(recipe, data, fabric, progress, least=SIZES[1])
        self.left_out = self.pictures.left_out
        self.labels: list[str] = []
        self.restoration = shipped_restoration().to(fabric.device)
        self.made: dict[int, Tensor] = {}
        self.trials = self.make_trials()
        self.distance = Perceptual(weights.load(recipe.perceptual.weights).network, LOOKED_AT).to(fabric.device)
        self.contest = Contest(recipe, fabric, network)

    def example(self, number: int, faces: list[Tensor]) -> Tensor:
        """A face as it comes to the network, and as it should become: (2, 3, side, side) uint8."""
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + number)
        chance, size, soft, neutral = torch.rand(4, generator=generator).tolist()
        side = round(math.exp(math.log(SIZES[0]) + size * math.log(SIZES[1] / SIZES[0])) / 4) * 4
        sharp = resize_bicubic(framed(pick(faces, generator), generator), side, side).clamp(0, 1)
        untouched = self.recipe.aging.untouched
        if chance < untouched:
            sharp = luma(sharp).repeat(1, 3, 1, 1) if neutral < 0.4 else sharp
            twin = self.restored(sharp, torch.zeros_like(sharp[:, :1])) if chance < untouched / 2 else sharp
            return self.ready(twin, sharp)
        low, high = self.recipe.aging.strength
        aged, wanted = self.age(sharp, soft, generator, low + (high - low) * torch.rand((), generator=generator).item())
        left = chance > 1 - UNRESTORED
        return self.ready(aged.image if left else self.restored(aged.image, aged.lost), wanted)

    def age(self, sharp: Tensor, soft: float, generator: torch.Generator, strength: float) -> tuple[Aged, Tensor]:
        """The face aged, softened before, and what is wanted of it: in its aged tones, but as sharp as it was."""
        least = max(round(sharp.shape[2] / max(1.0, SOFT * (1.3 * soft - 0.3))), 16)
        small = resize_bicubic(sharp, least, least)
        softened = resize_bicubic(small, *sharp.shape[2:]).clamp(0, 1) if least < sharp.shape[2] else sharp
        while True:
            seed = int(torch.randint(2**31, (), generator=generator))
            aged = age(softened, seed=seed, strength=strength)
            if aged.mask.mean() <= DAMAGED:
                return aged, age(sharp, seed=seed, strength=strength).toned
            strength *= 0.8

    @torch.inference_mode()
    def restored(self, image: Tensor, mask: Tensor) -> Tensor:
        with self.fabric.autocast():
            image, mask = (part.to(self.fabric.device) for part in (image, mask))
            made = self.restoration(self.restoration.fill(image, mask), mask)
        return made.float().clamp(0, 1).cpu()  # type: ignore[no-any-return]

    def ready(self, image: Tensor, wanted: Tensor) -> Tensor:
        twins = resize_bicubic(torch.cat([image, wanted]), self.side, self.side)
        return twins.clamp(0, 1).mul(255).round().byte()

    def make_trials(self) -> Tensor:
        """Faces held out, always the same: (TRIALS, 2, 3, side, side) uint8."""
        faces = [face for part in self.pictures.held_out for face in part]
        return torch.stack([self.example(-1 - number, faces) for number in range(TRIALS)])

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A batch of faces and of what they should become, mirrored and with more contrast at random."""
        chosen = torch.randint(self.recipe.aging.pool, (self.recipe.batch,), generator=generator).tolist()
        faces = [face for part in self.pictures.parts for face in part]
        for number in chosen:
            if number not in self.made:
                self.made[number] = self.example(number, faces)
        twins = torch.stack([self.made[number] for number in chosen]).float() / 255  # (B, 2, 3, side, side)
        mirror, gain, often = torch.rand(3, len(chosen), 1, 1, 1, 1, generator=generator)
        twins = torch.where(mirror < 0.5, twins.flip(-1), twins)
        middle = twins[:, :1].mean((3, 4), keepdim=True)
        twins = torch.where(often < 0.3, (middle + (twins - middle) * (1 + GAIN * gain)).clamp(0, 1), twins)
        image, wanted = twins.to(self.fabric.device).unbind(1)
        return tuple(part.contiguous(memory_format=torch.channels_last) for part in (image, wanted))  # type: ignore[return-value]

    def learn(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        image, wanted = self.draw(generator)
        made = self.contest.network(image)
        with self.fabric.autocast():
            loss, parts = self.losses(made, wanted)
        return self.contest.improve(loss, parts, wanted, made, step)

    @torch.inference_mode()
    def refine(self, image: Tensor) -> Tensor:
        """What the averaged network makes of faces, float32 on the processor."""
        with self.fabric.autocast():
            made = self.contest.average.network(image.to(self.fabric.device))
        return made.float().clamp(0, 1).cpu()  # type: ignore[no-any-return]

    def refine_all(self, faces: Tensor) -> Tensor:
        return torch.cat([self.refine(part) for part in torch.split(faces, 16)])

    def tried(self) -> tuple[Tensor, Tensor, Tensor]:
        """The trials: as they come, refined, and wanted."""
        image, wanted = (self.trials.float() / 255).unbind(1)
        return image, self.refine_all(image), wanted

    @torch.inference_mode()
    def judge(self) -> dict[str, float]:
        """PSNR in RGB, SSIM and perceptual loss of faces held out, before and after; and what clean ones keep."""
        image, made, wanted = self.tried()
        scores, device = {}, self.fabric.device
        for name, faces in (("before", image), ("after", made)):
            scores[f"psnr_{name}"] = psnr(faces, wanted, channel="rgb").clamp(max=60).mean().item()
            scores[f"ssim_{name}"] = ssim(faces, wanted).mean().item()
            scores[f"distance_{name}"] = self.distance(faces.to(device), wanted.to(device)).item()
        clean = psnr(self.refine_all(wanted), wanted, channel="rgb")
        return scores | {"clean": clean.clamp(max=60).mean().item()}

    def show(self) -> Tensor:
        """Faces held out, two in a row: restored, refined, wanted."""
        rows = torch.stack(self.tried(), 1)[:SHOWN]  # (SHOWN, 3, 3, side, side)
        return sheet([list(torch.split(pair.flatten(0, 1), 1)) for pair in torch.split(rows, 2)])

    def state(self) -> dict[str, Any]:
        return self.contest.state()

    def result(self) -> tuple[nn.Module, Mapping[str, Tensor]]:
        return self.contest.average.network, self.contest.average.network.state_dict()


def shipped_restoration() -> LatentRestoration:
    """The restoration that faces have been through when they are refined."""
    old, clean, translation = (weights.load(name).network.eval() for name in RESTORATION)
    return LatentRestoration(cast(CompactVAE, old), cast(CompactVAE, clean), cast(CompactTranslation, translation))


def framed(face: Tensor, generator: torch.Generator) -> Tensor:
    """A square piece (1, 3, h, h) in [0, 1] of a face (3, H, H) uint8: nearly all of it, sometimes a little turned."""
    zoom, x, y, often, turn = torch.rand(5, generator=generator).tolist()
    image = face[None].float() / 255
    if often < 0.3:
        angle = math.radians(TURN * (2 * turn - 1))
        spun = torch.tensor([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0]])
        grid = F.affine_grid(spun[None], list(image.shape), align_corners=False)
        image = F.grid_sample(image, grid, mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 1)
    height, width = image.shape[2:]
    side = int(min(height, width) * (ZOOM + (1 - ZOOM) * zoom))
    top, left = int(y * (height - side + 1)), int(x * (width - side + 1))
    return image[..., top : top + side, left : left + side]
