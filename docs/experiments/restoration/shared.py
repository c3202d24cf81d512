"""What real old photographs in the first training stage bring: latent maps nearer to theirs, and what comes of it.

    python docs/experiments/restoration/shared.py DATA FOLDER RUNS

DATA has the folders photos, faces and old; FOLDER gets the sheet; RUNS is where the four trainings of this folder lie.
"""

import argparse
from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor

from daguerre import weights
from daguerre.evaluation.metrics import psnr
from daguerre.images import Picture, SaveOptions
from daguerre.networks.compact_translation import LatentRestoration
from daguerre.networks.compact_vae import CompactEncoder
from daguerre.progress import silent
from daguerre.training.data.aged_photos import AgedPictures
from daguerre.training.data.pictures import center_slices
from daguerre.training.recipe import read_recipe

KINDS = ("synthetic", "shared")
SHOWN = (0, 3, 6, 9)  # real photographs held out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "folder", "runs"):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    recipe = read_recipe(Path(__file__).parent / "shared-vae.toml")
    pictures = AgedPictures(recipe, args.data, Fabric(precision="32-true"), silent)
    aged = pictures.validation_set(24)
    real = [centre(picture) for picture in pictures.real_held_out if min(picture.shape[1:]) >= 256]
    clean = weights.load("restore-vae-clean").network
    shown = [real[number % len(real)] for number in SHOWN]
    columns = [shown]
    with torch.inference_mode():
        for kind in KINDS:
            old, translation = (
                weights.load(str(args.runs / f"{kind}-{part}" / f"{kind}-{part}.safetensors")).network
                for part in ("vae", "translation")
            )
            restoration = LatentRestoration(CompactEncoder.of(old), clean, translation).eval()
            of_aged, of_real = (
                torch.cat([spread(old, image) for image in group]) for group in ([one.image for one in aged], real)
            )
            apart = ((of_aged.mean(0) - of_real.mean(0)) / torch.cat([of_aged, of_real]).std(0)).abs().mean()
            scores = [psnr(restoration(one.image, one.mask), one.toned, channel="rgb") for one in aged]
            nothing = [torch.zeros_like(image[:, :1]) for image in shown]
            columns.append([restoration(i, m).clamp(0, 1) for i, m in zip(shown, nothing, strict=True)])
            print(f"{kind:<10} PSNR {torch.cat(scores).mean():.2f}  latent maps apart {apart:.4f}")
    rows = [torch.cat(row, dim=3) for row in zip(*columns, strict=True)]
    sheet = Picture.from_tensor(torch.cat(rows, dim=2))
    sheet.save(args.folder / "shared.jpg", options=SaveOptions(quality=88), overwrite=True)


def centre(picture: Tensor) -> Tensor:
    rows, columns = center_slices(picture, 256, 8)
    return picture[None, :, rows, columns].float() / 255


def spread(network: torch.nn.Module, image: Tensor) -> Tensor:
    """Mean and deviation of each channel of a latent map: (1, 2 C)."""
    latent, _ = network.encode(image)
    return torch.cat([latent.mean((2, 3)), latent.std((2, 3))], 1)


if __name__ == "__main__":
    main()
