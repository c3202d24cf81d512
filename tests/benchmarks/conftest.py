"""Being here puts benchmarks/ on the import path: `from real_damage import score`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
