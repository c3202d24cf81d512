"""Batches that processors make, prepared ahead of time where a GPU would wait for them."""

import hashlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from daguerre.training.recipe import Recipe

__all__ = ["Prefetcher", "seeded_generator"]

Batch = TypeVar("Batch")

MAX_WORKERS = 12  # processes that make batches for one GPU


def seeded_generator(seed: int, step: int, rank: int) -> torch.Generator:
    """The random generator of one iteration on one process; torch's own is seeded alike, for layers with dropout."""
    digest = hashlib.blake2b(f"{seed} {step} {rank}".encode(), digest_size=7).digest()
    torch.manual_seed(int.from_bytes(digest))
    return torch.Generator().manual_seed(int.from_bytes(digest))


class Prefetcher(Generic[Batch]):
    """Makes the batch of each iteration, the same with workers and without.

    With a GPU, as many other processes as there are spare cores make the coming batches meanwhile; on a processor they
    would only take turns with the network. Workers are forked, so they share the pictures, which only Linux does well.

    Args:
        make_batch: a batch, on the processor, from a generator alone.
        workers: how many processes; by the cores that are there unless given.
    """

    def __init__(
        self,
        make_batch: Callable[[torch.Generator], Batch],
        recipe: Recipe,
        fabric: Fabric,
        *,
        workers: int | None = None,
    ) -> None:
        self.make_batch, self.recipe, self.rank = make_batch, recipe, fabric.global_rank
        self.workers = spare_workers(fabric) if workers is None else workers
        self.coming: Iterator[tuple[Batch, Tensor]] | None = None

    def __call__(self, step: int, generator: torch.Generator) -> Batch:
        """The batch of iteration `step`; iterations come one after the other.

        Args:
            generator: that iteration's; it is left as making the batch leaves it.
        """
        if not self.workers:
            return self.make_batch(generator)
        if self.coming is None:
            self.coming = iter(
                DataLoader(
                    Batches(self.make_batch, self.recipe.seed, self.rank),
                    sampler=range(step, self.recipe.steps + 1),
                    batch_size=None,
                    num_workers=self.workers,
                    worker_init_fn=ignore_signals,
                    multiprocessing_context="fork",
                )
            )
        batch, state = next(self.coming)
        generator.set_state(state)
        return batch


class Batches(Dataset[tuple[Batch, Tensor]]):
    """The batches of a training, by iteration, each with the state in which it leaves its generator."""

    def __init__(self, make_batch: Callable[[torch.Generator], Batch], seed: int, rank: int) -> None:
        self.make_batch, self.seed, self.rank = make_batch, seed, rank

    def __getitem__(self, step: int) -> tuple[Batch, Tensor]:
        generator = seeded_generator(self.seed, step, self.rank)
        return self.make_batch(generator), generator.get_state()


def spare_workers(fabric: Fabric) -> int:
    """How many processes may make batches for this one."""
    if fabric.device.type != "cuda" or sys.platform != "linux":
        return 0
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(min(len(os.sched_getaffinity(0)) // here - 1, MAX_WORKERS), 0)


def ignore_signals(_: int) -> None:
    """Leave Ctrl-C and a closed terminal to the process that trains; SIGTERM is how that one ends its helpers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
