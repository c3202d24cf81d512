"""What restoring makes of each unstructured degradation alone: blur, grain, noise, fading, casts and so on.

    python -m benchmarks.quality.single_degradations held-out   clean photographs, best ones that nothing was trained on

PSNR in RGB, before and after, and after the best tone match, of photographs with a shorter side of at most 384 pixels;
`--sheet sheet.png` draws one of them under all degradations, before and after.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from daguerre.degradation.aging import texture, tone
from daguerre.evaluation.metrics import psnr, tone_matched_psnr
from daguerre.images import Picture
from daguerre.images.contact_sheet import make_sheet
from daguerre.images.resample import resize_bicubic
from daguerre.tasks.restoration.restorer import Restorer

SIDE = 384

Spoil = Callable[[Tensor, torch.Generator], Tensor]

KINDS: dict[str, Spoil] = {
    "blur (sigma 1.2 pixels)": lambda image, _: texture.blur(image, sigma=1.2),
    "low resolution (by 2)": lambda image, _: texture.low_resolution(image, factor=2.0),
    "film grain (0.06)": lambda image, chance: texture.grain(image, strength=0.06, size=1.2, generator=chance),
    "Gaussian noise (0.04)": lambda image, chance: texture.noise(image, strength=0.04, generator=chance),
    "speckle (0.12)": lambda image, chance: texture.speckle(image, strength=0.12, generator=chance),
    "salt and pepper (0.3 %)": lambda image, chance: texture.salt_and_pepper(image, amount=0.003, generator=chance),
    "JPEG (quality 30)": lambda image, _: texture.compress(image, quality=30),
    "halftone (4 pixels, half)": lambda image, _: texture.halftone(image, strength=0.5, period=4.0),
    "fading (0.2, 0.15)": lambda image, _: tone.fade(image, lift=0.2, dull=0.15, wash=0.1),
    "yellowing (0.6)": lambda image, _: tone.yellow(image, strength=0.6),
    "dyes lost (cyan 0.35)": lambda image, _: tone.fade_dyes(image, cyan=0.35, magenta=0.1),
    "darkened corners (0.4)": lambda image, _: tone.vignette(image, strength=0.4),
    "uneven exposure (0.3 stops)": lambda image, chance: tone.uneven_exposure(image, strength=0.3, generator=chance),
    "silver mirroring (0.6)": lambda image, chance: tone.silver_mirroring(
        tone.monochrome(image), strength=0.6, generator=chance
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    restorer = Restorer()
    files = sorted(path for path in arguments.folder.iterdir() if path.is_file())
    photographs = [Picture.open(path).read() for path in files]
    shown: list[Picture] = []
    print(f"{'':<28} before  restored   tone-matched: before  restored")
    for kind, spoil in KINDS.items():
        rows = []
        for number, photograph in enumerate(photographs):
            share = min(SIDE / min(photograph.shape[2:]), 1)
            height, width = (round(side * share) for side in photograph.shape[2:])
            clean = resize_bicubic(photograph, height, width).clamp(0, 1)
            spoilt = Picture.from_tensor(spoil(clean, torch.Generator().manual_seed(number)))
            if kind.startswith("silver"):
                clean = tone.monochrome(clean)
            restored = restorer(spoilt).picture
            images = [spoilt.read(), restored.read()]
            scores = [psnr(image, clean, channel="rgb").clamp(max=60) for image in images]
            rows.append(scores + [tone_matched_psnr(image, clean).clamp(max=60) for image in images])
            shown += [spoilt, restored] if number == 0 else []
        before, after, matched, matched_after = torch.tensor(rows).mean(0).tolist()
        print(f"{kind:<28} {before:6.2f}  {after:8.2f}   {matched:20.2f}  {matched_after:8.2f}", flush=True)
    if arguments.sheet:
        make_sheet(shown, columns=6).save(arguments.sheet)


if __name__ == "__main__":
    main()
