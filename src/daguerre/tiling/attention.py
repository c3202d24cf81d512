"""Attention from damaged to undamaged places of a feature map, streamed in less than quadratic memory."""

from collections.abc import Callable, Iterable, Iterator
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.tiling.rows import Rows, Streaming

__all__ = ["attend", "copy_nearest_patches", "nearest", "partial_attention"]

BLOCK = 2048  # queries, and keys, whose scores are computed at once: 16 MiB


def attend(query: Tensor, blocks: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
    """softmax(query key^T) value, over keys and values given in blocks; zero if there are none.

    The largest score so far is kept per query, and sums are rescaled when a larger one comes (online softmax,
    Milakov and Gimelshein 2018, https://arxiv.org/abs/1805.02867).

    Args:
        query: (Q, D).
        blocks: pairs of keys (K, D) and values (K, D), any K.

    Returns:
        (Q, D).
    """
    largest = query.new_full((len(query), 1), -torch.inf)
    total = torch.zeros_like(largest)
    result = torch.zeros_like(query)
    for key, value in blocks:
        score = query @ key.T  # (Q, K)
        larger = torch.maximum(largest, score.amax(1, keepdim=True))
        weight = torch.exp(score - larger)
        shrink = torch.exp(largest - larger)
        total = total * shrink + weight.sum(1, keepdim=True)
        result = result * shrink + weight @ value
        largest = larger
    return result / total.clamp(min=torch.finfo(total.dtype).tiny)


def nearest(query: Tensor, blocks: Iterable[Tensor]) -> Tensor:
    """Index, over all blocks, of the key with the largest dot product with each query; the first of equals.

    Args:
        query: (Q, D).
        blocks: keys (K, D), any K; at least one key in all.

    Returns:
        (Q,) of int64.
    """
    largest = query.new_full((len(query),), -torch.inf)
    position = torch.zeros(len(query), dtype=torch.int64, device=query.device)
    passed = 0
    for key in blocks:
        score, place = (query @ key.T).max(1)
        position = torch.where(score > largest, place + passed, position)
        largest = torch.maximum(largest, score)
        passed += len(key)
    return position


def partial_attention(query: Tensor, key: Tensor, value: Tensor, keep: Tensor) -> Tensor:
    """At every place, the mean of `value` over undamaged places, weighted by exp(query . key).

    The partial non-local block of Wan et al. 2020, sec. 3.3: a softmax over all places, set to zero at damaged ones and
    divided by its sum, is the softmax over undamaged ones.
    Differs from the published code where nearly all weight falls on damaged places (less than 1e-12 is left): there
    it fades to zero, this does not.

    Args:
        query, key, value: (B, D, h, w), or `Rows` of it.
        keep: (B, 1, h, w), 1 where undamaged, else 0.

    Returns:
        (B, D, h, w); zero if no place is undamaged.
    """
    return by_rows(partial_attention_by_rows, query, key, value, keep)


def partial_attention_by_rows(query: Rows, key: Rows, value: Rows, keep: Rows) -> Rows:
    key, value, keep = key.settled(), value.settled(), keep.settled()

    def blocks() -> Iterator[tuple[Tensor, Tensor]]:
        for top, bottom in key.strips():
            chosen = keep.read(top, bottom).flatten() > 0
            keys = key.read(top, bottom)[0].flatten(1).T[chosen]
            values = value.read(top, bottom)[0].flatten(1).T[chosen]
            if len(keys):
                yield from zip(torch.split(keys, BLOCK), torch.split(values, BLOCK), strict=True)

    def attended(strip: Tensor) -> Tensor:
        queries = strip[0].flatten(1).T  # (n * w, D)
        made = torch.cat([attend(part, blocks()) for part in torch.split(queries, BLOCK)])
        return made.T.reshape(strip.shape)

    return query.map(attended, costly=True)


def copy_nearest_patches(x: Tensor, damaged: Tensor, patch: int) -> Tensor:
    """`x` with every damaged patch replaced by the most similar undamaged one (cosine similarity).

    Wan et al. 2022, https://arxiv.org/abs/2009.07047, sec. 3.3, multi-scale patch attention with a hard assignment.

    Args:
        x: (B, D, h, w), or `Rows` of it; `patch` divides h and w.
        damaged: (B, 1, h, w), 1 where damaged; a patch is damaged if more than 60 % of it is.
        patch: side of the patches, which lie on a grid.

    Returns:
        (B, D, h, w); `x` itself where no patch, or every patch, is damaged.
    """
    return by_rows(lambda x, damaged: copy_nearest_patches_by_rows(x, damaged, patch), x, damaged)


def copy_nearest_patches_by_rows(x: Rows, damaged: Rows, patch: int) -> Rows:
    x, damaged = x.settled(), damaged.settled()
    broken = torch.cat(
        [F.avg_pool2d(damaged.read(top, bottom), patch)[0, 0] > 0.6 for top, bottom in damaged.strips(patch)]
    )  # (h / patch, w / patch)
    if not broken.any() or broken.all():
        return x

    def patches(band: int) -> Tensor:
        return F.unfold(x.read(band * patch, (band + 1) * patch), patch, stride=patch)[0].T  # (w / patch, D * patch^2)

    def keys() -> Iterator[Tensor]:
        for band in range(len(broken)):
            if not broken[band].all():
                yield F.normalize(patches(band)[~broken[band]])

    places = (~broken).nonzero()  # of the keys, in order
    source = torch.full((*broken.shape, 2), -1, device=broken.device)  # band and column that each broken patch copies
    for band in range(len(broken)):
        if broken[band].any():
            source[band, broken[band]] = places[nearest(F.normalize(patches(band)[broken[band]]), keys())]

    def read(top: int, bottom: int) -> Tensor:
        first, last = top // patch, (bottom - 1) // patch + 1
        made = torch.stack([patches(band) for band in range(first, last)])  # (bands, w / patch, D * patch^2)
        wanted = source[first:last]
        for band in torch.unique(wanted[..., 0]).tolist():
            if band >= 0:
                here = wanted[..., 0] == band
                made[here] = patches(band)[wanted[here][:, 1]]
        folded = F.fold(made.flatten(0, 1).T[None], ((last - first) * patch, x.width), patch, stride=patch)
        return folded[:, :, top - first * patch : bottom - first * patch]

    return Rows(x.channels, x.height, x.width, read, streaming=x.streaming, costly=True)


def by_rows(function: Callable[..., Rows], *inputs: Tensor | Rows) -> Tensor:
    """Run `function` on rows: those it is given, or those of each picture of a batch of tensors, read whole."""
    if isinstance(inputs[0], Rows):
        return cast(Tensor, function(*inputs))
    tensors = cast(tuple[Tensor, ...], inputs)
    pictures = zip(*(torch.split(tensor, 1) for tensor in tensors), strict=True)
    streaming = Streaming(device=tensors[0].device)
    made = [function(*(Rows.of(tensor, streaming) for tensor in picture)) for picture in pictures]
    return torch.cat([rows.read(0, rows.height) for rows in made])
