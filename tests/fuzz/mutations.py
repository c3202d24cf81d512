"""What may happen to a file: bits fall over, ends are lost, pieces move, numbers and parts are changed on purpose."""

import random
import re
import struct
import zlib

from .seeds import chunk

NUMBERS = (0, 1, 2, 7, 255, 256, 32_767, 65_535, 65_536, 10**6, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)


def mutate(seeds: dict[str, bytes], number: int, seed: int = 0) -> tuple[str, bytes]:
    """Mutant `number`: what to call it, and its bytes. The same number gives the same mutant."""
    rng = random.Random(f"{seed} {number}")
    names = sorted(seeds)
    name = names[number % len(names)]
    data = bytearray(seeds[name])
    # The first of every seed stays as it is; parts of a format come as often as blind bytes.
    for _ in range(0 if number < len(names) else rng.choice((1, 1, 1, 2, 3, 8))):
        change = rng.choice([*BLIND, *[PARTS.get(name.rpartition(".")[2], flip)] * len(BLIND)])
        data = change(data, rng, seeds) or data
    return f"{number:06}-{name}", bytes(data)


def flip(data: bytearray, rng: random.Random, _: object) -> bytearray:
    for _ in range(rng.choice((1, 1, 4, 30))):
        if data:
            data[spot(data, rng)] ^= 1 << rng.randrange(8)
    return data


def overwrite(data: bytearray, rng: random.Random, _: object) -> bytearray:
    """A number that means something, in any width and byte order."""
    form = rng.choice(("B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
    at = spot(data, rng)
    value = rng.choice(NUMBERS) % 2 ** (8 * struct.calcsize(form))
    data[at : at + struct.calcsize(form)] = struct.pack(form, value)
    return data


def truncate(data: bytearray, rng: random.Random, _: object) -> bytearray:
    return data[: rng.randrange(len(data) + 1)]


def move(data: bytearray, rng: random.Random, _: object) -> bytearray:
    """Lose a piece, repeat it, or put it elsewhere."""
    at, to, length = spot(data, rng), spot(data, rng), rng.choice((1, 2, 4, 16, 100, 1000))
    piece = data[at : at + length]
    if rng.random() < 0.6:
        del data[at : at + length]
    if rng.random() < 0.6:
        data[to:to] = piece * rng.choice((1, 1, 50))
    return data


def splice(data: bytearray, rng: random.Random, seeds: dict[str, bytes]) -> bytearray:
    """Go on as another file does."""
    other = seeds[rng.choice(sorted(seeds))]
    return data[: spot(data, rng)] + other[spot(other, rng) :]


def png(data: bytearray, rng: random.Random, seeds: dict[str, bytes]) -> bytearray | None:
    """Change, repeat, drop or reorder chunks, whose checksums stay right; what is compressed is compressed again."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append((bytes(data[at + 4 : at + 8]), bytearray(data[at + 8 : at + 8 + length])))
        at += length + 12
    if not chunks:
        return None
    which = rng.randrange(len(chunks))
    kind, body = chunks[which]
    action = rng.randrange(5)
    if action == 0:
        chunks[which] = (
            kind,
            change_packed(body, rng) if kind == b"IDAT" else overwrite(body, rng, None) if body else body,
        )
    elif action == 1:
        chunks.insert(rng.randrange(len(chunks) + 1), chunks[which])
    elif action == 2:
        del chunks[which]
    elif action == 3:
        rng.shuffle(chunks)
    else:
        flip(body, rng, None)
    return bytearray(data[:8] + b"".join(chunk(kind, bytes(body)) for kind, body in chunks))


def change_packed(body: bytearray, rng: random.Random) -> bytearray:
    try:
        return bytearray(zlib.compress(bytes(flip(bytearray(zlib.decompress(bytes(body))), rng, None))))
    except zlib.error:
        return body


def jpeg(data: bytearray, rng: random.Random, seeds: dict[str, bytes]) -> bytearray | None:
    """Change, repeat or drop segments before the scan."""
    segments, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", data, at + 2)
        segments.append(bytearray(data[at : at + 2 + length]))
        at += 2 + length
    if not segments:
        return None
    which = rng.randrange(len(segments))
    action = rng.randrange(4)
    if action == 0 and len(segments[which]) > 5:
        segments[which][4:] = overwrite(segments[which][4:], rng, None)
    elif action == 1:
        segments.insert(rng.randrange(len(segments) + 1), segments[which])
    elif action == 2:
        del segments[which]
    else:
        segments[which][2:4] = struct.pack(">H", rng.choice(NUMBERS) % 65_536)
    return bytearray(b"\xff\xd8" + b"".join(segments) + data[at:])


def tiff(data: bytearray, rng: random.Random, _: object) -> bytearray | None:
    """Change a tag, its type, its count or its value."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, at)
        entry = at + 2 + 12 * rng.randrange(min(count, 200))
        offset, form = rng.choice(((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "I"), (8, "H")))
        value = rng.choice((*NUMBERS, *range(1, 20), len(data), at)) % 2 ** (8 * struct.calcsize(form))
        struct.pack_into(order + form, data, entry + offset, value)
    except (struct.error, ValueError):
        return None
    return data


def riff(data: bytearray, rng: random.Random, _: object) -> bytearray | None:
    """Change the length or the kind of a chunk of a WebP file, or its flags."""
    marks = [found.start() for found in re.finditer(b"VP8[ LX]|EXIF|XMP |ICCP|AN(IM|MF)|ALPH", data)]
    if not marks:
        return None
    at = rng.choice(marks)
    if rng.random() < 0.3:
        data[at : at + 4] = rng.choice((b"VP8 ", b"VP8L", b"VP8X", b"EXIF", b"XMP ", b"ICCP", b"ANMF", b"junk"))
    elif at + 12 < len(data):
        struct.pack_into("<I", data, at + rng.choice((4, 8)), rng.choice(NUMBERS) % 2**32)
    return data


def boxes(data: bytearray, rng: random.Random, _: object) -> bytearray | None:
    """Change the length or the first number of a box of an AVIF file."""
    kinds = b"ftyp|meta|hdlr|pitm|iloc|iinf|infe|iprp|ipco|ispe|pixi|av1C|colr|ipma|mdat|irot|imir|auxC|iref"
    marks = [found.start() for found in re.finditer(kinds, data)]
    if not marks:
        return None
    at = rng.choice(marks) + rng.choice((-4, 4, 8, 12))
    if at >= 0 and at + 4 <= len(data):
        struct.pack_into(">I", data, at, rng.choice(NUMBERS) % 2**32)
    return data


def spot(data: bytes | bytearray, rng: random.Random) -> int:
    """A place in a file, most often near its beginning, where the headers are."""
    length = max(len(data), 1)
    return rng.randrange(min(length, 300)) if rng.random() < 0.5 else rng.randrange(length)


BLIND = (flip, flip, overwrite, overwrite, truncate, move, splice)
PARTS = {"png": png, "jpg": jpeg, "tif": tiff, "webp": riff, "avif": boxes}
