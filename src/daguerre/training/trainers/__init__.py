"""What one iteration of training does: one file a family. The loop knows only the `Trainer` protocol."""

from collections.abc import Callable
from pathlib import Path

from lightning.fabric import Fabric

from daguerre.errors import RecipeError
from daguerre.options import nearest
from daguerre.progress import ProgressCallback
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.classification import Classification
from daguerre.training.trainers.damage_detection import Scratches
from daguerre.training.trainers.denoising import Texture
from daguerre.training.trainers.face_restoration import Faces
from daguerre.training.trainers.protocol import Trainer
from daguerre.training.trainers.stain_removal import Stains
from daguerre.training.trainers.stylization import Stylising
from daguerre.training.trainers.super_resolution import Regression
from daguerre.training.trainers.tone_correction import Tone
from daguerre.training.trainers.translation import Autoencoding, Translation

__all__ = ["STEPS", "Trainer", "make_step"]

STEPS: dict[str, Callable[[Recipe, Path, Fabric, ProgressCallback], Trainer]] = {
    "autoencoding": Autoencoding,
    "classification": Classification,
    "faces": Faces,
    "regression": Regression,
    "scratches": Scratches,
    "stains": Stains,
    "stylising": Stylising,
    "texture": Texture,
    "tone": Tone,
    "translation": Translation,
}


def make_step(recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> Trainer:
    """Read the data and build the networks of a recipe.

    Raises:
        RecipeError: there is no such step, network or loss, or they do not fit together.
        DataError: the pictures cannot be used.
    """
    if recipe.step not in STEPS:
        raise RecipeError(f"no step {recipe.step!r}{nearest(recipe.step, STEPS)}")
    return STEPS[recipe.step](recipe, data, fabric, progress)
