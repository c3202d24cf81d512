"""Being here puts the repository on the import path: `from benchmarks.quality.real_damage import score`."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
