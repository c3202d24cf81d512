"""Where networks run, at which precision, and what "auto" means."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from daguerre.errors import DeviceError
from daguerre.options import option

__all__ = ["Device", "Precision", "choose_device", "device_option", "precision_option"]

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class Device:
    """A torch device, and the number format in which networks run on it."""

    torch_device: torch.device
    dtype: torch.dtype

    def place(self, network: nn.Module) -> nn.Module:
        """Make `network` ready to run here: evaluation mode, channels last, on the device. Weights stay float32."""
        return network.eval().to(self.torch_device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def autocast(self) -> torch.autocast:
        """Context in which convolutions and matrix products run in this device's number format."""
        return torch.autocast(self.torch_device.type, self.dtype, enabled=self.dtype != torch.float32)


def device_option() -> Any:
    """The field `device: str` of options dataclasses; its value is passed to `choose_device`."""
    return option("auto", "compute device: auto, cpu, cuda, cuda:1, mps")


def precision_option() -> Any:
    """The field `precision: Precision` of options dataclasses; its value is passed to `choose_device`."""
    return option("auto", "floating-point precision")


def choose_device(name: str = "auto", precision: Precision = "auto") -> Device:
    """Find the device to run on.

    Args:
        name: `cpu`, `cuda`, `cuda:1`, `mps`; `auto` takes the first available of NVIDIA or AMD GPU, Apple GPU, CPU.
        precision: `auto` takes bfloat16 where the hardware multiplies in it, float32 elsewhere.

    Raises:
        DeviceError: the named device is not available.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name.partition(":")[0] not in ("cpu", "cuda", "mps"):
        raise DeviceError(f"no device is called {name!r}; use auto, cpu, cuda, cuda:1 or mps")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise DeviceError(f"no device {name!r} on this computer ({reason}); use --device cpu, or auto") from error
    if precision == "auto":
        precision = "bfloat16" if multiplies_bfloat16(device) else "float32"
    return Device(device, torch.bfloat16 if precision == "bfloat16" else torch.float32)


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the hardware has bfloat16 instructions; emulated ones are slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False
