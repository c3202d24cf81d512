"""Weights: find, fetch, verify and load those that ship and those that are published.

from daguerre import weights

weights.load("compact-x4").network
weights.interpolate("realesr-general-wdn-x4", "realesr-general-x4", 0.5).network
"""

from daguerre.weights.catalog import ModelEntry
from daguerre.weights.checkpoint import WeightsHeader
from daguerre.weights.download import fetch
from daguerre.weights.model import Model
from daguerre.weights.store import (
    available,
    checksum,
    find,
    import_archive,
    import_file,
    interpolate,
    load,
    noting,
    verify,
    weights_folder,
)

load_model = load

__all__ = [
    "Model",
    "ModelEntry",
    "WeightsHeader",
    "available",
    "checksum",
    "fetch",
    "find",
    "import_archive",
    "import_file",
    "interpolate",
    "load",
    "load_model",
    "noting",
    "verify",
    "weights_folder",
]
