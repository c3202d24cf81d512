import dataclasses

import pytest

from daguerre.progress import Progress, silent


def test_how_far_work_is_does_not_change_once_it_is_told():
    told = Progress(step="upscaling", done=1, total=4)
    assert told.note == ""
    with pytest.raises(dataclasses.FrozenInstanceError):
        told.done = 2
    with pytest.raises(TypeError, match="positional"):
        Progress("upscaling", 1, 4)


def test_silence_tells_nothing_and_stops_nothing(capfd):
    assert silent(Progress(step="upscaling", done=1, total=4)) is None
    assert capfd.readouterr() == ("", "")
