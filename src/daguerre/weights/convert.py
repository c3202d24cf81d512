"""Convert foreign weights: detect their network from names and shapes alone, and rename their tensors.

A family of networks is a function from a state dict to a `Detected`, or None if it is another network. A new one is a
line in `FAMILIES`.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from daguerre.errors import UnknownArchitecture, WeightsDamaged
from daguerre.networks.bringing_old_photos.face_generator import fold_spectral_norm
from daguerre.networks.style_transformer import magenta_state
from daguerre.networks.vgg import CHANNELS, VGG, VGG16, VGG19
from daguerre.weights.unknown import name_of_network

__all__ = ["Detected", "detect", "rename"]

State = Mapping[str, Tensor]
Names = Iterable[tuple[str, str]]
"""Pairs of a regular expression and its replacement."""


@dataclass(frozen=True)
class Detected:
    """Detection result: the network's name in `registry`, its arguments, and the renamed weights."""

    network: str
    arguments: dict[str, Any]
    state: dict[str, Tensor]


def detect(state: State, place: str = "these weights") -> Detected:
    """Find the network that a foreign state dict belongs to.

    Args:
        state: tensors by name, perhaps under the names of wrappers (`module.`, `net_g.`, …).
        place: their origin, for messages.

    Raises:
        UnknownArchitecture: not a supported network; named if recognized.
        WeightsDamaged: a tensor of a supported network is missing, or has another shape.
    """
    for bare in unwrapped(state):
        for family, line in FAMILIES:
            try:
                found = family(bare)
            except KeyError as error:
                raise WeightsDamaged(f"{place}: of {line} the weights {error} are missing") from error
            except (IndexError, ValueError, RuntimeError, ArithmeticError) as error:
                raise WeightsDamaged(f"{place}: named as those of {line}, but of other shapes") from error
            if found:
                return found
    if name := name_of_network(state):
        raise UnknownArchitecture(f"{place}: {name}")
    known = "; ".join(line for _, line in FAMILIES)
    names = ", ".join(list(state)[:3])
    raise UnknownArchitecture(f"{place}: no network here has parameters such as {names:.100}; known are: {known}")


def unwrapped(state: State, depth: int = 4) -> Iterator[State]:
    """The weights, and those under each wrapper prefix, the best first, without the tensors beside them.

    A module wrapped for several processes, for averaging or by a compiler has the prefix `module.` or `_orig_mod.` on
    all names, and a whole training module has `net_g.` or the like on those of the network that it trains. Counters
    beside them (`n_averaged`, `step`) are not weights of a known network.
    """
    state = {name.replace("_orig_mod.", ""): tensor for name, tensor in state.items()}
    yield {name: t for name, t in state.items() if t.ndim or name.endswith("num_batches_tracked")}
    for prefix in PREFIXES if depth else ():
        if inner := {name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)}:
            yield from unwrapped(inner, depth - 1)


PREFIXES = (
    *("module.", "g_ema.", "net_g_ema.", "generator_ema.", "ema_model.", "ema.", "params_ema."),
    *("net_g.", "netG.", "generator.", "params.", "state_dict.", "model.", "network.", "net.", "gen.", "G."),
)


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
]
"""From before the ESRGAN repository renamed them, and of most models that people trained: the trunk."""


def oldest_esrgan(state: State) -> State:
    """Rename the oldest names to the newest; layers after the trunk are numbered through, per upsampling."""
    places = sorted({int(name.split(".")[1]) for name in state if re.fullmatch(r"model\.\d+\.weight", name)} - {0})
    if "model.1.sub.0.RDB1.conv1.0.weight" not in state or len(places) < 2:
        return state
    *ups, last_but_one, last = places
    tail = {place: f"conv_up{number}" for number, place in enumerate(ups, start=1)}
    tail |= {last_but_one: "conv_hr", last: "conv_last"}
    names = [(rf"^model\.{place}\.(weight|bias)$", rf"{name}.\1") for place, name in tail.items()]
    return rename(state, [*OLDEST_ESRGAN_NAMES, *names])


def rrdbnet(state: State) -> Detected | None:
    for renamed in (state, rename(state, ESRGAN_NAMES), oldest_esrgan(state)):
        if {"conv_first.weight", "body.0.rdb1.conv1.weight", "conv_last.weight"} <= set(renamed):
            break
    else:
        return None
    if not all(re.fullmatch(r"(body\.\d+\.rdb\d\.conv\d|conv_\w+)\.(weight|bias)", name) for name in renamed):
        return None  # a variant with larger blocks
    first, last = renamed["conv_first.weight"], renamed["conv_last.weight"]
    (features, inputs), channels = first.shape[:2], last.shape[0]
    ups = sum(re.fullmatch(r"conv_up\d+\.weight", name) is not None for name in renamed)
    unshuffle = math.isqrt(inputs // channels)
    if inputs != channels * unshuffle**2 or 2**ups % unshuffle or channels not in (1, 3):
        return None
    arguments = {"scale": 2**ups // unshuffle, "features": features, "blocks": blocks_of(renamed)}
    arguments["growth"] = renamed["body.0.rdb1.conv1.weight"].shape[0]
    usual = {1: 4, 2: 2}.get(arguments["scale"], 1)
    if channels != 3:
        arguments["channels"] = channels
    if unshuffle != usual:
        arguments["unshuffle"] = unshuffle
    return Detected("RRDBNet", arguments, dict(renamed))


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


def vgg(state: State) -> Detected | None:
    convs = {name for name in state if re.fullmatch(r"features\.\d+\.weight", name)}
    kinds = [kind for kind in (VGG16, VGG19) if convs == {f"features.{place}.weight" for place in places(kind)}]
    if not kinds:
        return None
    kind = kinds[0]
    # torchvision's head, of 123 million parameters, only classifies; features do not need it.
    kept = {name: tensor for name, tensor in state.items() if not name.startswith("classifier.")}
    first = [kind.layers.index(f"conv{block}_1") for block in range(1, 6)]
    widths = [state[f"features.{place}.weight"].shape[0] / full for place, full in zip(first, CHANNELS, strict=True)]
    width = widths if len(set(widths)) > 1 else widths[0]
    classes = len(state["head.weight"]) if "head.weight" in state else 0
    return Detected(kind.__name__, {"width": width, "classes": classes}, kept)


CAFFE_MEAN = (104.007, 116.669, 122.679)
"""Mean of blue, green and red in [0, 255], which Caffe's networks subtract from a picture."""


def hed_vgg16(state: State) -> Detected | None:
    """The VGG-16 of the edge detector HED, in Keras layers, without the edge layers."""
    names = [
        f"block{block}/layers/conv2d{'' if place == '1' else f'_{int(place) - 1}'}/vars"
        for block, place in (layer[4:].split("_") for layer in convolutions(VGG16))
    ]
    if not all(f"{name}/{part}" in state for name in names for part in (0, 1)):
        return None
    renamed = {}
    for name, place in zip(names, places(VGG16), strict=True):
        renamed[f"features.{place}.weight"] = state[f"{name}/0"].permute(3, 2, 0, 1).contiguous()
        renamed[f"features.{place}.bias"] = state[f"{name}/1"]
    return Detected("VGG16", {}, renamed | seeing_torchvision_colours(renamed))


def seeing_torchvision_colours(state: State) -> dict[str, Tensor]:
    """Adapt the first convolution from inputs BGR - `CAFFE_MEAN` to (RGB - mean) / deviation.

    Equivalent except for the zero padding, which stands for colors 1 in 255 apart.
    """
    weight, bias = state["features.0.weight"].flip(1), state["features.0.bias"]  # now for red, green, blue
    fresh = VGG16(width=1 / 64)
    apart = 255 * fresh.mean.flatten() - torch.tensor(CAFFE_MEAN[::-1])
    return {
        "features.0.weight": weight * (255 * fresh.deviation)[None],
        "features.0.bias": bias + (weight.sum((2, 3)) * apart).sum(1),
    }


def convolutions(kind: type[VGG]) -> list[str]:
    return [layer for layer in kind.layers if layer.startswith("conv")]


def places(kind: type[VGG]) -> list[int]:
    """Positions of the convolutions in `features`."""
    return [kind.layers.index(layer) for layer in convolutions(kind)]


def efficientnet_lite0(state: State) -> Detected | None:
    if not {"_conv_stem.weight", "_blocks.15._project_conv.weight", "_fc.weight"} <= set(state) or any(
        "_se_reduce" in name for name in state
    ):
        return None
    return Detected("EfficientNetLite0", {"classes": len(state["_fc.weight"])}, dict(state))


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
        "padding": "zeros" if separable else "reflect",  # as in the separable port for the browser
    }
    return Detected("StyleTransformer", arguments, renamed)


def blocks_of(state: State) -> int:
    """Number of blocks `body.0`, `body.1`, …"""
    return len({name.split(".")[1] for name in state if name.startswith("body.")})


def residual_blocks(state: State, part: str) -> int:
    """Number of residual blocks in `part`."""
    return sum(name.startswith(f"{part}.") and name.endswith(".conv_block.1.weight") for name in state)


def yunet(state: State) -> Detected | None:
    if not {"first.weight", "stages.0.0.conv1.weight", "heads.kps.2.conv2.weight"} <= set(state):
        return None
    units = {name.split(".")[2] for name in state if name.startswith("stages.2.")}
    widths = [state[f"stages.{place}.conv1.weight"].shape[0] for place in ("0.0", "1.1", "1.3", "2.0")]
    return Detected("YuNet", {"features": widths, "units": len(units)}, dict(state))


FAMILIES: list[tuple[Callable[[State], Detected | None], str]] = [
    (rrdbnet, "RRDBNet (ESRGAN, Real-ESRGAN; 1x, 2x, 4x, 8x)"),
    (srvgg, "SRVGGNetCompact (realesr-general, realesr-animevideo)"),
    (msrresnet, "MSRResNet (BasicSR)"),
    (compact, "CompactResNet (Daguerre)"),
    (unet_discriminator, "UNetDiscriminatorSN (Real-ESRGAN's netD)"),
    (vgg, "VGG16 and VGG19 (torchvision)"),
    (hed_vgg16, "VGG16 (of HED, Keras)"),
    (efficientnet_lite0, "EfficientNetLite0 (PyTorch ports)"),
    (yunet, "YuNet (face_detection_yunet_2023mar.onnx)"),
    (photo_vae, "PhotoVAE (Microsoft's old photos: VAE_A, VAE_B)"),
    (latent_translation, "LatentTranslation (mapping_quality)"),
    (partial_nonlocal_translation, "PartialNonlocalTranslation (mapping_scratch)"),
    (patch_attention_translation, "PatchAttentionTranslation (mapping_Patch_Attention)"),
    (scratch_unet, "ScratchUNet (FT_Epoch_latest)"),
    (style_transformer, "StyleTransformer (Magenta's variables as .npz)"),
    (face_generator, "FaceGenerator (Setting_9_epoch_100, FaceSR_512)"),
]
"""The detector of each family, and its name for messages."""
