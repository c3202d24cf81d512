"""Estimate a job's progress and remaining time from the progress of its steps."""

import time

__all__ = ["Estimate"]

SHARES = {
    "removing stains": 3.0,
    "finding scratches": 9.0,
    "filling holes": 6.0,
    "denoising": 10.0,
    "deblurring": 8.0,
    "upscaling again": 8.0,
    "restoring": 50.0,
    "comparing": 5.0,
    "correcting tones": 1.0,
    "refining faces": 6.0,
    "upscaling": 30.0,
    "painting": 60.0,
    "saving": 1.0,
}
"""Relative time of each step, measured on photographs of a megapixel; 1 for other steps."""

EXPECTED = {
    "restore": ("removing stains", "finding scratches", "denoising", "restoring", "comparing", "correcting tones"),
    "upscale": ("upscaling",),
    "stylize": ("painting",),
    "faces": ("refining faces",),
}
"""Steps that a task always takes."""


class Estimate:
    """The estimate for one running job.

    Args:
        tasks: of its steps, in order.
    """

    def __init__(self, tasks: list[str]) -> None:
        self.expected = [f"{step}/{number}" for number, task in enumerate(tasks, 1) for step in EXPECTED.get(task, ())]
        self.done: dict[str, float] = {}
        self.now, self.part, self.fraction = "", 0.0, 0.0
        self.began = time.monotonic()

    def tell(self, step: str, done: int, total: int) -> dict[str, object]:
        """Record progress.

        Returns:
            `step`, its plain name; `fraction` of the whole job that is done, in [0, 1], never less than before; `left`,
            seconds, None while that is a guess.
        """
        name, _, place = step.partition(", step ")
        name = name.partition(", pass")[0]
        key = f"{name}/{place.partition(' ')[0] or 1}"
        if key != self.now:
            if self.now:
                self.done[self.now] = SHARES.get(self.now.partition("/")[0], 1.0)
            if key in self.expected:  # earlier expected steps will not come any more
                for passed in self.expected[: self.expected.index(key)]:
                    self.done.setdefault(passed, SHARES.get(passed.partition("/")[0], 1.0))
            self.now = key
        share = SHARES.get(name, 1.0)
        rest = sum(SHARES[one.partition("/")[0]] for one in self.expected if one not in self.done and one != key)
        finished = sum(value for one, value in self.done.items() if one != key) + share * done / max(total, 1)
        whole = finished + share * (1 - done / max(total, 1)) + rest + SHARES["saving"]
        self.fraction = max(self.fraction, min(finished / whole, 0.99))
        elapsed = time.monotonic() - self.began
        left = elapsed * (1 - self.fraction) / self.fraction if self.fraction > 0.05 and elapsed > 2 else None
        return {"step": name, "fraction": round(self.fraction, 4), "left": None if left is None else round(left)}
