"""Trainers, one file per task. The loop knows only the interface `Trainer`."""

from collections.abc import Callable
from pathlib import Path

from lightning.fabric import Fabric

from daguerre.errors import RecipeError
from daguerre.options import nearest
from daguerre.progress import ProgressCallback
from daguerre.training.recipe import Recipe
from daguerre.training.trainers.autoencoder import AutoencoderTrainer
from daguerre.training.trainers.base import Trainer
from daguerre.training.trainers.classification import ClassificationTrainer
from daguerre.training.trainers.damage_detection import DamageDetectionTrainer
from daguerre.training.trainers.damage_verification import DamageVerificationTrainer
from daguerre.training.trainers.denoising import DenoisingTrainer
from daguerre.training.trainers.distillation import DistillationTrainer
from daguerre.training.trainers.face_detection import FaceDetectionTrainer
from daguerre.training.trainers.face_restoration import FaceRestorationTrainer
from daguerre.training.trainers.stain_removal import StainRemovalTrainer
from daguerre.training.trainers.stylization import StylizationTrainer
from daguerre.training.trainers.super_resolution import SuperResolutionTrainer
from daguerre.training.trainers.tone_correction import ToneCorrectionTrainer
from daguerre.training.trainers.translation import TranslationTrainer

__all__ = ["TRAINERS", "Trainer", "make_trainer"]

TRAINERS: dict[str, Callable[[Recipe, Path, Fabric, ProgressCallback], Trainer]] = {
    "autoencoder": AutoencoderTrainer,
    "classification": ClassificationTrainer,
    "damage_detection": DamageDetectionTrainer,
    "damage_verification": DamageVerificationTrainer,
    "denoising": DenoisingTrainer,
    "distillation": DistillationTrainer,
    "face_detection": FaceDetectionTrainer,
    "face_restoration": FaceRestorationTrainer,
    "stain_removal": StainRemovalTrainer,
    "stylization": StylizationTrainer,
    "super_resolution": SuperResolutionTrainer,
    "tone_correction": ToneCorrectionTrainer,
    "translation": TranslationTrainer,
}
"""Trainers by the name in a recipe's `step`."""


def make_trainer(recipe: Recipe, data: Path, fabric: Fabric, progress: ProgressCallback) -> Trainer:
    """Read the data and build the networks of a recipe.

    Raises:
        RecipeError: the step, network or loss is unknown, or they do not fit together.
        DataError: the pictures cannot be used.
    """
    if recipe.step not in TRAINERS:
        raise RecipeError(f"no step {recipe.step!r}{nearest(recipe.step, TRAINERS)}")
    return TRAINERS[recipe.step](recipe, data, fabric, progress)
