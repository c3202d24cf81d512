"""Daguerre: restore old photographs, upscale pictures and stylise them, on any computer, at any size.

    import daguerre

    daguerre.upscale("photo.jpg", scale=2).save("photo-large.jpg")

Everything below is imported when it is first used, so that `import daguerre` stays instant.
"""

import importlib
from typing import TYPE_CHECKING, Any

from daguerre._version import __version__
from daguerre.errors import DaguerreError

if TYPE_CHECKING:
    from daguerre.images import Picture, SaveOptions
    from daguerre.tasks.faces import FaceOptions, FaceRefiner, Refined, refine_faces
    from daguerre.tasks.pipeline import Chained, Pipeline
    from daguerre.tasks.restore import Restored, RestoreOptions, Restorer, restore
    from daguerre.tasks.style_vector import StyleVector
    from daguerre.tasks.stylize import Stylized, StylizeOptions, Stylizer, stylize
    from daguerre.tasks.upscale import Upscaled, UpscaleOptions, Upscaler, upscale

__all__ = [
    "Chained",
    "DaguerreError",
    "FaceOptions",
    "FaceRefiner",
    "Picture",
    "Pipeline",
    "Refined",
    "RestoreOptions",
    "Restored",
    "Restorer",
    "SaveOptions",
    "StyleVector",
    "StylizeOptions",
    "Stylized",
    "Stylizer",
    "UpscaleOptions",
    "Upscaled",
    "Upscaler",
    "__version__",
    "refine_faces",
    "restore",
    "stylize",
    "upscale",
]

HOMES = {
    "Chained": "daguerre.tasks.pipeline",
    "FaceOptions": "daguerre.tasks.faces",
    "FaceRefiner": "daguerre.tasks.faces",
    "Picture": "daguerre.images",
    "Pipeline": "daguerre.tasks.pipeline",
    "Refined": "daguerre.tasks.faces",
    "RestoreOptions": "daguerre.tasks.restore",
    "Restored": "daguerre.tasks.restore",
    "Restorer": "daguerre.tasks.restore",
    "SaveOptions": "daguerre.images",
    "StyleVector": "daguerre.tasks.style_vector",
    "StylizeOptions": "daguerre.tasks.stylize",
    "Stylized": "daguerre.tasks.stylize",
    "Stylizer": "daguerre.tasks.stylize",
    "UpscaleOptions": "daguerre.tasks.upscale",
    "Upscaled": "daguerre.tasks.upscale",
    "Upscaler": "daguerre.tasks.upscale",
    "refine_faces": "daguerre.tasks.faces",
    "restore": "daguerre.tasks.restore",
    "stylize": "daguerre.tasks.stylize",
    "upscale": "daguerre.tasks.upscale",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'daguerre' has no attribute {name!r}")
    return getattr(importlib.import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
