"""Batches that a processor makes, made before their turn where a GPU would wait for them."""

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

__all__ = ["Ahead", "chance"]

Batch = TypeVar("Batch")

MOST = 12  # processes that make batches for one GPU


def chance(seed: int, step: int, rank: int) -> torch.Generator:
    """The source of chance of one iteration on one process; torch's own is set alike, for layers that drop out."""
    digest = hashlib.blake2b(f"{seed} {step} {rank}".encode(), digest_size=7).digest()
    torch.manual_seed(int.from_bytes(digest))
    return torch.Generator().manual_seed(int.from_bytes(digest))


class Ahead(Generic[Batch]):
    """Makes the batch of each iteration, the same with helpers and without.

    With a GPU as many other processes as there are cores to spare make the coming ones meanwhile; on a processor they
    would only take turns with the network. Helpers are forked, so they share the pictures, which only Linux does well.

    Args:
        make: a batch, on the processor, by a source of chance alone.
        helpers: how many processes; by what is there unless given.
    """

    def __init__(
        self,
        make: Callable[[torch.Generator], Batch],
        recipe: Recipe,
        fabric: Fabric,
        *,
        helpers: int | None = None,
    ) -> None:
        self.make, self.recipe, self.rank = make, recipe, fabric.global_rank
        self.helpers = spare(fabric) if helpers is None else helpers
        self.coming: Iterator[tuple[Batch, Tensor]] | None = None

    def __call__(self, step: int, generator: torch.Generator) -> Batch:
        """The batch of iteration `step`; iterations come one after the other.

        Args:
            generator: that iteration's; it is left as making the batch leaves it.
        """
        if not self.helpers:
            return self.make(generator)
        if self.coming is None:
            self.coming = iter(
                DataLoader(
                    Batches(self.make, self.recipe.seed, self.rank),
                    sampler=range(step, self.recipe.steps + 1),
                    batch_size=None,
                    num_workers=self.helpers,
                    worker_init_fn=deaf,
                    multiprocessing_context="fork",
                )
            )
        batch, state = next(self.coming)
        generator.set_state(state)
        return batch


class Batches(Dataset[tuple[Batch, Tensor]]):
    """The batches of a training, by iteration, each with the state that making it leaves its source of chance in."""

    def __init__(self, make: Callable[[torch.Generator], Batch], seed: int, rank: int) -> None:
        self.make, self.seed, self.rank = make, seed, rank

    def __getitem__(self, step: int) -> tuple[Batch, Tensor]:
        generator = chance(self.seed, step, self.rank)
        return self.make(generator), generator.get_state()


def spare(fabric: Fabric) -> int:
    """How many processes may help this one."""
    if fabric.device.type != "cuda" or sys.platform != "linux":
        return 0
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(min(len(os.sched_getaffinity(0)) // here - 1, MOST), 0)


def deaf(_: int) -> None:
    """Leave Ctrl-C to the process that trains."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
