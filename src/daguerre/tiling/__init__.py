"""Run networks over pictures of any size by windows with halos: same result, bounded memory."""

from daguerre.tiling.memory import window_side
from daguerre.tiling.rows import Rows, Streaming, streamed
from daguerre.tiling.run import run_windows
from daguerre.tiling.windows import Window, plan_windows

__all__ = ["Rows", "Streaming", "Window", "plan_windows", "run_windows", "streamed", "window_side"]
