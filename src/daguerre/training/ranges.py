"""Numbers of a recipe that must lie between two others."""

from daguerre.errors import RecipeError

__all__ = ["check_span", "check_within"]


def check_within(name: str, value: float, low: float, high: float) -> None:
    """Refuse a value outside [low, high].

    Raises:
        RecipeError: names the value and the range.
    """
    if not low <= value <= high:
        raise RecipeError(f"{name} is {value:g}; it must lie between {low:g} and {high:g}")


def check_span(name: str, span: tuple[float, float], low: float, high: float) -> None:
    """Refuse a range, its least and its greatest value, that is not within [low, high] or lies the wrong way round.

    Raises:
        RecipeError: names the range and where it must lie.
    """
    if not low <= span[0] <= span[1] <= high:
        raise RecipeError(
            f"{name} goes from {span[0]:g} to {span[1]:g}; it must go upwards, between {low:g} and {high:g}"
        )
