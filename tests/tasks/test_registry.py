import subprocess
import sys

import pytest

from daguerre.errors import OptionError
from daguerre.images import SaveOptions
from daguerre.tasks.registry import ALONE, TASKS, Task, TaskOptions, make_task, options_of
from daguerre.tasks.upscaling.upscaler import UpscaleOptions, Upscaler


def test_a_task_that_is_not_there_is_answered_with_the_nearest():
    with pytest.raises(OptionError, match=r"no step is called 'upscail'; did you mean 'upscale'\?"):
        options_of("upscail")


@pytest.mark.parametrize("task", TASKS)
def test_a_tasks_options_know_their_task(task):
    assert options_of(task).task == task
    assert options_of(task).__name__ == TASKS[task][1]


@pytest.mark.parametrize("task", ALONE)
def test_tasks_that_stand_alone_are_found_only_if_that_is_asked_for(task):
    options = options_of(task, alone=True)()
    assert options.task == task
    assert make_task(options).options == options
    with pytest.raises(OptionError, match=f"no step is called '{task}'"):
        options_of(task)


def test_options_make_the_task_that_they_are_of(desk):
    options = UpscaleOptions(model="small-x2", device="cpu")
    task = make_task(options)
    assert isinstance(task, Upscaler)
    assert task.options == options


@pytest.mark.parametrize("name", TASKS)
def test_only_a_tasks_options_are_taken_for_some(name):
    options = options_of(name)()
    assert isinstance(options, TaskOptions)
    assert not isinstance(options, Task)
    assert not isinstance(SaveOptions(), TaskOptions)


def test_no_task_is_imported_before_it_is_used():
    code = "import sys, daguerre.tasks.registry as r; print({place[0] for place in r.TASKS.values()} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
