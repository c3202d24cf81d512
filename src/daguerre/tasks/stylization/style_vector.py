"""Style vectors, saved in a small file, to be used again without the picture."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daguerre.errors import OptionError
from daguerre.files import check_free, read_small, whole

__all__ = ["SUFFIX", "StyleVector", "mixed"]

SUFFIX = ".json"
LARGEST = 1e6  # no predictor outputs such large numbers, and float32 could not hold much larger ones


@dataclass(frozen=True, kw_only=True)
class StyleVector:
    """The output of a style predictor for a picture, or a mixture of several.

    Args:
        values: its numbers.
        model: SHA-256 of the network that they are for; empty if unknown.
        name: what it was made from.
    """

    values: tuple[float, ...]
    model: str = ""
    name: str = ""

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write it as JSON.

        Raises:
            OutputExists, UnwritablePicture: as in `check_free`, or the disk is full.
        """
        check_free(path, SUFFIX, overwrite=overwrite)
        content = {"style_vector": list(self.values), "model": self.model, "name": self.name}
        with whole(path) as partial:
            partial.write_text(json.dumps(content) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "StyleVector":
        """Read a file from `save`, or from another program; only `style_vector`, a list of numbers, is required.

        Raises:
            OptionError: the file is missing, or not a style vector.
        """
        try:
            content: Any = json.loads(read_small(path))
        except OSError as error:
            raise OptionError(f"cannot read the style vector {path} ({error.strerror})") from error
        except (ValueError, RecursionError) as error:
            raise OptionError(f"{path} is damaged or no style vector; make it again with --save-vector") from error
        values = content.get("style_vector") if isinstance(content, dict) else None
        if not isinstance(values, list) or not values or not all(is_number(value) for value in values):
            raise OptionError(f"{path} holds no list of numbers called style_vector; make it with --save-vector")
        model, name = str(content.get("model", "")), str(content.get("name") or path.name)
        return cls(values=tuple(map(float, values)), model=model, name=name)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST


def mixed(vectors: Sequence[StyleVector], shares: Sequence[float]) -> StyleVector:
    """The weighted mean of vectors for the same network."""
    total = sum(shares)
    columns = zip(*(vector.values for vector in vectors), strict=True)
    values = tuple(sum(v * share for v, share in zip(column, shares, strict=True)) / total for column in columns)
    return StyleVector(values=values, model=vectors[0].model, name=", ".join(vector.name for vector in vectors))
