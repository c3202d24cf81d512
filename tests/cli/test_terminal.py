import io

import pytest
from rich.console import Console

from daguerre.cli import terminal
from daguerre.cli.terminal import shown_progress
from daguerre.progress import Progress, silent


@pytest.fixture
def screen(monkeypatch):
    """A terminal somebody watches."""
    file = io.StringIO()
    monkeypatch.setattr(terminal, "errors", Console(file=file, force_terminal=True, width=80))
    return file


@pytest.fixture
def bar(screen, monkeypatch):
    """What the bar was told: (description, pictures done)."""
    told = []

    class Recorded(terminal.Bar):
        def update(self, task, **fields):
            told.append((fields["description"], fields["completed"]))
            super().update(task, **fields)

    monkeypatch.setattr(terminal, "Bar", Recorded)
    return told


def test_nobody_who_does_not_watch_is_shown_a_bar():
    with shown_progress(2) as callbacks:
        assert callbacks == [silent, silent]


def test_quiet_shows_no_bar(screen):
    with shown_progress(1, quiet=True) as callbacks:
        assert callbacks == [silent]
    assert screen.getvalue() == ""


def test_a_single_picture_is_followed_step_by_step(bar):
    with shown_progress(1) as (progress,):
        for step in ("upscaling", "comparing"):
            for done in (0, 2, 4):
                progress(Progress(step=step, done=done, total=4))
    assert bar == [(step, done) for step in ("upscaling", "comparing") for done in (0, 0.5, 1)]


def test_over_several_pictures_the_bar_never_goes_back(bar):
    with shown_progress(2) as callbacks:
        for progress in callbacks:
            for step in ("upscaling", "comparing"):
                for done in (0, 4):
                    progress(Progress(step=step, done=done, total=4))
    assert [done for _, done in bar] == [0, 1, 1, 1, 1, 2, 2, 2]
    assert [step for step, _ in bar[2:5]] == ["comparing (1 of 2)", "comparing (1 of 2)", "upscaling (2 of 2)"]


def test_notes_are_shown_as_they_are(screen):
    with shown_progress(1) as (progress,):
        progress(Progress(step="measuring", done=0, total=0, note="photo[/bold].jpg"))
    assert "photo[/bold].jpg" in screen.getvalue()
