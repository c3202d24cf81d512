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
    from daguerre.tasks.faces.refiner import FaceOptions, FaceRefiner, Refined, refine_faces
    from daguerre.tasks.pipeline import Chained, Pipeline
    from daguerre.tasks.restoration.restorer import Restored, RestoreOptions, Restorer, restore
    from daguerre.tasks.stylization.style_vector import StyleVector
    from daguerre.tasks.stylization.stylizer import Stylized, StylizeOptions, Stylizer, stylize
    from daguerre.tasks.upscaling.upscaler import Upscaled, UpscaleOptions, Upscaler, upscale

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
    "FaceOptions": "daguerre.tasks.faces.refiner",
    "FaceRefiner": "daguerre.tasks.faces.refiner",
    "Picture": "daguerre.images",
    "Pipeline": "daguerre.tasks.pipeline",
    "Refined": "daguerre.tasks.faces.refiner",
    "RestoreOptions": "daguerre.tasks.restoration.restorer",
    "Restored": "daguerre.tasks.restoration.restorer",
    "Restorer": "daguerre.tasks.restoration.restorer",
    "SaveOptions": "daguerre.images",
    "StyleVector": "daguerre.tasks.stylization.style_vector",
    "StylizeOptions": "daguerre.tasks.stylization.stylizer",
    "Stylized": "daguerre.tasks.stylization.stylizer",
    "Stylizer": "daguerre.tasks.stylization.stylizer",
    "UpscaleOptions": "daguerre.tasks.upscaling.upscaler",
    "Upscaled": "daguerre.tasks.upscaling.upscaler",
    "Upscaler": "daguerre.tasks.upscaling.upscaler",
    "refine_faces": "daguerre.tasks.faces.refiner",
    "restore": "daguerre.tasks.restoration.restorer",
    "stylize": "daguerre.tasks.stylization.stylizer",
    "upscale": "daguerre.tasks.upscaling.upscaler",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'daguerre' has no attribute {name!r}")
    return getattr(importlib.import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
