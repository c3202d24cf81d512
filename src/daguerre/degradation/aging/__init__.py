"""Old photographs made from new ones: tones, textures and damage, each by itself or composed as they really come."""

from daguerre.degradation.aging.kinds import KINDS, Aged, age
from daguerre.degradation.aging.options import AgeOptions, size_error
from daguerre.degradation.aging.state import DAMAGES

__all__ = ["DAMAGES", "KINDS", "AgeOptions", "Aged", "age", "size_error"]
