"""EXIF and IPTC in TIFF files, where libvips neither reads nor writes EXIF, and truncates IPTC.

An EXIF block is itself a small TIFF structure: a list of descriptive tags (camera, date, author) that points to two
more lists (exposure, place). In a TIFF file the same tags are mixed with those that locate the pixels.
TIFF 6.0, section 2; EXIF 2.32, section 4.6.
"""

import io
import struct
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

__all__ = ["append_exif", "check_exif", "is_raw", "read_exif"]

# DocumentName, ImageDescription, Make, Model, Software, DateTime, Artist, HostComputer, Copyright
DESCRIPTIVE = frozenset({0x10D, 0x10E, 0x10F, 0x110, 0x131, 0x132, 0x13B, 0x13C, 0x8298})
EXIF, GPS, INTEROPERABILITY, IPTC = 0x8769, 0x8825, 0xA005, 0x83BB
WIDTH, HEIGHT = 0xA002, 0xA003

BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of one value, by type number."""

LARGEST = 65_000
"""Most bytes of one value that is carried over; a JPEG file has room for 65,527 bytes of EXIF in all."""

LARGEST_SUM = 2**20
"""Most bytes of all values together, since many may point to the same bytes of a small file."""

SUBFILE, SUBFILES, DNG_VERSION = 0xFE, 0x14A, 0xC612

EMPTY = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
"""An empty EXIF block."""

Entry = tuple[int, int, bytes]
"""Type, count and value bytes of a tag."""


@dataclass(frozen=True)
class Layout:
    """Byte order and width of the numbers in a TIFF structure: classic, or BigTIFF with 8-byte offsets."""

    order: str  # "<" or ">"
    big: bool = False

    @property
    def head(self) -> str:  # number of entries
        return self.order + ("Q" if self.big else "H")

    @property
    def entry(self) -> str:  # tag, type, count, value or where it is
        return self.order + ("HHQ8s" if self.big else "HHI4s")

    @property
    def offset(self) -> str:
        return self.order + ("Q" if self.big else "I")


def read_exif(file: BinaryIO) -> tuple[bytes | None, bool]:
    """EXIF of a TIFF file as a separate block, or None; and whether part of it is lost.

    Raises:
        ValueError: the first list of tags is damaged, or the data are too large.
    """
    layout, main, lists, lost = read_descriptions(file)
    if not main and not lists:
        return None, lost
    classic = Layout(layout.order)
    block = b"II*\0" if layout.order == "<" else b"MM\0*"
    return block + struct.pack(classic.offset, 8) + pack_tree(main, lists, 8, classic), lost


def check_exif(block: bytes) -> bool:
    """Check that a block of EXIF begins with a list of tags; returns whether a list that it points to is lost.

    Raises:
        ValueError: it does not, or the data are too large.
    """
    return read_descriptions(io.BytesIO(block))[3]


def is_raw(file: BinaryIO) -> bool:
    """Whether a TIFF file is a camera raw file, whose first picture is a thumbnail or undeveloped."""
    try:
        layout, at = read_header(file)
        tags = read_tags(file, at, layout, {SUBFILE, SUBFILES, DNG_VERSION})
    except ValueError:
        return False
    reduced = SUBFILE in tags and int.from_bytes(tags[SUBFILE][2], "little" if layout.order == "<" else "big") & 1
    return DNG_VERSION in tags or bool(reduced and SUBFILES in tags)


def append_exif(path: Path, block: bytes | None, iptc: bytes | None, height: int, width: int) -> None:
    """Add EXIF, with the correct picture size, and IPTC records to a TIFF file: a new first list at its end.

    Raises:
        ValueError: the block is damaged; the file is unchanged.
    """
    given, tags, lists, _ = read_descriptions(io.BytesIO(EMPTY if block is None else block))
    if iptc:
        tags[IPTC] = (7, len(iptc), iptc)
    for tag, side in ((WIDTH, width), (HEIGHT, height)):
        if tag in lists.get(EXIF, {}):
            lists[EXIF][tag] = (4, 1, struct.pack(given.order + "I", side))
    with path.open("r+b") as file:
        layout, at = read_header(file)
        if given.order != layout.order:
            tags = {tag: swapped(entry) for tag, entry in tags.items()}
            lists = {tag: {t: swapped(entry) for t, entry in inner.items()} for tag, inner in lists.items()}
        file.seek(at)
        (count,) = unpack(file, layout.head)
        kept = {}
        for _ in range(count):
            entry = file.read(struct.calcsize(layout.entry))
            kept[struct.unpack_from(layout.order + "H", entry)[0]] = entry
        following = file.read(struct.calcsize(layout.offset))
        end = file.seek(0, io.SEEK_END)
        start = end + -end % 8
        file.write(b"\0" * (start - end) + pack_tree(tags, lists, start, layout, kept, following))
        file.seek(8 if layout.big else 4)
        file.write(struct.pack(layout.offset, start))


def read_descriptions(file: BinaryIO) -> tuple[Layout, dict[int, Entry], dict[int, dict[int, Entry]], bool]:
    """Layout of a TIFF structure, its descriptive tags, the lists that they point to, and whether one is damaged.

    Raises:
        ValueError: there is no list of tags, or the data are too large.
    """
    layout, at = read_header(file)
    tags = read_tags(file, at, layout, DESCRIPTIVE | {EXIF, GPS})
    lists, lost = {}, False
    for tag in (EXIF, GPS):
        try:
            if tag in tags:
                lists[tag] = read_tags(file, place(tags.pop(tag), layout), layout)
        except ValueError:
            lost = True
    total = sum(len(value) for entries in (tags, *lists.values()) for _, _, value in entries.values())
    if total > LARGEST_SUM:
        raise ValueError(f"{total:,} bytes are too many")
    return layout, tags, lists, lost


def unpack(file: BinaryIO, form: str) -> tuple[int, ...]:
    data = file.read(struct.calcsize(form))
    if len(data) < struct.calcsize(form):
        raise ValueError("a list of tags is cut short")
    return struct.unpack(form, data)


def go(file: BinaryIO, at: int) -> None:
    """Seek to an offset read from a file, which may exceed any file's size."""
    try:
        file.seek(at)
    except (OSError, OverflowError) as error:
        raise ValueError("a list of tags is nowhere") from error


def read_header(file: BinaryIO) -> tuple[Layout, int]:
    """Layout of a TIFF structure, and the offset of its first list of tags."""
    head = file.read(8)
    layout = Layout("<" if head[:2] == b"II" else ">", big=b"+" in head[2:4])
    if not layout.big:
        file.seek(4)
    return layout, unpack(file, layout.offset)[0]


def place(entry: Entry, layout: Layout) -> int:
    """Offset of the list that `entry` points to."""
    size = BYTES.get(entry[0], 0)
    if len(entry[2]) != size or size not in (4, 8):
        raise ValueError("a list of tags is nowhere")
    return int(struct.unpack(layout.order + ("I" if size == 4 else "Q"), entry[2])[0])


def read_tags(file: BinaryIO, at: int, layout: Layout, wanted: Container[int] | None = None) -> dict[int, Entry]:
    """Tags of the list at offset `at`, only those `wanted`, without too large, unreachable and unknown ones.

    Raises:
        ValueError: there is no list, or it holds too much.
    """
    go(file, at)
    (count,) = unpack(file, layout.head)
    if count > 1000:
        raise ValueError(f"a list of {count} tags")
    tags: dict[int, Entry] = {}
    total = 0
    for tag, kind, number, field in [unpack_entry(file, layout) for _ in range(count)]:
        size = BYTES.get(kind, 0) * number
        if not 0 < size <= LARGEST or tag == INTEROPERABILITY or (wanted is not None and tag not in wanted):
            continue
        if size > len(field):
            try:
                go(file, *struct.unpack(layout.offset, field))
            except ValueError:
                continue
            field = file.read(size)
        total += size
        if total > LARGEST_SUM:
            raise ValueError("a list of tags that holds too much")
        if len(field) >= size:
            tags[tag] = (kind, number, field[:size])
    return tags


def unpack_entry(file: BinaryIO, layout: Layout) -> tuple[int, int, int, bytes]:
    return unpack(file, layout.entry)  # type: ignore[return-value]


def swapped(entry: Entry) -> Entry:
    """The same entry in the other byte order."""
    kind, count, value = entry
    size = 4 if kind in (5, 10) else BYTES[kind]  # a fraction is two numbers
    return kind, count, np.frombuffer(value, f"u{size}").byteswap().tobytes()


def pack_tree(
    tags: dict[int, Entry],
    lists: dict[int, dict[int, Entry]],
    at: int,
    layout: Layout,
    kept: dict[int, bytes] | None = None,
    following: bytes | None = None,
) -> bytes:
    """A list of tags for offset `at`, followed by the `lists` that it points to.

    Args:
        kept: entries to copy unchanged, by tag; `tags` take precedence.
        following: offset of the file's next list, as bytes.
    """
    kind = 16 if layout.big else 4
    pointers = {tag: (kind, 1, bytes(struct.calcsize(layout.offset))) for tag in lists}
    behind = at + len(pack_tags(tags | pointers, at, layout, kept, following))
    tail = b""
    for tag, inner in lists.items():
        pointers[tag] = (kind, 1, struct.pack(layout.offset, behind + len(tail)))
        tail += pack_tags(inner, behind + len(tail), layout)
    return pack_tags(tags | pointers, at, layout, kept, following) + tail


def pack_tags(
    tags: dict[int, Entry],
    at: int,
    layout: Layout,
    kept: dict[int, bytes] | None = None,
    following: bytes | None = None,
) -> bytes:
    """One list of tags for offset `at`, in order, followed by its larger values."""
    kept = {tag: entry for tag, entry in (kept or {}).items() if tag not in tags}
    room = struct.calcsize(layout.offset)
    values = at + struct.calcsize(layout.head) + (len(tags) + len(kept)) * struct.calcsize(layout.entry) + room
    entries, tail = dict(kept), bytearray()
    for tag, (kind, count, value) in tags.items():
        if len(value) > room:
            field = struct.pack(layout.offset, values + len(tail))
            tail += value + b"\0" * (-len(value) % 8)
        else:
            field = value.ljust(room, b"\0")
        entries[tag] = struct.pack(layout.entry, tag, kind, count, field)
    head = struct.pack(layout.head, len(entries))
    return head + b"".join(entries[tag] for tag in sorted(entries)) + (following or bytes(room)) + tail
