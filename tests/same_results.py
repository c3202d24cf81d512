"""Results of every command on the examples, as SHA-256: `python tests/same_results.py FILE.json [DAGUERRE]`.

Writes FILE.json if there is none, else compares with it. A change of the code that should change no result is
checked by running this before and after, on the same machine with the same torch; DAGUERRE is the command to run.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

COMMANDS = {
    "restore": "restore old.jpg -o out.png",
    "restore-strong": "restore old.jpg -o out.png --fix-fading strong --strength 0.6 --keep-colour --blur 1.5",
    "restore-mask": "restore old.jpg -o out.png --scratches mask.png --faces off --stains off",
    "restore-stages": "restore small.jpg -o out.png --stages stages",
    "restore-precise": "restore small.jpg -o out.png --precision float32",
    "faces": "faces astronaut.jpg -o out.png",
    "scratches": "scratches old.jpg -o out.png --overlay overlay.png",
    "upscale-2": "upscale small.jpg -o out.png --scale 2",
    "upscale-4": "upscale small.jpg -o out.png --invented map.png",
    "upscale-odd": "upscale small.jpg -o out.tif --scale 1.37",
    "upscale-8": "upscale small.jpg -o out.png --scale 8",
    "upscale-vivid": "upscale small.jpg -o out.png --clean --vivid 0.7 --ensemble",
    "upscale-alpha": "upscale alpha.png -o out.png --scale 2",
    "upscale-16": "upscale deep.png -o out.png --scale 2",
    "upscale-rrdb": "upscale tiny.png -o out.png --model rrdb-x4-gan",
    "stylize": "stylize chelsea.jpg --style coffee.jpg -o out.png",
    "stylize-mix": "stylize chelsea.jpg --style coffee.jpg rocket.jpg --share 2 1 --strength 0.6 --colours luminance"
    " -o out.png",
    "stylize-faces": "stylize astronaut.jpg --style coffee.jpg --protect-faces 0.7 -o out.png",
    "stylize-optimize": "stylize small.jpg --style coffee.jpg --method optimize --steps 12 --stages 1,5 -o out.png",
    "stylize-lbfgs": "stylize small.jpg --style coffee.jpg --method optimize --steps 4 --optimizer lbfgs -o out.png",
    "run": "run small.jpg --steps restore,upscale,stylize --scale 2 --style coffee.jpg -o out.png --stages stages",
    "age": "age astronaut.jpg --kind studio --seed 12 -o out.png",
    "age-snapshot": "age coffee.jpg --kind snapshot --seed 3 -o out.png",
    "evaluate-upscale": "evaluate upscale --high high --scale 4 --models compact-x4 --csv scores.csv",
    "evaluate-restore": "evaluate restore --high high --versions 1",
}


def prepare(folder: Path) -> None:
    """The examples, and pictures made from them: a mask, transparency, 16 bits, a very small one."""
    import numpy as np
    import pyvips

    for path in EXAMPLES.glob("*.jpg"):
        (folder / path.name).write_bytes(path.read_bytes())
    small = pyvips.Image.new_from_file(str(EXAMPLES / "small.jpg"))
    ramp = np.tile(np.arange(128, dtype=np.uint8) * 2, (128, 1))
    small.bandjoin(pyvips.Image.new_from_array(ramp)).write_to_file(str(folder / "alpha.png"))
    (small.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16").write_to_file(str(folder / "deep.png"))
    small.crop(32, 32, 40, 40).write_to_file(str(folder / "tiny.png"))
    mask = np.zeros((512, 512), np.uint8)
    mask[100:104, 50:400] = mask[300:360, 300:360] = 255
    pyvips.Image.new_from_array(mask).write_to_file(str(folder / "mask.png"))
    (folder / "high").mkdir()
    small.write_to_file(str(folder / "high" / "small.png"))


def digest(path: Path) -> str:
    """Of the pixels of a picture; of the bytes of anything else."""
    import pyvips

    if path.suffix in (".png", ".tif", ".jpg"):
        image = pyvips.Image.new_from_file(str(path))
        return hashlib.sha256(
            f"{image.width} {image.height} {image.format}".encode() + image.write_to_memory()
        ).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest()


def results(daguerre: list[str]) -> Iterator[tuple[str, str]]:
    """Name and SHA-256 of everything that the commands write, pictures and figures on the terminal."""
    environment = {k: v for k, v in os.environ.items() if k != "DAGUERRE_WEIGHTS"} | {"NO_COLOR": "1", "COLUMNS": "200"}
    for name, command in COMMANDS.items():
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            prepare(folder)
            before = set(folder.rglob("*"))
            words = [*daguerre, *command.split()]
            done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                yield name, f"status {done.returncode}: {done.stderr[-200:]}"
                continue
            for path in sorted(set(folder.rglob("*")) - before):
                if path.is_file() and ".daguerre" not in path.parts:  # manifests tell the time
                    yield f"{name}/{path.relative_to(folder)}", digest(path)
            if name.startswith("evaluate"):
                yield f"{name}/printed", done.stdout


def main(file: str, *daguerre: str) -> int:
    made = {}
    for name, result in results(list(daguerre) or ["daguerre"]):
        made[name] = result
        print(f"{name}: {result[:16]}", flush=True)
    path = Path(file)
    if not path.exists():
        path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
        return 0
    known = json.loads(path.read_text(encoding="utf-8"))
    different = [name for name in sorted({*known, *made}) if known.get(name) != made.get(name)]
    for name in different:
        print(f"differs: {name}: {known.get(name)} -> {made.get(name)}")
    print(f"{len(known) - len(different)} of {len(known)} are the same")
    return bool(different)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
