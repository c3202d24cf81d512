import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
import tyro

from daguerre.cli.flags import choose, description, parse
from daguerre.options import option
from daguerre.tasks.upscaling.upscaler import UpscaleOptions


@dataclass(frozen=True, kw_only=True)
class TeaOptions:
    """How the tea is made."""

    minutes: float = option(3.0, "how long it draws")
    cups: int | None = option(None, "how many; as many as there are guests unless said")
    sugar: bool = option(False, "make it sweet")
    milk: bool = option(True, "pour milk first")
    leaf: Literal["black", "green"] = option("black", "kind of leaf")
    guests: tuple[str, ...] = option((), "who comes")
    pots: tuple[Path, Path] | None = option(None, "pots to use", metavar="ONE OTHER")
    note: str | None = option(None, "word for the maker", alias="-n")


def brew(
    tables: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="TABLE ...", help_behavior_hint="")],
    tea: TeaOptions,
    *,
    log: Path | None = None,
    hot: bool = False,
) -> tuple:
    """Make tea.

    $ daguerre brew garden --minutes 5
    $ daguerre brew           everywhere

    A long sentence that does not fit into one line of eighty columns and is therefore broken into several of them.

    Args:
        tables: where to serve.
        log: where to write what was served.
        hot: serve at once.
    """
    return tables, tea, log, hot


def made(*words):
    return parse(brew, "brew", words)


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_words_become_options():
    words = "garden hall --minutes 5 --cups 2 --sugar --no-milk --leaf green --guests Ann Bob --pots a b -n now --log x"
    tables, tea, log, hot = made(*words.split())
    assert tables == ("garden", "hall")
    assert (log, hot) == (Path("x"), False)
    assert isinstance(tea, TeaOptions)
    assert asdict(tea) == {
        "minutes": 5.0,
        "cups": 2,
        "sugar": True,
        "milk": False,
        "leaf": "green",
        "guests": ("Ann", "Bob"),
        "pots": (Path("a"), Path("b")),
        "note": "now",
    }


def test_without_words_the_defaults_stand():
    tables, tea, log, hot = made()
    assert (tables, log, hot) == ((), None, False)
    assert asdict(tea) == asdict(TeaOptions())


def test_help_shows_flags_as_a_person_would_write_them(capsys):
    with pytest.raises(SystemExit) as stop:
        made("--help")
    assert stop.value.code == 0
    out = capsys.readouterr().out
    for shown in (
        "--minutes X ",
        "how long it draws (default: 3.0)",
        "--cups N ",
        "--sugar ",
        "--milk, --no-milk ",
        "--leaf {black,green}",
        "--guests NAME ...",
        "--pots ONE OTHER",
        "-n NAME, --note NAME",
        "--log PATH ",
        "How the tea is made.",
        "TABLE ...",
    ):
        assert shown in out
    for clutter in ("None", "--no-sugar", "(default: )", "(default: False)", "(default: True)"):
        assert clutter not in out


def test_the_description_is_wrapped_and_examples_are_not():
    lines = description(brew).splitlines()
    assert lines[:4] == ["Make tea.", "", "$ daguerre brew garden --minutes 5", "$ daguerre brew           everywhere"]
    assert len(lines) == 7
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--minutes long", "Error parsing --minutes: 'long' is no number"),
        ("--cups 1.5", "Error parsing --cups: '1.5' is no whole number"),
        ("--cups None", "Error parsing --cups: 'None' is no whole number"),
        ("--leaf red", "invalid choice 'red'"),
        ("--suger", "--sugar"),
        ("--cups", "Missing value for argument '--cups'"),
    ],
)
def test_a_mistake_is_explained_and_ends_with_status_2(capsys, words, complaint):
    with pytest.raises(SystemExit) as stop:
        made(*words.split())
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert complaint in printed.err


def make(cups: int = 1) -> int:
    """Make it."""
    return cups


CHOICES = {"make": (make, "make it")}


def test_a_subcommand_is_chosen_by_its_name():
    assert choose("tea", CHOICES, ["make", "--cups", "3"]) == 3


@pytest.mark.parametrize(("words", "status"), [(["--help"], 0), ([], 2), (["mkae"], 2)])
def test_otherwise_the_subcommands_are_listed(capsys, words, status):
    assert choose("tea", {"make": (make, "make it")}, words) == status
    printed = capsys.readouterr()
    shown, silent = (printed.out, printed.err) if status == 0 else (printed.err, printed.out)
    assert "usage: daguerre tea WHAT ..." in shown
    assert "  make       make it" in shown
    assert silent == ""
    assert ("nothing is called 'mkae'; did you mean 'make'?" in shown) == (words == ["mkae"])


def test_a_command_gets_options_of_their_own_class_which_can_be_sent_to_another_process():
    def command(picked: UpscaleOptions) -> int:
        assert type(picked) is UpscaleOptions
        assert pickle.loads(pickle.dumps(picked)) == UpscaleOptions(scale=3.0)
        return 5

    assert parse(command, "test", ["--scale", "3"]) == 5
