"""The texts of the page in all languages, from `texts.json`."""

import functools
import json
import re
from pathlib import Path

__all__ = ["LANGUAGES", "language_for", "texts_in"]

LANGUAGES = {"en": "English", "de": "Deutsch", "es": "Español"}


@functools.cache
def all_texts() -> dict[str, dict[str, str]]:
    """All texts by name and language."""
    found: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "texts.json").read_text(encoding="utf-8"))
    return found


@functools.cache
def texts_in(language: str) -> dict[str, str]:
    """All texts in a language, by name."""
    return {name: text.get(language, text["en"]) for name, text in all_texts().items()}


def language_for(asked: str, accepted: str) -> str:
    """The language to use.

    Args:
        asked: the visitor's choice; may be empty.
        accepted: the browser's header, such as `de-AT,de;q=0.9,en;q=0.8`.
    """
    weighted = []
    for part in accepted.lower().split(","):
        code, _, weight = part.strip().partition(";q=")
        number = float(weight) if re.fullmatch(r"[01](\.\d{1,3})?", weight) else 1.0
        weighted.append((-number, code[:2]))
    wanted = [asked, *(code for _, code in sorted(weighted, key=lambda pair: pair[0]))]
    return next((code for code in wanted if code in LANGUAGES), "en")
