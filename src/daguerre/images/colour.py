"""Color management: the numbers given to networks, and restoring a picture's profile.

Most pictures keep their own numbers. Where an ICC profile shows middle gray about as light as sRGB does (Display P3,
Adobe RGB, ProPhoto, scanners, gray gamma 2.2, dot gain), the numbers are treated as if they were sRGB, and the
profile is kept untouched. Networks hardly notice the difference, while a conversion to sRGB and back would clip every
color outside sRGB: up to 144 levels of 255 for Adobe RGB and 116 for Display P3, measured on random
colors, and 4 for a profile with sRGB's own primaries and gamma 2.2. So an untouched picture stays as it was, to the
last bit.

Two kinds are converted to sRGB, at 16 bits: CMYK, which is also saved as sRGB, and pictures whose profile is far from
it (linear light), which are converted back on saving.
"""

import logging
import re
import struct
from dataclasses import dataclass

from daguerre.images.vips import complaints, pyvips

__all__ = ["Colour", "three_channels", "to_file", "to_working"]

MODES = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4}
"""Color channels that a profile describes, by the signature in its header (ICC.1:2022, 7.2.6)."""

SIMILAR_LIGHTNESS = (45.0, 66.0)
"""Lightness (CIE L*) of middle gray treated as sRGB: 53.6 in sRGB, 48 with gamma 2.6, 61 with 1.8, 76 linear."""

MAX_PROFILE_BYTES = 2**23
"""Largest profile in bytes; those of printing presses have some four million."""

CONVERSION = {"intent": "relative", "black_point_compensation": True}
"""As in printing and picture editors: colors inside both gamuts stay, the others go to the nearest."""


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Colour:
    """How the numbers in memory relate to those in the file.

    Args:
        channels: color channels of the file, 1 or 3.
        profile: ICC profile to restore, if any.
        converted: whether the numbers in memory are sRGB although `profile` is not.
    """

    channels: int = 3
    profile: bytes | None = None
    converted: bool = False


def to_working(image: pyvips.Image, name: object) -> tuple[pyvips.Image, Colour]:
    """Convert a decoded picture (1, 3 or CMYK's 4 channels, perhaps alpha) to the working space of networks.

    Args:
        name: of the picture, for a message if its profile is left out.

    Returns:
        The picture with 1 or 3 channels and perhaps alpha, lazily, and how to restore its colors.
    """
    channels = 4 if image.interpretation == "cmyk" else 1 if image.bands < 3 else 3
    profile = image.get("icc-profile-data") if image.get_typeof("icc-profile-data") else None
    grey = None
    if profile is not None:
        try:
            profile = checked(profile)
            grey = middle_grey(profile, channels) if MODES.get(profile[16:20]) == channels else None
        except ValueError as error:
            logger.warning("%s: the colour profile cannot be kept and is left out (%s)", name, error)
    if grey is None:
        profile = None  # the profile is for another number of channels
    if channels == 4:
        return to_srgb(image, profile, channels), Colour(3, srgb_profile())
    if profile is None or grey is None or SIMILAR_LIGHTNESS[0] <= grey <= SIMILAR_LIGHTNESS[1]:
        return image, Colour(channels, profile)
    return to_srgb(image, profile, channels), Colour(channels, profile, converted=True)


def checked(profile: bytes) -> bytes:
    """A profile without trailing bytes.

    Raises:
        ValueError: truncated, too large, or not a profile.
    """
    if len(profile) < 128 or profile[36:40] != b"acsp":
        raise ValueError("it is none")
    (size,) = struct.unpack(">I", profile[:4])
    if not 128 <= size <= len(profile):
        raise ValueError("it is cut short")
    if size > MAX_PROFILE_BYTES:
        raise ValueError(f"{size:,} bytes are too many")
    return profile[:size]


def to_file(image: pyvips.Image, colour: Colour, *, srgb: bool) -> tuple[pyvips.Image, bytes | None]:
    """Undo `to_working`, or convert to sRGB.

    Args:
        srgb: convert to sRGB instead of the picture's own profile.

    Returns:
        The picture, and the profile that describes it; none for gray in sRGB, whose profile describes three channels.
    """
    profile, channels = colour.profile, 1 if image.bands < 3 else 3
    if profile is None or profile == srgb_profile() or not (srgb or colour.converted):
        return image, profile
    if srgb:
        image = image if colour.converted else to_srgb(image, profile, channels)
        return image, srgb_profile() if channels == 3 else None
    colours = image.extract_band(0, n=3) if channels == 3 else three_channels(image[0])
    colours = tagged(colours, None).icc_import(input_profile="srgb", pcs="xyz", **CONVERSION)
    colours = tagged(colours, profile).icc_export(pcs="xyz", depth=16, **CONVERSION)
    return with_alpha(colours, image, channels), profile


def middle_grey(profile: bytes, channels: int) -> float:
    """Lightness (CIE L*) of the middle of a profile's range; for CMYK, of half of all inks.

    Raises:
        ValueError: the profile is damaged.
    """
    grey = (pyvips.Image.black(1, 1, bands=channels) + 128).cast("uchar")
    grey = grey.copy(interpretation={1: "b-w", 3: "srgb", 4: "cmyk"}[channels])
    with complaints() as heard:
        try:
            lightness = float(tagged(grey, profile).icc_import(embedded=True, pcs="lab")(0, 0)[0])
        except pyvips.Error as error:
            raise ValueError("it is damaged") from error
    # libvips then uses another profile, with only a warning.
    if any(re.search("corrupt|incompatible|VIPS: profile does not support", line) for line in heard):
        raise ValueError("it is damaged")
    return lightness


def to_srgb(image: pyvips.Image, profile: bytes | None, channels: int) -> pyvips.Image:
    """The same colors in 16-bit sRGB, gray in one channel; CMYK without a profile is treated as common print."""
    colours = tagged(image.extract_band(0, n=channels), profile)
    colours = colours.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=16, **CONVERSION)
    if channels == 1:
        colours = colours[0].copy(interpretation="grey16")
    return with_alpha(colours, image, channels)


def with_alpha(colours: pyvips.Image, image: pyvips.Image, channels: int) -> pyvips.Image:
    """16-bit colors, followed by the alpha that follows the `channels` of `image`.

    Not left to the conversion: libvips treats the 16-bit alpha of CMYK as 8-bit.
    """
    if image.bands == channels:
        return colours
    alpha = image[channels]
    return colours.bandjoin((alpha * 257).cast("ushort") if alpha.format == "uchar" else alpha)


def tagged(image: pyvips.Image, profile: bytes | None) -> pyvips.Image:
    """A copy of the same pixels with this profile attached, or none."""
    image = image.copy()
    image.remove("icc-profile-data")
    if profile is not None:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image


def three_channels(image: pyvips.Image) -> pyvips.Image:
    """Gray, perhaps with alpha, as three equal channels."""
    joined = image[0].bandjoin([image[0], image[0], *([image[1]] if image.bands == 2 else [])])
    return joined.copy(interpretation="srgb" if image.format == "uchar" else "rgb16")


def srgb_profile() -> bytes:
    """The sRGB profile built into libvips."""
    profile: bytes = pyvips.Image.profile_load("srgb")
    return profile
