import pytest
import torch

from daguerre.errors import Cancelled, DeviceError
from daguerre.tiling import plan_windows, run_windows


def doubled(size, side, compute=None):
    """Run twice-the-picture over windows and return what was written, and the windows that were computed."""
    picture = torch.arange(size * size, dtype=torch.float32).view(size, size)
    result, sides = torch.full((size, size), -1.0), []

    def work(window, source):
        sides.append(window.height)
        if compute:
            compute(window)
        return 2 * source

    run_windows(
        plan_windows(size, size, side),
        read=lambda window: picture[window.slices],
        compute=work,
        write=lambda window, made: result[window.slices].copy_(made),
        step="doubling",
    )
    assert torch.equal(result, 2 * picture)
    return sides


def test_every_window_is_written_where_it_was_read():
    doubled(37, 10)


def out_of_memory_above(limit):
    def compute(window):
        if max(window.height, window.width) > limit:
            raise torch.OutOfMemoryError("out of memory")

    return compute


def test_out_of_memory_halves_the_window_and_the_result_is_the_same():
    sides = doubled(256, 128, out_of_memory_above(64))
    assert sides.count(128) == 1, "later windows should be quartered before they are tried"


def test_a_device_without_room_for_the_smallest_window_is_reported():
    with pytest.raises(DeviceError, match="no memory left"):
        doubled(64, 64, out_of_memory_above(0))


def test_progress_counts_pixels_and_a_callback_may_cancel():
    seen = []

    def callback(progress):
        seen.append((progress.done, progress.total))
        if progress.done >= 50:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        run_windows(
            plan_windows(10, 10, 5),
            read=lambda window: None,
            compute=lambda window, source: 0,
            write=lambda window, made: None,
            step="nothing",
            progress=callback,
        )
    assert seen == [(0, 100), (25, 100), (50, 100)]


@pytest.mark.parametrize("broken", ["read", "write"])
def test_an_error_in_a_thread_reaches_the_caller(broken):
    def fail(*_):
        raise OSError("disk full")

    steps = {"read": lambda window: 0, "compute": lambda window, source: 0, "write": lambda window, made: None}
    with pytest.raises(OSError, match="disk full"):
        run_windows(plan_windows(10, 10, 5), step="failing", **(steps | {broken: fail}))
