"""Foreign weights: which network they belong to, from names and shapes alone, and the names they have here.

A family of networks is a function that looks at a state dict and answers with a `Detected`, or None if it is none of
its own. It is added by a line in `FAMILIES`.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from daguerre.errors import UnknownArchitecture
from daguerre.networks.bringing_old_photos.face_generator import fold_spectral_norm
from daguerre.networks.style_transformer import magenta_state

__all__ = ["Detected", "detect", "rename"]

State = Mapping[str, Tensor]
Names = Iterable[tuple[str, str]]
"""Pairs of a regular expression and what to put in its place."""


@dataclass(frozen=True)
class Detected:
    """Whose weights these are: the network's name in `registry`, its arguments, the weights under its names."""

    network: str
    arguments: dict[str, Any]
    state: dict[str, Tensor]


def detect(state: State) -> Detected:
    """Find the network that a foreign state dict belongs to.

    Raises:
        UnknownArchitecture: none that is known here.
    """
    for family, _ in FAMILIES:
        if found := family(state):
            return found
    known = "; ".join(line for _, line in FAMILIES)
    names = ", ".join(list(state)[:3])
    raise UnknownArchitecture(f"no network here has parameters such as {names}; known are: {known}")


def rename(state: State, names: Names) -> dict[str, Tensor]:
    """The state dict with every pattern replaced in every name."""
    result = {}
    for name, tensor in state.items():
        for pattern, replacement in names:
            name = re.sub(pattern, replacement, name)
        result[name] = tensor
    return result


ESRGAN_NAMES = [
    (r"^RRDB_trunk\.(\d+)\.RDB(\d)\.conv(\d)\.", r"body.\1.rdb\2.conv\3."),
    (r"^trunk_conv\.", "conv_body."),
    (r"^upconv(\d)\.", r"conv_up\1."),
    (r"^HRconv\.", "conv_hr."),
]
"""The ESRGAN repository's: RRDB_ESRGAN_x4.pth, RRDB_PSNR_x4.pth."""

OLDEST_ESRGAN_NAMES = [
    (r"^model\.0\.", "conv_first."),
    (r"^model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.", r"body.\1.rdb\2.conv\3."),
    (r"^model\.1\.sub\.\d+\.(weight|bias)$", r"conv_body.\1"),
    (r"^model\.3\.", "conv_up1."),
    (r"^model\.6\.", "conv_up2."),
    (r"^model\.8\.", "conv_hr."),
    (r"^model\.10\.", "conv_last."),
]
"""From before the ESRGAN repository renamed them, and of many models that people trained with that code."""


def rrdbnet(state: State) -> Detected | None:
    for names in ([], ESRGAN_NAMES, OLDEST_ESRGAN_NAMES):
        renamed = rename(state, names)
        if {"conv_first.weight", "body.0.rdb1.conv1.weight", "conv_up2.weight", "conv_last.weight"} <= set(renamed):
            break
    else:
        return None
    first, growth = renamed["conv_first.weight"], renamed["body.0.rdb1.conv1.weight"].shape[0]
    scale = {3: 4, 12: 2, 48: 1}.get(first.shape[1])
    if scale is None:
        return None
    arguments = {"scale": scale, "features": first.shape[0], "blocks": blocks_of(renamed), "growth": growth}
    return Detected("RRDBNet", arguments, renamed)


def srvgg(state: State) -> Detected | None:
    convs = [name for name, tensor in state.items() if re.fullmatch(r"body\.\d+\.weight", name) and tensor.ndim == 4]
    if len(convs) < 2 or not all(name.startswith("body.") for name in state):
        return None
    last = max(convs, key=lambda name: int(name.split(".")[1]))
    scale = math.isqrt(state[last].shape[0] // 3)
    arguments = {"scale": scale, "features": state[convs[0]].shape[0], "convs": len(convs) - 2}
    return Detected("SRVGGNetCompact", arguments, dict(state))


def msrresnet(state: State) -> Detected | None:
    if not {"conv_first.weight", "body.0.conv1.weight", "upconv1.weight", "conv_hr.weight"} <= set(state):
        return None
    features = state["conv_first.weight"].shape[0]
    step = math.isqrt(state["upconv1.weight"].shape[0] // features)
    scale = 4 if "upconv2.weight" in state else step
    return Detected("MSRResNet", {"scale": scale, "features": features, "blocks": blocks_of(state)}, dict(state))


def compact(state: State) -> Detected | None:
    if not {"conv_first.weight", "body.0.conv1.weight", "conv_body.weight", "conv_up.weight"} <= set(state):
        return None
    scale = math.isqrt(state["conv_last.weight"].shape[0] // 3)
    features = state["conv_first.weight"].shape[0]
    return Detected("CompactResNet", {"scale": scale, "features": features, "blocks": blocks_of(state)}, dict(state))


def unet_discriminator(state: State) -> Detected | None:
    if not {"conv0.weight", "conv1.weight_orig", "conv8.weight_orig", "conv9.weight"} <= set(state):
        return None
    return Detected("UNetDiscriminatorSN", {"features": state["conv0.weight"].shape[0]}, dict(state))


def vgg19(state: State) -> Detected | None:
    convs = [name for name in state if re.fullmatch(r"features\.\d+\.weight", name)]
    if len(convs) != 16 or not {"features.0.weight", "features.34.weight"} <= set(convs):
        return None
    # torchvision's head, of 123 million parameters, says what is in a picture; its features need none of it.
    kept = {name: tensor for name, tensor in state.items() if not name.startswith("classifier.")}
    width = state["features.0.weight"].shape[0] / 64
    classes = len(state["head.weight"]) if "head.weight" in state else 0
    return Detected("VGG19", {"width": width, "classes": classes}, kept)


def photo_vae(state: State) -> Detected | None:
    if not {"encoder.1.weight", "encoder.10.conv_block.1.weight", "decoder.0.conv_block.1.weight"} <= set(state):
        return None
    features = state["encoder.1.weight"].shape[0]
    return Detected("PhotoVAE", {"features": features, "blocks": residual_blocks(state, "encoder")}, dict(state))


def latent_translation(state: State) -> Detected | None:
    if not {"model.0.weight", "model.12.conv_block.1.weight"} <= set(state):
        return None
    return translation("LatentTranslation", state, "model", blocks=residual_blocks(state, "model"))


def partial_nonlocal_translation(state: State) -> Detected | None:
    if not {"before_NL.0.weight", "NL.theta.weight", "after_NL.0.conv_block.1.weight"} <= set(state):
        return None
    blocks = residual_blocks(state, "after_NL")
    return translation("PartialNonlocalTranslation", state, "before_NL", blocks=blocks)


def patch_attention_translation(state: State) -> Detected | None:
    if not {"before_NL.0.weight", "NL_scale_1.F_Combine.weight"} <= set(state):
        return None
    return translation("PatchAttentionTranslation", state, "before_NL")


def translation(network: str, state: State, first: str, **arguments: int) -> Detected:
    """A latent translation whose first four convolutions, up to full width, lie in `first`."""
    latent, features = state[f"{first}.0.weight"].shape[1], state[f"{first}.9.weight"].shape[0]
    return Detected(network, {"latent": latent, "features": features} | arguments, dict(state))


def scratch_unet(state: State) -> Detected | None:
    if not {"first.1.weight", "down_sample.0.1.weight", "up_path.0.up.2.weight", "last.1.weight"} <= set(state):
        return None
    depth = len({name.split(".")[1] for name in state if name.startswith("down_sample.")})
    return Detected("ScratchUNet", {"features": state["first.1.weight"].shape[0], "depth": depth}, dict(state))


def face_generator(state: State) -> Detected | None:
    if not {"fc.weight", "head_0.norm_0.mlp_shared.0.weight", "conv_img.weight"} <= set(state):
        return None
    hidden, features = state["head_0.norm_0.mlp_shared.0.weight"].shape[0], state["conv_img.weight"].shape[1]
    return Detected("FaceGenerator", {"features": features, "hidden": hidden}, fold_spectral_norm(state))


def style_transformer(state: State) -> Detected | None:
    variables = {name.removeprefix("variable:").removesuffix(":0"): tensor for name, tensor in state.items()}
    if "transformer/contract/conv1/weights" not in variables:
        return None
    renamed = magenta_state(variables)
    separable = "residual.0.conv1.conv.1.weight" in renamed
    arguments = {
        "style": renamed["expand.0.norm.scale.weight"].shape[1],
        "features": renamed["contract.0.weight"].shape[0],
        "blocks": len({name.split(".")[1] for name in renamed if name.startswith("residual.")}),
        "separable": separable,
        "padding": "zeros" if separable else "reflect",  # as the separable port for the browser has it
    }
    return Detected("StyleTransformer", arguments, renamed)


def blocks_of(state: State) -> int:
    """Number of blocks `body.0`, `body.1`, …"""
    return len({name.split(".")[1] for name in state if name.startswith("body.")})


def residual_blocks(state: State, part: str) -> int:
    """Number of residual blocks in `part`."""
    return sum(name.startswith(f"{part}.") and name.endswith(".conv_block.1.weight") for name in state)


FAMILIES: list[tuple[Callable[[State], Detected | None], str]] = [
    (rrdbnet, "RRDBNet (ESRGAN, Real-ESRGAN; 1x and 2x with pixel unshuffling, 4x)"),
    (srvgg, "SRVGGNetCompact (realesr-general, realesr-animevideo)"),
    (msrresnet, "MSRResNet (BasicSR)"),
    (compact, "CompactResNet (Daguerre)"),
    (unet_discriminator, "UNetDiscriminatorSN (Real-ESRGAN's netD)"),
    (vgg19, "VGG19 (torchvision)"),
    (photo_vae, "PhotoVAE (Microsoft's old photos: VAE_A, VAE_B)"),
    (latent_translation, "LatentTranslation (mapping_quality)"),
    (partial_nonlocal_translation, "PartialNonlocalTranslation (mapping_scratch)"),
    (patch_attention_translation, "PatchAttentionTranslation (mapping_Patch_Attention)"),
    (scratch_unet, "ScratchUNet (FT_Epoch_latest)"),
    (style_transformer, "StyleTransformer (Magenta's variables as .npz)"),
    (face_generator, "FaceGenerator (Setting_9_epoch_100, FaceSR_512)"),
]
"""How to recognise each family, and what to call it in an error."""
