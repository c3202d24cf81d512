import math
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from daguerre.errors import OptionError
from daguerre.options import changed, check_range, files_in, nearest, option


@dataclass(frozen=True, kw_only=True)
class TeaOptions:
    minutes: float = option(3.0, "how long it draws")
    pot: str | None = option(None, "which pot", metavar="POT", alias="-p", file=True)


def test_an_option_has_a_default_and_a_line_of_help():
    assert TeaOptions() == TeaOptions(minutes=3.0, pot=None)
    assert [f.metadata["help"] for f in fields(TeaOptions)] == ["how long it draws", "which pot"]


def test_changed_are_the_options_that_differ_from_their_defaults():
    assert changed(TeaOptions()) == {}
    assert changed(TeaOptions(minutes=3, pot="blue")) == {"pot": "blue"}


def test_only_what_was_said_about_a_flag_is_kept():
    minutes, pot = fields(TeaOptions)
    assert dict(minutes.metadata) == {"help": "how long it draws"}
    assert dict(pot.metadata) == {"help": "which pot", "metavar": "POT", "alias": "-p", "file": True}


@pytest.mark.parametrize("value", [None, 1, 1.5, 2])
def test_values_in_range_pass(value):
    check_range("minutes", value, 1, 2)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.5, "0.5"), (3, "3"), (math.nan, "nan"), (math.inf, "inf"), (10**400, str(10**400))]
)
def test_values_out_of_range_are_refused_with_the_range(value, shown):
    with pytest.raises(OptionError, match=f"^minutes is {shown}; it must lie between 1 and 2$"):
        check_range("minutes", value, 1, 2)


def test_a_range_without_an_end_is_told_by_its_beginning():
    check_range("page", 7, 1, math.inf)
    with pytest.raises(OptionError, match=r"page is 0; it must be at least 1$"):
        check_range("page", 0, 1, math.inf)


def test_a_text_that_may_name_a_file_counts_among_the_files():
    assert files_in(TeaOptions(pot="brown")) == {Path("brown")}
    assert files_in(TeaOptions()) == set()


def test_a_wrong_word_is_answered_with_the_nearest_or_with_all():
    assert nearest("compct", ["other", "compact"]) == "; did you mean 'compact'?"
    assert nearest("xyz", ["other", "compact"]) == "; known: compact, other"
