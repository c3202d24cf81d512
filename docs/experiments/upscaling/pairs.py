"""Small twins of photographs, noisy and compressed, for `daguerre evaluate upscale --pairs OUT HIGH`.

$ python docs/experiments/upscaling/pairs.py HIGH OUT                  noise of 7 levels, JPEG of quality 50
$ python docs/experiments/upscaling/pairs.py HIGH OUT --noise 0 --quality 75
"""

import argparse
from pathlib import Path

import numpy as np
from pictures import damaged, image, tensor
from PIL import Image

from daguerre.evaluation.upscale import shrink

SCALE = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("high", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--noise", type=float, default=7.0, help="deviation, in levels of 255")
    parser.add_argument("--quality", type=int, default=50, help="of JPEG")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for path in sorted(arguments.high.iterdir()):
        with Image.open(path) as photograph:
            high = tensor(np.asarray(photograph.convert("RGB")))
        height, width = (side // SCALE * SCALE for side in high.shape[2:])
        small = damaged(shrink(high[..., :height, :width], SCALE), arguments.noise / 255, arguments.quality)
        image(small).save(arguments.out / f"{path.stem}.png")


if __name__ == "__main__":
    main()
