"""Drawn pictures and colour profiles for the tests."""

import struct

import numpy as np


def photo(height=40, width=60, channels=3, bits=8, seed=0):
    """Soft gradients with grain, (H, W, channels); every channel different."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[0:height, 0:width] / max(height, width)
    planes = [0.5 + 0.4 * np.sin(3 * down * (c + 1) + 2 * across + c) for c in range(channels)]
    noisy = np.stack(planes, axis=2) + rng.uniform(-0.05, 0.05, (height, width, channels))
    return np.rint(noisy.clip(0, 1) * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)


PRIMARIES = {  # XYZ of red, green, blue, adapted to D50
    "srgb": ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)),
    "adobe": ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
    "p3": ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
}


def icc_profile(space="RGB", gamma=2.2, primaries="srgb"):
    """A small ICC profile, version 2: `space` RGB or GRAY, one gamma for all channels."""
    fixed = lambda *values: b"".join(struct.pack(">i", round(value * 65536)) for value in values)  # noqa: E731
    xyz = lambda values: b"XYZ \0\0\0\0" + fixed(*values)  # noqa: E731
    curve = struct.pack(">4s4xIH2x", b"curv", 1, round(gamma * 256))
    name = struct.pack(">4s4xI5s78x", b"desc", 5, b"test\0")
    tags = [(b"desc", name), (b"cprt", b"text\0\0\0\0none\0"), (b"wtpt", xyz((0.9642, 1, 0.8249)))]
    if space == "GRAY":
        tags.append((b"kTRC", curve))
    else:
        columns = zip((b"rXYZ", b"gXYZ", b"bXYZ"), PRIMARIES[primaries], strict=True)
        tags += [(name, xyz(values)) for name, values in columns]
        tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    table, data, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, value in tags:
        table += struct.pack(">4sII", name, start + len(data), len(value))
        data += value + b"\0" * (-len(value) % 4)
    head = struct.pack(
        ">I4xI4s4s4s12x4s", start + len(data), 0x02100000, b"mntr", space.encode().ljust(4), b"XYZ ", b"acsp"
    )
    return (head.ljust(68, b"\0") + fixed(0.9642, 1, 0.8249)).ljust(128, b"\0") + table + data
