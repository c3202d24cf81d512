"""Streamings of several sizes, for tests."""

import pytest
import torch

from daguerre.tiling.rows import Streaming


def whole(rows):
    """A lazy map as a tensor, read strip by strip."""
    return torch.cat([rows.read(top, bottom) for top, bottom in rows.strips()], 2)


STREAMINGS = [
    pytest.param(Streaming(elements=1, memory=0), id="row by row, in files"),
    pytest.param(Streaming(elements=700, memory=0), id="strips, in files"),
    pytest.param(Streaming(elements=700), id="strips, in memory"),
    pytest.param(Streaming(), id="at once"),
]
