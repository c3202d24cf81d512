"""A sheet of photographs before and after restoring, to be judged by eye: really old ones have no clean original.

    python benchmarks/real.py FOLDER --sheet real.png

Twelve of the folder's pictures, chosen evenly by name, each beside what `daguerre restore` makes of it; how much of
each was damaged, stained and changed in tone is printed.
"""

import argparse
from pathlib import Path

from daguerre.images import READABLE, Picture
from daguerre.tasks.restore import Restorer
from daguerre.tasks.working import make_sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sheet", type=Path, required=True)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--offset", type=int, default=0)
    arguments = parser.parse_args()
    files = sorted(path for path in arguments.folder.iterdir() if path.suffix.lower() in READABLE)
    step = max(len(files) // arguments.count, 1)
    restorer, shown = Restorer(), []
    for path in files[arguments.offset :: step][: arguments.count]:
        photograph = Picture.open(path)
        restored = restorer(photograph)
        shown += [photograph, restored.picture]
        tone, faces = restored.tone_change, len(restored.faces)
        print(
            f"{path.name}: {100 * restored.damaged:.2f} % damaged, {100 * restored.stained:.1f} % stained, "
            f"tones changed by {100 * tone:.1f} %, {faces} faces",
            flush=True,
        )
    make_sheet(shown, columns=6).save(arguments.sheet, overwrite=True)


if __name__ == "__main__":
    main()
