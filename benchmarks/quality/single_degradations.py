"""Restoration after each unstructured degradation by itself: blur, grain, noise, fading, casts and so on.

    python -m benchmarks.quality.single_degradations held-out   clean photographs, preferably outside the training data

PSNR in RGB, before and after, and after the best tone match, of photographs with a shorter side of at most 384 pixels;
`--sheet sheet.png` draws one of them under all degradations, before and after.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.common.pictures import read_photographs
from daguerre.degradation.aging import texture, tone
from daguerre.evaluation.metrics import psnr, tone_matched_psnr
from daguerre.images import Picture
from daguerre.images.contact_sheet import make_sheet
from daguerre.tasks.restoration.restorer import Restorer

Degrade = Callable[[Tensor, torch.Generator], Tensor]

KINDS: dict[str, Degrade] = {
    "blur (sigma 1.2 pixels)": lambda image, _: texture.blur(image, sigma=1.2),
    "low resolution (by 2)": lambda image, _: texture.low_resolution(image, factor=2.0),
    "film grain (0.06)": lambda image, generator: texture.grain(image, strength=0.06, size=1.2, generator=generator),
    "Gaussian noise (0.04)": lambda image, generator: texture.noise(image, strength=0.04, generator=generator),
    "speckle (0.12)": lambda image, generator: texture.speckle(image, strength=0.12, generator=generator),
    "salt and pepper (0.3 %)": lambda image, generator: texture.salt_and_pepper(
        image, amount=0.003, generator=generator
    ),
    "JPEG (quality 30)": lambda image, _: texture.compress(image, quality=30),
    "halftone (4 pixels, half)": lambda image, _: texture.halftone(image, strength=0.5, period=4.0),
    "fading (0.2, 0.15)": lambda image, _: tone.fade(image, lift=0.2, dull=0.15, wash=0.1),
    "yellowing (0.6)": lambda image, _: tone.yellow(image, strength=0.6),
    "dyes lost (cyan 0.35)": lambda image, _: tone.fade_dyes(image, cyan=0.35, magenta=0.1),
    "darkened corners (0.4)": lambda image, _: tone.vignette(image, strength=0.4),
    "uneven exposure (0.3 stops)": lambda image, generator: tone.uneven_exposure(
        image, strength=0.3, generator=generator
    ),
    "silver mirroring (0.6)": lambda image, generator: tone.silver_mirroring(
        tone.monochrome(image), strength=0.6, generator=generator
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    restorer = Restorer()
    photographs = read_photographs(arguments.folder)
    shown: list[Picture] = []
    print(f"{'':<28} before  restored   tone-matched: before  restored")
    for kind, degrade in KINDS.items():
        rows = []
        for number, photograph in enumerate(photographs):
            degraded = Picture.from_tensor(degrade(photograph, torch.Generator().manual_seed(number)))
            clean = tone.monochrome(photograph) if kind.startswith("silver") else photograph
            restored = restorer(degraded).picture
            images = [degraded.read(), restored.read()]
            scores = [psnr(image, clean, channel="rgb").clamp(max=60) for image in images]
            rows.append(scores + [tone_matched_psnr(image, clean).clamp(max=60) for image in images])
            shown += [degraded, restored] if number == 0 else []
        before, after, matched, matched_after = torch.tensor(rows).mean(0).tolist()
        print(f"{kind:<28} {before:6.2f}  {after:8.2f}   {matched:20.2f}  {matched_after:8.2f}", flush=True)
    if arguments.sheet:
        make_sheet(shown, columns=6).save(arguments.sheet)


if __name__ == "__main__":
    main()
