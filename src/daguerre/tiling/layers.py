"""Layers of networks over lazy maps: which rows each needs, and how it computes them."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.tiling.lazy_map import LazyMap

__all__ = ["apply"]


def apply(function: Callable[..., Any], *args: Any, **named: Any) -> LazyMap:
    """The lazy map that a torch function makes of the lazy maps among its arguments; recorded, not computed.

    Raises:
        TypeError: the function, or this form of it, cannot be streamed.
    """
    if function in SPATIAL:
        return SPATIAL[function](*args, **named)
    if function in POINTWISE:
        rows, rest, named = args[0], args[1:], {**named, **POINTWISE[function]}
        made: LazyMap = rows.map(lambda x: function(x, *rest, **named))
        return made
    name = getattr(function, "__name__", str(function))
    raise TypeError(f"{name} cannot be streamed by rows; run this network on a tensor")


def single(value: int | Sequence[int]) -> int:
    return value if isinstance(value, int) else value[0]


def padded(rows: LazyMap, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> LazyMap:
    """Like `F.pad` of the last two axes: left, right, top, bottom; negative numbers cut."""
    left, right, above, below = pad
    height, width = rows.height + above + below, rows.width + left + right
    source = rows.settled()

    def read(top: int, bottom: int) -> Tensor:
        wanted = torch.arange(top, bottom) - above
        if mode == "reflect":
            wanted = wanted.abs()
            wanted = torch.minimum(wanted, 2 * (source.height - 1) - wanted)
        else:
            wanted = wanted.clamp(0, source.height - 1)
        first, last = int(wanted.min()), int(wanted.max()) + 1
        made = F.pad(source.read(first, last), (left, right, 0, 0), mode, value)
        if len(wanted) != last - first or wanted[0] != first or wanted[-1] != last - 1:
            made = made[:, :, (wanted - first).to(made.device)]
        if mode == "constant":
            over, under = max(above - top, 0), max(bottom - above - source.height, 0)
            if over or under:
                made = made.clone()
                made[:, :, :over] = made[:, :, made.shape[2] - under :] = value or 0.0
        return made

    def needs(top: int, bottom: int) -> tuple[int, int]:
        return source.needs(top - above, bottom - above)

    return type(rows)(rows.channels, height, width, read, streaming=rows.streaming, needs=needs)


def conv2d(
    rows: LazyMap,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> LazyMap:
    step, pad, spread, kernel = single(stride), single(padding), single(dilation), weight.shape[2]
    if kernel == 1 and step == 1 and pad == 0:
        return rows.map(lambda x: F.conv2d(x, weight, bias, groups=groups), channels=len(weight), costly=True)
    source = padded(rows, (pad, pad, pad, pad)) if pad else rows
    extent = spread * (kernel - 1) + 1
    return source.derived(
        len(weight),
        (source.height - extent) // step + 1,
        (source.width - extent) // step + 1,
        lambda top, bottom: (top * step, (bottom - 1) * step + extent),
        lambda x, first, top, bottom: F.conv2d(x, weight, bias, step, 0, spread, groups),
    )


def conv_transpose2d(
    rows: LazyMap,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> LazyMap:
    step, pad, kernel = single(stride), single(padding), weight.shape[2]
    if single(output_padding) or single(dilation) != 1 or kernel < step:
        raise TypeError("a transposed convolution with output padding, dilation or gaps cannot be streamed by rows")

    def compute(x: Tensor, first: int, top: int, bottom: int) -> Tensor:
        made = F.conv_transpose2d(x, weight, bias, step, (0, pad), groups=groups)
        start = first * step - pad  # output row of made's first
        return made[:, :, top - start : bottom - start]

    return rows.derived(
        weight.shape[1] * groups,
        (rows.height - 1) * step - 2 * pad + kernel,
        (rows.width - 1) * step - 2 * pad + kernel,
        lambda top, bottom: (-((kernel - 1 - pad - top) // step), (bottom - 1 + pad) // step + 1),
        compute,
    )


def interpolate(
    rows: LazyMap,
    size: Any = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    **rest: Any,
) -> LazyMap:
    factor = int(scale_factor) if isinstance(scale_factor, int | float) else 0
    if factor != scale_factor or mode not in ("nearest", "bilinear") or align_corners:
        raise TypeError(f"interpolation by {scale_factor} with {mode} cannot be streamed by rows")
    between = mode == "bilinear"

    def reach(top: int, bottom: int) -> tuple[int, int]:
        if not between:
            return top // factor, (bottom - 1) // factor + 1
        # row o lies at (o + 1/2) / factor - 1/2, between the row at or above that and the next
        return (2 * top + 1 - factor) // (2 * factor), (2 * bottom - 1 - factor) // (2 * factor) + 2

    def compute(x: Tensor, first: int, top: int, bottom: int) -> Tensor:
        return F.interpolate(x, scale_factor=factor, mode=mode)[:, :, top - first * factor : bottom - first * factor]

    return rows.derived(rows.channels, rows.height * factor, rows.width * factor, reach, compute)


def max_pool2d(
    rows: LazyMap,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    *rest: Any,
    **named: Any,
) -> LazyMap:
    kernel, step = single(kernel_size), single(stride or kernel_size)
    if single(padding):
        raise TypeError("padded pooling cannot be streamed by rows")
    return rows.derived(
        rows.channels,
        (rows.height - kernel) // step + 1,
        (rows.width - kernel) // step + 1,
        lambda top, bottom: (top * step, (bottom - 1) * step + kernel),
        lambda x, first, top, bottom: F.max_pool2d(x, kernel, step),
    )


def batch_norm(
    rows: LazyMap,
    running_mean: Tensor,
    running_var: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> LazyMap:
    if training and rows.streaming is not None:
        raise TypeError("batch normalisation is streamed in evaluation mode only")
    return rows.map(lambda x: F.batch_norm(x, running_mean, running_var, weight, bias, eps=eps))


def instance_norm(
    rows: LazyMap,
    running_mean: None = None,
    running_var: None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> LazyMap:
    if weight is not None or bias is not None or not use_input_stats:
        raise TypeError("instance normalisation with parameters cannot be streamed by rows")
    if rows.streaming is None:
        return rows
    if rows.moments is None:
        rows.store()
    assert rows.moments is not None
    mean = rows.moments.mean.float()[:, None, None].to(rows.device)
    factor = (rows.moments.variance + eps).rsqrt().float()[:, None, None].to(rows.device)
    return rows.map(lambda x: torch.sub(x, mean).mul_(factor))


def concatenated(parts: Sequence[LazyMap], dim: int = 0) -> LazyMap:
    if dim != 1:
        raise TypeError("only channels can be concatenated by rows")
    channels = sum(part.channels for part in parts)
    return parts[0].map(lambda *values: torch.cat(values, 1), *parts[1:], channels=channels)


SPATIAL: dict[Callable[..., Any], Callable[..., LazyMap]] = {
    torch.cat: concatenated,
    F.batch_norm: batch_norm,
    F.conv2d: conv2d,
    F.conv_transpose2d: conv_transpose2d,
    F.instance_norm: instance_norm,
    F.interpolate: interpolate,
    F.max_pool2d: max_pool2d,
    F.pad: padded,
}
# With arguments that override the caller's: nothing may be changed in place, since it belongs to the map before.
POINTWISE: dict[Callable[..., Any], dict[str, Any]] = {
    F.leaky_relu: {"inplace": False},
    F.relu: {"inplace": False},
    torch.sigmoid: {},
    torch.sign: {},
    torch.tanh: {},
}
