"""A loaded, callable network: from a weights file, ours or foreign, or interpolated between two."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daguerre.devices import Device
from daguerre.errors import WeightsDamaged, WeightsError
from daguerre.networks.compact_resnet import CompactResNet
from daguerre.options import check_range
from daguerre.tiling.memory import LARGEST_PROCESSOR_SIDE, window_side
from daguerre.weights.checkpoint import WeightsHeader, is_ours, read
from daguerre.weights.cleaning import cleans
from daguerre.weights.construct import construct
from daguerre.weights.convert import detect
from daguerre.weights.foreign import read_foreign
from daguerre.weights.registry import build, task_of

__all__ = ["Model", "blend", "load_file", "run_padded", "self_ensemble"]

Border = Literal["reflect", "replicate"]
N = TypeVar("N", bound=nn.Module)
PROCESSOR = Device(torch.device("cpu"), torch.float32)


@dataclass(frozen=True)
class Model:
    """A network with its weights, in evaluation mode, callable with images of any size.

    Args:
        network: the network, on `device`.
        header: description of its weights.
        device: device and precision.
    """

    network: nn.Module
    header: WeightsHeader
    device: Device = PROCESSOR

    @property
    def scale(self) -> int:
        """Output pixels per input pixel, along each axis."""
        return int(getattr(self.network, "scale", 1))

    @property
    def multiple(self) -> int:
        """Input sizes of the network are multiples of this; a call pads others."""
        return int(getattr(self.network, "multiple", 1))

    @property
    def halo(self) -> int:
        """Input pixels to add around a window; less than the receptive field if the network says so."""
        return int(getattr(self.network, "effective_halo", getattr(self.network, "halo", 0)))

    @property
    def grid_halo(self) -> int:
        """The halo rounded up to the network's multiple, so that grown windows begin where its grid does."""
        return up_to_multiple(self.halo, self.multiple)

    def on(self, device: Device) -> "Model":
        """The same model, ready to run on a device."""
        return replace(self, network=device.place(self.network), device=device)

    def expect(self, kind: type[N]) -> N:
        """The network, checked to be of a class.

        Raises:
            WeightsError: it is of another class.
        """
        if not isinstance(self.network, kind):
            raise WeightsError(f"{self.header.name} is a {self.header.network}; a {kind.__name__} is needed here")
        return self.network

    def window_side(self, *, halo: int | None = None, largest: int = LARGEST_PROCESSOR_SIDE) -> int:
        """Side in input pixels, a multiple of the network's, of windows that fit in memory, without their halo."""
        halo = self.grid_halo if halo is None else halo
        side = window_side(self.network, self.device.torch_device, self.device.dtype, halo=halo, largest=largest)
        return side // self.multiple * self.multiple

    def __call__(self, image: Tensor, *, border: Border = "reflect", ensemble: bool = False) -> Tensor:
        """Run the network on `image` (B, C, H, W) in [0, 1]; returns (B, C', scale H, scale W), float32, on the device.

        Args:
            border: how to pad at the right and the bottom to a multiple of the network's sizes.
            ensemble: self-ensemble over the eight flips and rotations of the image.
        """
        function = self_ensemble(self.once) if ensemble else self.once
        return self.run(function, image, border=border)

    @torch.inference_mode()
    def run(self, function: Callable[..., Tensor], *images: Tensor, border: Border = "reflect") -> Tensor:
        """As a call, for a method of the network that takes several images (B, C, H, W) of one size.

        Raises:
            WeightsDamaged: the result holds NaN or infinity, because the weights overflow.
        """
        placed = [image.to(self.device.torch_device) for image in images]
        with self.device.autocast():
            made = run_padded(function, *placed, scale=self.scale, multiple=self.multiple, border=border).float()
        if not made.sum().isfinite():  # a sum is cheap and misses nothing
            raise WeightsDamaged(
                f"{self.header.name}: the weights overflow, so they make no picture; choose another model"
            )
        return made

    def once(self, image: Tensor) -> Tensor:
        made: Tensor = self.network(image.contiguous(memory_format=torch.channels_last)).float()
        return made


def run_padded(
    function: Callable[..., Tensor], *images: Tensor, scale: int, multiple: int, border: Border = "reflect"
) -> Tensor:
    """`function` of images (B, C, H, W), padded to a multiple at the right and at the bottom; the result is cropped."""
    height, width = images[0].shape[-2:]
    down, right = -height % multiple, -width % multiple
    if down or right:
        mode = border if down < height and right < width else "replicate"
        images = tuple(F.pad(image, (0, right, 0, down), mode=mode) for image in images)
    return function(*images)[..., : height * scale, : width * scale]


def self_ensemble(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """`function` averaged over the eight flips and rotations of an image (..., H, W), each undone afterwards.

    Timofte et al. 2016, https://arxiv.org/abs/1511.02228, sec. 3.5; self-ensemble in Lim et al. 2017.
    """

    def averaged(image: Tensor) -> Tensor:
        total = torch.zeros((), device=image.device)
        for flip in (False, True):
            for turn in range(4):
                view = torch.rot90(image.flip(-1) if flip else image, turn, (-2, -1))
                made = torch.rot90(function(view), -turn, (-2, -1))
                total = total + (made.flip(-1) if flip else made)
        return total / 8

    return averaged


def up_to_multiple(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple


def load_file(path: Path) -> Model:
    """Load a weights file, ours or foreign, into its network.

    Whether foreign upscaling weights denoise is measured, because they do not say so.

    Raises:
        WeightsDamaged: the file cannot be read, or is inconsistent.
        UnknownArchitecture: no supported network has these parameters.
    """
    if is_ours(path):
        state, header = read(path)
        return Model(construct(header, state, path), header)
    found = detect(read_foreign(path), str(path))
    header = WeightsHeader(
        name=path.stem,
        task=task_of(found.network),
        network=found.network,
        arguments=found.arguments,
        scale=found.arguments.get("scale", 1),
        licence="unknown",
        source=path.name,
    )
    model = Model(construct(header, found.state, path), header)
    return replace(model, header=replace(header, cleans=header.task == "upscale" and cleans(model)))


def blend(first: Model, second: Model, amount: float) -> Model:
    """Interpolate between the weights of two networks of one architecture.

    Network interpolation, Wang et al. 2018, https://arxiv.org/abs/1809.00219, section 3.4: every weight is
    (1 - amount) * first + amount * second. Meant for networks of which one was fine-tuned from the other; if blocks
    were added to a CompactResNet before that, the first is taken with as many.

    Args:
        amount: 0 gives the first, 1 the second.

    Raises:
        OptionError: `amount` is outside [0, 1].
        WeightsError: the architectures differ.
    """
    check_range("amount", amount, 0, 1)
    first = as_deep(first, second)
    one, two = first.header, second.header
    if architecture(first) != architecture(second):
        kinds = [f"{h.name} is a {h.network} with {arguments_of(h)}" for h in (one, two)]
        raise WeightsError(f"weights can be mixed only within one architecture: {kinds[0]}, {kinds[1]}")
    other = second.network.state_dict()
    state = {
        name: torch.lerp(tensor, other[name], amount) if tensor.is_floating_point() else tensor
        for name, tensor in first.network.state_dict().items()
    }
    network = build(one.network, one.arguments).eval()
    network.load_state_dict(state)
    name = f"{one.name} + {amount:g} ({two.name} - {one.name})"
    licence = one.licence if one.licence == two.licence else f"{one.licence} and {two.licence}"
    cleans = one.cleans or two.cleans
    return Model(
        network, replace(one, name=name, cleans=cleans, licence=licence, source=name, recipe=None, scores={}, note="")
    )


def as_deep(first: Model, second: Model) -> Model:
    """The first network with as many blocks as the second, if they differ only in that; otherwise unchanged."""
    ours, theirs = first.network, second.network
    if not (isinstance(ours, CompactResNet) and isinstance(theirs, CompactResNet)) or ours.blocks >= theirs.blocks:
        return first
    if (ours.scale, ours.features) != (theirs.scale, theirs.features):
        return first
    header = replace(first.header, arguments=first.header.arguments | {"blocks": theirs.blocks})
    return replace(first, network=ours.deepened(theirs), header=header)


def architecture(loaded: Model) -> tuple[str, int, dict[str, torch.Size]]:
    """What must match; a header's arguments need not, since it may leave out defaults."""
    shapes = {name: tensor.shape for name, tensor in loaded.network.state_dict().items()}
    return loaded.header.network, loaded.header.scale, shapes


def arguments_of(header: WeightsHeader) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(header.arguments.items())) or "its usual arguments"
