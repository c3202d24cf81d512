"""Old photographs made from new ones: tones, textures and damage, each by itself or composed as they really come."""

from daguerre.training.aging.compose import KINDS, Aged, age
from daguerre.training.aging.options import AgeOptions, refusal
from daguerre.training.aging.photograph import DAMAGES

__all__ = ["DAMAGES", "KINDS", "AgeOptions", "Aged", "age", "refusal"]
