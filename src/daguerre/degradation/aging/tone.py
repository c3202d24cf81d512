"""Changes of tone: loss of color, toning, fading, yellowing, uneven light, silver mirroring.

Every function maps images (B, 3, H, W) in [0, 1] to the same; a strength of 0 changes nothing.
"""

import torch
from torch import Tensor

from daguerre.degradation.aging.noise import (
    Colour,
    border_distance,
    colour,
    pixel_coordinates,
    smooth_noise,
    smoothstep,
)

__all__ = [
    "EMULSIONS",
    "cast",
    "fade",
    "fade_dyes",
    "monochrome",
    "sepia",
    "silver_mirroring",
    "uneven_exposure",
    "vignette",
    "yellow",
]

EMULSIONS = {
    "blue": (0.02, 0.28, 0.70),  # wet plates until about 1885: white skies; skin and everything red dark
    "orthochromatic": (0.05, 0.55, 0.40),  # until the 1930s: green is seen, red is not
    "panchromatic": (0.299, 0.587, 0.114),  # since then: much as the eye sees
}
"""Sensitivity of each emulsion to red, green and blue; each sums to 1."""


def monochrome(image: Tensor, *, emulsion: str = "panchromatic") -> Tensor:
    """Convert to gray as a black-and-white emulsion does.

    Args:
        emulsion: a name in `EMULSIONS`.
    """
    red, green, blue = image[:, :1], image[:, 1:2], image[:, 2:]
    of_red, _, of_blue = EMULSIONS[emulsion]
    grey = green + of_red * (red - green) + of_blue * (blue - green)  # so that what is gray stays so to the last bit
    return grey.clamp(0, 1).expand_as(image).contiguous()


def sepia(
    image: Tensor, *, strength: float = 1.0, shadow: Colour = (0.18, 0.10, 0.06), light: Colour = (0.97, 0.91, 0.78)
) -> Tensor:
    """Tone a photograph: black becomes `shadow`, white becomes `light`, color is lost.

    Args:
        strength: 0 leaves the image, 1 tones it fully.
        shadow, light: sRGB in [0, 1]. Albumen and sulphide toning are brown, gold toning purple, platinum neutral.
    """
    grey = monochrome(image)
    toned = colour(shadow, image) + (colour(light, image) - colour(shadow, image)) * grey
    return torch.lerp(image, toned, min(strength, 1.0))


def fade(image: Tensor, *, lift: float = 0.0, dull: float = 0.0, wash: float = 0.0) -> Tensor:
    """Lose contrast, as silver or dyes fade and paper darkens; or gain too much, as in a copy of a copy.

    Args:
        lift: new value of black, in [0, 1]; below 0 shadows clip.
        dull: how far white falls, in [0, 1]; below 0 highlights burn out.
        wash: bleaching of the midtones: their exponent is 1 / (1 + wash); between -1 and 0 they darken.
    """
    if wash:
        image = image.clamp(0, 1) ** (1 / (1 + wash))
    return (lift + max(1 - lift - dull, 0.0) * image).clamp(0, 1)


def yellow(image: Tensor, *, strength: float = 0.5, paper: Colour = (0.98, 0.86, 0.62)) -> Tensor:
    """Yellow the paper or the varnish: light tones take on the color of old paper, black stays black.

    Args:
        strength: 1 multiplies by `paper`, 0 by white; linear in density, so 2 is twice as much stain.
    """
    return image * colour(paper, image) ** strength


def cast(image: Tensor, *, gains: Colour) -> Tensor:
    """Color cast, as from a wrong lamp or scanner: multiply the channels by `gains` (red, green, blue)."""
    return (image * colour(gains, image)).clamp(0, 1)


def fade_dyes(image: Tensor, *, cyan: float = 0.0, magenta: float = 0.0, yellow: float = 0.0) -> Tensor:
    """Fade the three dyes of a color print, which absorb red, green and blue, each by its own fraction.

    In the dark the cyan dye of the 1960s and 1970s goes first, and the picture turns red; in light magenta goes first.

    Args:
        cyan, magenta, yellow: lost fraction of each dye, in [0, 1]; density D = -log10(image) becomes (1 - fraction) D.
    """
    left = [max(1 - part, 0.0) for part in (cyan, magenta, yellow)]
    return image.clamp(1e-3, 1) ** image.new_tensor(left)[:, None, None] if min(left) < 1 else image


def vignette(image: Tensor, *, strength: float = 0.3, white: bool = False, start: float = 0.4) -> Tensor:
    """Darken the corners, as simple lenses do, or fade to white paper, as studio portraits did.

    Args:
        strength: loss in the corners, in [0, 1].
        white: fade to white instead of black.
        start: where it begins, as a fraction of the way from the center to the corner.
    """
    y, x = pixel_coordinates(image)
    height, width = image.shape[-2:]
    away = (((y + 0.5) / height * 2 - 1) ** 2 + ((x + 0.5) / width * 2 - 1) ** 2).div(2).sqrt()  # corner: 1
    loss = min(strength, 1.0) * smoothstep((away - start) / (1 - start))
    return torch.lerp(image, torch.full_like(image, float(white)), loss)


def uneven_exposure(image: Tensor, *, strength: float = 0.3, generator: torch.Generator) -> Tensor:
    """Smoothly uneven exposure, as from uneven fixing, a mat or a bad copy.

    Args:
        strength: standard deviation of the exposure in stops; sRGB is scaled as if its gamma were 2.2.
    """
    stops = strength * smooth_noise(image, max(image.shape[-2:]) / 2, generator)
    return (image * torch.exp2(stops / 2.2)).clamp(0, 1)


def silver_mirroring(
    image: Tensor,
    *,
    strength: float = 0.5,
    reach: float = 0.25,
    sheen: Colour = (0.60, 0.65, 0.72),
    generator: torch.Generator,
) -> Tensor:
    """Lay the bluish metallic sheen of migrated silver patchily over dark areas towards the edges.

    Args:
        strength: how far black goes towards `sheen` at the border, in [0, 1].
        reach: how far in it goes, as a fraction of the shorter side.
    """
    short = min(image.shape[-2:])
    near = smoothstep(1 - border_distance(image) / (reach * short))
    patchy = smoothstep(0.5 + 0.4 * smooth_noise(image, short / 3, generator, 3))
    dark = (1 - image.mean(1, keepdim=True)) ** 2
    return torch.lerp(image, colour(sheen, image).expand_as(image), min(strength, 1.0) * dark * near * patchy)
