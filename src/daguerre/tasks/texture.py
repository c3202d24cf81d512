"""Grain, noise, halftones and compression taken away from a photograph of any size."""

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.devices import Device
from daguerre.images import Canvas, Picture
from daguerre.networks.texture_unet import TextureUNet
from daguerre.progress import ProgressCallback, silent
from daguerre.tasks.colours import read_colours
from daguerre.tiling import Window, plan_windows, run_windows, window_side

__all__ = ["cleaned"]


def cleaned(photo: Picture, network: TextureUNet, device: Device, progress: ProgressCallback = silent) -> Picture:
    """A photograph without its grain, at 16 bits; it is read window by window.

    Args:
        network: on `device` already.
    """
    canvas = Canvas(photo.height, photo.width, bits=16, grey=photo.grey, alpha=photo.alpha)
    multiple = network.multiple
    halo = -(-network.halo // multiple) * multiple  # so that windows begin where the network's grid does
    side = window_side(network, device.torch_device, device.dtype, halo=halo) // multiple * multiple

    def grown(window: Window) -> Window:
        return window.grown(halo, photo.height, photo.width)

    @torch.inference_mode()
    def compute(window: Window, source: tuple[Tensor, Tensor | None]) -> tuple[Tensor, Tensor | None]:
        colours, alpha = source
        margin = (0, -colours.shape[3] % multiple, 0, -colours.shape[2] % multiple)
        padded = F.pad(colours, margin, mode="replicate").to(device.torch_device)
        with device.autocast():
            made = network(padded.contiguous(memory_format=torch.channels_last))
        rows, columns = window.within(grown(window)).slices
        return made[..., rows, columns].float().cpu(), None if alpha is None else alpha[..., rows, columns]

    def write(window: Window, made: tuple[Tensor, Tensor | None]) -> None:
        canvas.write(window, made[0])
        if made[1] is not None:
            canvas.write_alpha(window, made[1])

    run_windows(
        plan_windows(photo.height, photo.width, side),
        read=lambda window: read_colours(photo, grown(window)),
        compute=compute,
        write=write,
        step="cleaning",
        progress=progress,
    )
    return canvas.picture(like=photo)
