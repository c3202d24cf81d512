"""Prefetch batches that are made on the CPU, so that a GPU does not wait for them."""

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

    With a GPU, worker processes on the spare cores make the next batches meanwhile; on a CPU they would only compete
    with the network. Workers are forked, so that they share the pictures, which works well only on Linux.

    Args:
        make_batch: makes a batch, on the CPU, from nothing but a generator.
        workers: number of processes; by default according to the cores.
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
            generator: that of the iteration; afterwards in the state in which making the batch leaves it.
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
    """The batches of a run, by iteration, each with the resulting state of its generator."""

    def __init__(self, make_batch: Callable[[torch.Generator], Batch], seed: int, rank: int) -> None:
        self.make_batch, self.seed, self.rank = make_batch, seed, rank

    def __getitem__(self, step: int) -> tuple[Batch, Tensor]:
        generator = seeded_generator(self.seed, step, self.rank)
        return self.make_batch(generator), generator.get_state()


def spare_workers(fabric: Fabric) -> int:
    """Number of processes that may make batches for this one."""
    if fabric.device.type != "cuda" or sys.platform != "linux":
        return 0
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(min(len(os.sched_getaffinity(0)) // here - 1, MAX_WORKERS), 0)


def ignore_signals(_: int) -> None:
    """Leave Ctrl-C and a closed terminal to the training process, which ends its workers by SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
