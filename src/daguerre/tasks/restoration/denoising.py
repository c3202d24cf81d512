"""Grain, noise, halftones, compression and blur taken away from a photograph of any size."""

import torch
from torch import Tensor
from torch.nn import functional as F

from daguerre.devices import Device
from daguerre.images import Canvas, Picture
from daguerre.images.filters import reach_of, sharpened
from daguerre.images.visible import read_colours
from daguerre.networks.denoising_unet import TextureUNet
from daguerre.progress import ProgressCallback, silent
from daguerre.tiling import Window, plan_windows, run_windows, window_side

__all__ = ["cleaned"]


def cleaned(
    photo: Picture, network: TextureUNet, device: Device, progress: ProgressCallback = silent, *, blur: float = 0.0
) -> Picture:
    """A photograph without its grain, at 16 bits; it is read window by window.

    Args:
        network: on `device` already.
        blur: deviation in pixels of the Gaussian that it is blurred with, to undo that first; its noise must be gone,
            so what is blurred is cleaned before and after.
    """
    canvas = Canvas(photo.height, photo.width, bits=16, grey=photo.grey, alpha=photo.alpha)
    multiple = network.multiple
    reach = network.halo + (reach_of(blur) if blur else 0)
    halo = -(-reach // multiple) * multiple  # so that windows begin where the network's grid does
    side = window_side(network, device.torch_device, device.dtype, halo=halo) // multiple * multiple

    def grown(window: Window) -> Window:
        return window.grown(halo, photo.height, photo.width)

    @torch.inference_mode()
    def compute(window: Window, source: tuple[Tensor, Tensor | None]) -> tuple[Tensor, Tensor | None]:
        colours, alpha = source
        seen = colours.to(device.torch_device)
        if blur:
            seen = sharpened(seen, blur).clamp(0, 1)
        margin = (0, -seen.shape[3] % multiple, 0, -seen.shape[2] % multiple)
        padded = F.pad(seen, margin, mode="replicate")
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
        step="sharpening" if blur else "cleaning",
        progress=progress,
    )
    return canvas.picture(like=photo)
