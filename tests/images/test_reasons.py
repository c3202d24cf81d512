from pathlib import Path

import pytest
from images.drawn import photo
from images.refusals import refused, tiff

from daguerre.images import Picture
from daguerre.images.reasons import damaged, reason_in


def test_a_picture_of_no_pixels_is_reported(tmp_path):
    """libvips does not say why it refuses."""
    whole = Picture.from_array(photo()).save(tmp_path / "whole.png").read_bytes()
    (tmp_path / "none.png").write_bytes(whole[:16] + bytes(8) + whole[24:])
    refused(tmp_path / "none.png", "none.png is a damaged or incomplete PNG file; copy it again")


@pytest.mark.parametrize(
    ("compression", "name"),
    [
        (50000, "Zstandard"),
        (34925, "LZMA"),
        (34712, "JPEG 2000"),
        (34887, "LERC"),
        (50002, "JPEG XL"),
        (999, "scheme 999"),
    ],
)
def test_a_compression_that_libvips_does_not_know_is_named_not_called_damage(tmp_path, compression, name):
    (tmp_path / "a.tif").write_bytes(tiff(compression))
    refused(tmp_path / "a.tif", rf"a\.tif is compressed with {name}, which this build of libvips cannot read; save it")


def test_bits_that_libvips_does_not_know_are_not_called_damage(tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff(bits=12, data=bytes(96)))
    refused(tmp_path / "a.tif", "a TIFF file of a kind that libvips cannot read")


def test_a_full_temporary_folder_is_named_as_the_reason(tmp_path):
    error = Exception("unable to write\n  system error: No space left on device")
    assert "set TMPDIR to a folder with more" in str(damaged(tmp_path / "a.png", error))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ('unable to write to "/full/vips-1.v"', "cannot unpack a.tif in the temporary folder /full; set TMPDIR"),
        (
            "tiff2vips: labq coding",
            "a.tif is in Lab colours of a kind that cannot be read here; save it as RGB or CMYK",
        ),
        ("vipsload: 12-bit depth not supported", "a kind that libvips cannot read (12-bit depth not supported)"),
        ("", "a.tif is a damaged or incomplete file; copy it again from where it came"),
        ("pngload: libspng read error", "a.tif is a damaged or incomplete file (libspng read error); copy it again"),
    ],
)
def test_what_the_decoders_say_becomes_what_to_do(said, message):
    assert message in str(damaged(Path("a.tif"), Exception(said)))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("unable to call tiffload\ntiff2vips: bad tag\nvips: more", "bad tag"),
        ("\nwebp: cannot parse: no header", "cannot parse: no header"),
        ("plain", "plain"),
        ("unable to call tiffload\n\n", ""),
    ],
)
def test_of_many_lines_that_one_is_taken_which_says_what_happened(said, reason):
    assert reason_in(said) == reason
