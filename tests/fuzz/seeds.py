"""Whole pictures to begin with: every format and kind that daguerre reads, small, with all metadata they can hold."""

import io
import struct
import zlib

import numpy as np
import pyvips
import tifffile
from PIL import Image

from daguerre.images import Picture

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:d="urn:daguerre:provenance:1"'
    b""" d:Steps='[{"task": "upscale"}]'><dc:title>Gro\xc3\x9fmutter</dc:title></rdf:Description>"""
    b"</rdf:RDF></x:xmpmeta>"
)


def make_seeds() -> dict[str, bytes]:
    """Contents by name; the ending tells the format."""
    seeds = {}
    for kind, levels in pictures().items():
        picture = described(levels)
        for suffix in ("jpg", "png", "tif", "webp", "avif", "gif", "bmp"):
            seeds[f"{kind}.{suffix}"] = picture.to_bytes(suffix)
    return seeds | by_pillow() | by_tifffile() | with_bombs()


def pictures() -> dict[str, np.ndarray]:
    """Levels of each kind: soft, with grain, 20 x 24."""
    rng = np.random.default_rng(0)
    down, across = np.mgrid[0:20, 0:24] / 24
    kinds = {}
    for name, channels, kind in (
        ("grey", 1, np.uint8),
        ("rgb", 3, np.uint8),
        ("rgba", 4, np.uint8),
        ("wide", 3, np.uint16),
    ):
        planes = [0.5 + 0.4 * np.sin(3 * down * (c + 1) + 2 * across + c) for c in range(channels)]
        grained = np.stack(planes, axis=2) + rng.uniform(-0.05, 0.05, (20, 24, channels))
        kinds[name] = np.rint(grained.clip(0, 1) * np.iinfo(kind).max).astype(kind)
    return kinds


def exif() -> Image.Exif:
    made = Image.Exif()
    made[0x10F], made[0x112], made[0x8298] = "Leica", 6, "Musée Carnavalet".encode()
    made.get_ifd(0x8769)[0x9003] = "1925:03:01 08:00:00"
    made.get_ifd(0x8825)[2] = (48.0, 51.0, 27.0)
    return made


def described(levels: np.ndarray) -> Picture:
    """A picture with EXIF, XMP, IPTC, a profile and a resolution."""
    file = io.BytesIO()
    profile = pyvips.Image.profile_load("p3") if levels.shape[2] >= 3 else None
    Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif(), xmp=XMP, dpi=(300, 300), icc_profile=profile)
    like = Picture.from_bytes(file.getvalue())
    return Picture.from_array(levels, like=like)


def by_pillow() -> dict[str, bytes]:
    """Kinds that daguerre reads and never writes."""
    rgb, seeds = Image.fromarray(pictures()["rgb"]), {}

    def save(name: str, image: Image.Image, **options: object) -> None:
        file = io.BytesIO()
        image.save(file, {"jpg": "JPEG", "tif": "TIFF"}.get(name[-3:], name.rpartition(".")[2]), **options)
        seeds[name] = file.getvalue()

    save("progressive.jpg", rgb, progressive=True, exif=exif(), comment=b"hello")
    save("cmyk.jpg", rgb.convert("CMYK"))
    save("palette.png", rgb.quantize(16), transparency=3)
    save("bit.png", rgb.convert("1"))
    save("palette.bmp", rgb.quantize(16))
    save("bit.bmp", rgb.convert("1"))
    save("alpha.bmp", Image.fromarray(pictures()["rgba"]))
    frames = [rgb, rgb.rotate(180)]
    save("film.gif", frames[0], save_all=True, append_images=frames[1:])
    save("film.webp", frames[0], save_all=True, append_images=frames[1:], exif=exif())
    save("lossless.webp", Image.fromarray(pictures()["rgba"]), lossless=True)
    for packing in ("tiff_lzw", "packbits", "jpeg", "tiff_adobe_deflate"):
        save(f"{packing}.tif", rgb, compression=packing)
    save("group4.tif", rgb.convert("1"), compression="group4")
    return seeds


def by_tifffile() -> dict[str, bytes]:
    """Tiles, big-endian and BigTIFF, several pages."""
    rgb, seeds = pictures()["rgb"], {}
    for name, options in {
        "tiles.tif": {"tile": (16, 16)},
        "big.tif": {"bigtiff": True, "description": "Grandmother"},
        "motorola.tif": {"byteorder": ">"},
        "planes.tif": {"planarconfig": "separate"},
        "float.tif": {},
    }.items():
        file = io.BytesIO()
        levels = (
            rgb.transpose(2, 0, 1) if name == "planes.tif" else rgb.astype(np.float32) if name == "float.tif" else rgb
        )
        tifffile.imwrite(file, levels, photometric="rgb", metadata=None, **options)
        seeds[name] = file.getvalue()
    file = io.BytesIO()
    tifffile.imwrite(file, np.stack([rgb, rgb[::-1]]), photometric="rgb")
    return seeds | {"pages.tif": file.getvalue()}


def bombs() -> dict[str, dict[str, bytes]]:
    """Metadata made to do harm: what to call them, and an XMP packet, a block of EXIF or a profile."""
    many = b" ".join(b'xmlns:n%d="u:%d"' % (i, i) for i in range(20_000))
    steps = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:d="urn:daguerre:provenance:1">
        <rdf:Description d:Steps='%b'/></rdf:RDF>"""
    laughs = b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 60) for i in range(6))
    count, place = 900, 8 + 2 + 900 * 12 + 4
    shared = b"".join(struct.pack("<HHII", 0x9000 + i, 7, 50_000, place) for i in range(count))
    block = struct.pack("<2sHIH", b"II", 42, 8, count) + shared + bytes(4) + bytes(50_000)
    lists = struct.pack("<2sHIHHHIIHHIII", b"II", 42, 8, 2, 0x8769, 4, 1, 8, 0x8825, 4, 1, 2**31, 0)
    return {
        "deep": {"xmp": b"<a>" * 3000 + b"</a>" * 3000},
        "names": {"xmp": b"<a " + many + b"/>"},
        "laughs": {"xmp": b'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaaaaaaaa">' + laughs + b"]><l>&g;</l>"},
        "shift-jis": {"xmp": b'<?xml version="1.0" encoding="shift_jis"?><a/>'},
        "rot13": {"xmp": b'<?xml version="1.0" encoding="rot13"?><a/>'},
        "steps": {"xmp": steps % (b"[" * 50_000)},
        "number": {"xmp": steps % (b"1" * 5000)},
        "large": {"xmp": b"<a>" + b"x" * 3_000_000 + b"</a>"},
        "shared": {"exif": block},
        "lists": {"exif": lists},
        "junk": {"exif": b"junk" * 100, "profile": b"junk" * 100},
        "profile": {"profile": b"\0\x01\0\0" + bytes(12) + b"RGB XYZ " + bytes(12) + b"acsp" + bytes(65_000)},
    }


def with_bombs() -> dict[str, bytes]:
    """Every bomb in every format that Pillow can put it in."""
    rgb, seeds = Image.fromarray(pictures()["rgb"]), {}
    for name, bomb in bombs().items():
        for suffix, kind in (("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP"), ("avif", "AVIF")):
            given = {"xmp": bomb.get("xmp"), "icc_profile": bomb.get("profile")}
            if "exif" in bomb:
                given["exif"] = b"Exif\0\0" + bomb["exif"]
            if (suffix == "jpg" and len(bomb.get("xmp", b"")) > 65_000) or (suffix == "avif" and "exif" in bomb):
                continue  # Pillow refuses
            file = io.BytesIO()
            rgb.save(
                file, kind, **{key: value for key, value in given.items() if value and (suffix, key) != ("png", "xmp")}
            )
            seeds[f"{name}.{suffix}"] = file.getvalue()
            if suffix == "png" and "xmp" in bomb:
                text = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bomb["xmp"])
                seeds[f"{name}.png"] = seeds[f"{name}.png"][:33] + chunk(b"iTXt", text) + seeds[f"{name}.png"][33:]
    plain = described(pictures()["rgb"]).to_bytes("png")
    for name, data in {
        "latin.png": chunk(b"tEXt", b"T\xfcr\0offen"),
        "text-bomb.png": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000), 9)),
        "profile-bomb.png": chunk(b"iCCP", b"p3\0\0" + zlib.compress(bytes(50_000_000), 9)),
    }.items():
        seeds[name] = plain[:33] + data + plain[33:]
    return seeds


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file, with the right checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
