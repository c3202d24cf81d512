"""Synthetic aging of photographs: tones, textures and damage, singly or combined into realistic kinds."""

from daguerre.degradation.aging.kinds import KINDS, Aged, age
from daguerre.degradation.aging.options import AgeOptions, size_error
from daguerre.degradation.aging.state import DAMAGES

__all__ = ["DAMAGES", "KINDS", "AgeOptions", "Aged", "age", "size_error"]
