"""Made-up drawings and letters, upscaled by four: PSNR against the large drawings, and time.

    python -m benchmarks.quality.drawings --models compact-x4 compact-x4-drawing x4plus-anime --sheet drawings.png

The drawings are of the kind that compact-x4-drawing learns, but from another seed; `recognized` is what `daguerre
upscale --content drawing` does, which also keeps each channel within the local range of the small drawing.
"""

import argparse
from pathlib import Path
from time import process_time

import numpy as np
import torch
from torch.nn import functional as F

from daguerre.evaluation.metrics import psnr
from daguerre.images import Picture
from daguerre.images.contact_sheet import make_sheet
from daguerre.images.pixels import to_levels
from daguerre.tasks.upscaling.upscaler import Upscaler
from daguerre.training.data.drawings import drawing_pair

SCALE, SIDE, SEED = 4, 256, 987
MOST = 60.0  # dB; a drawing that comes out exactly counts no more
SHOWN = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["compact-x4", "compact-x4-clean", "compact-x4-drawing"])
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    generator = torch.Generator().manual_seed(SEED)
    pairs = [drawing_pair(SIDE, SCALE, generator) for _ in range(args.count)]
    columns = {"bicubic": [F.interpolate(low, scale_factor=SCALE, mode="bicubic").clamp(0, 1) for low, _ in pairs]}
    tell("bicubic", columns["bicubic"], pairs, 0.0)
    for name in [*args.models, "recognized"]:
        chosen = {"content": "drawing"} if name == "recognized" else {"model": name}
        upscale = Upscaler(scale=SCALE, precision="float32", **chosen)
        started = process_time()
        columns[name] = [upscale(to_levels(low, 8)).picture.read()[:, :3].expand(-1, 3, -1, -1) for low, _ in pairs]
        tell(name, columns[name], pairs, (process_time() - started) / args.count)
    if args.sheet:
        small = [F.interpolate(low, scale_factor=SCALE) for low, _ in pairs]
        shown = {"small": small, **columns, "original": [high for _, high in pairs]}
        cells = [Picture.from_array(to_levels(column[row], 8)) for row in range(SHOWN) for column in shown.values()]
        make_sheet(cells, len(shown)).save(args.sheet, overwrite=True)


def tell(name: str, made: list[torch.Tensor], pairs: list[tuple[torch.Tensor, torch.Tensor]], seconds: float) -> None:
    """One line: mean and median PSNR."""
    scores = [min(float(psnr(image, high, border=SCALE)), MOST) for image, (_, high) in zip(made, pairs, strict=True)]
    print(f"{name:<24}{np.mean(scores):6.2f} dB, median {np.median(scores):.2f} dB, {seconds:.3f} s each", flush=True)


if __name__ == "__main__":
    main()
