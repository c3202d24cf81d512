import subprocess
import sys

import numpy as np
import pytest
import tifffile
from images.drawn import photo
from images.refusals import png_claiming, refused

from daguerre.images import Picture


def test_a_huge_picture_in_a_tiny_file_is_a_trap(tmp_path):
    (tmp_path / "trap.png").write_bytes(png_claiming(60_000, 60_000))
    refused(tmp_path / "trap.png", r"claims 60000 x 60000 pixels in only \d+ bytes.*--max-pixels 3600000000")


def test_whoever_trusts_a_huge_picture_may_open_it(tmp_path):
    (tmp_path / "trap.png").write_bytes(png_claiming(60_000, 60_000))
    assert Picture.open(tmp_path / "trap.png", max_pixels=3_600_000_000).width == 60_000


def test_a_limit_is_kept(tmp_path):
    path = Picture.from_array(photo()).save(tmp_path / "a.png")
    assert Picture.open(path, max_pixels=2400).height == 40
    refused(path, "60 x 40 pixels, more than the 2,399 allowed", max_pixels=2399)


def test_no_file_is_large_enough_for_more_than_four_gigapixels(tmp_path):
    with (tmp_path / "a.png").open("wb") as file:
        file.write(png_claiming(70_000, 70_000))
        file.truncate(2**33)  # a hole: takes no room on disk
    refused(tmp_path / "a.png", "more than the 4,000,000,000 allowed")


@pytest.mark.parametrize("kind", ["float32", "uint32", "int16", "int8"])
def test_numbers_that_are_no_levels_are_refused(tmp_path, kind):
    tifffile.imwrite(tmp_path / "a.tif", photo().astype(kind), photometric="rgb")
    refused(tmp_path / "a.tif", "numbers; save it with 8 or 16 bits per channel")


def test_too_many_channels_are_refused(tmp_path):
    kind = {"photometric": "rgb", "extrasamples": ["unassalpha", "unspecified"]}
    tifffile.imwrite(tmp_path / "a.tif", photo(channels=5), planarconfig="contig", **kind)
    refused(tmp_path / "a.tif", "5 channels .* one alpha channel at most")


def test_rows_too_long_to_unpack_in_bounded_memory_are_refused_unless_trusted(tmp_path):
    """Most of a gigabyte would go into the rows that libvips keeps while it unpacks."""
    (tmp_path / "b.png").write_bytes(png_claiming(8_000_000, 100, bytes(10)).ljust(900_000, b"\0"))
    refused(
        tmp_path / "b.png", r"8000000 x 100 pixels, which take 1\.5 GiB of memory to unpack; .*--max-pixels 800000000"
    )


MEMORY = """
import resource, sys
from daguerre.errors import UnreadablePicture
from daguerre.images import Picture
from daguerre.tiling import Window
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        Picture.open(path).read(Window(0, 0, 1, 1))
    except UnreadablePicture as error:
        assert path in str(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts memory in KiB")
def test_the_widest_and_the_evenest_pictures_take_bounded_memory(tmp_path):
    even = Picture.from_array(np.full((9000, 9000), 128, np.uint8))
    paths = [even.save(tmp_path / name) for name in ("a.avif", "a.webp", "a.gif")]
    for number, (width, height) in enumerate([(8_388_608, 20), (4_000_000, 30), (1_000_000, 200)]):
        paths.append(tmp_path / f"{number}.png")
        paths[-1].write_bytes(png_claiming(width, height))
    done = subprocess.run([sys.executable, "-c", MEMORY, *paths], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.3 * 1024
