"""Networks by the name in a weights file's header: their modules and tasks.

A network is added by a line in `NETWORKS`.
"""

import importlib
from collections.abc import Mapping
from typing import Any

from torch import nn

from daguerre.errors import UnknownArchitecture
from daguerre.options import nearest

__all__ = ["NETWORKS", "build", "task_of"]

NETWORKS = {
    "AnyStyle": ("style_transformer", "stylize"),
    "CompactEncoder": ("compact_vae", "restore"),
    "CompactFace": ("compact_face", "faces"),
    "CompactResNet": ("compact_resnet", "upscale"),
    "CompactTranslation": ("compact_translation", "restore"),
    "CompactVAE": ("compact_vae", "restore"),
    "DamageUNet": ("damage_unet", "scratches"),
    "DamageVerifier": ("damage_verifier", "check-damage"),
    "ESRGANDiscriminator": ("discriminators", "judge"),
    "EfficientNetLite0": ("efficientnet_lite", "labels"),
    "FaceGenerator": ("bringing_old_photos.face_generator", "faces"),
    "LatentDiscriminator": ("patch_discriminators", "judge"),
    "LatentTranslation": ("bringing_old_photos.translation", "restore"),
    "MSRResNet": ("srresnet", "upscale"),
    "MultiScaleDiscriminator": ("patch_discriminators", "judge"),
    "PartialNonlocalTranslation": ("bringing_old_photos.translation", "restore"),
    "PatchAttentionTranslation": ("bringing_old_photos.translation", "restore"),
    "PhotoVAE": ("bringing_old_photos.vae", "restore"),
    "RRDBNet": ("rrdbnet", "upscale"),
    "SRCNN": ("srcnn", "upscale"),
    "SRGANDiscriminator": ("discriminators", "judge"),
    "SRResNet": ("srresnet", "upscale"),
    "SRVGGNetCompact": ("srvgg", "upscale"),
    "StainUNet": ("stain_unet", "stains"),
    "StyleTransformer": ("style_transformer", "stylize"),
    "TextureUNet": ("denoising_unet", "texture"),
    "ToneCurves": ("tone_curves", "tone"),
    "ScratchUNet": ("bringing_old_photos.scratch_unet", "scratches"),
    "UNetDiscriminatorSN": ("discriminators", "judge"),
    "VGG16": ("vgg", "features"),
    "VGG19": ("vgg", "features"),
    "VGGDamageUNet": ("damage_unet", "scratches"),
    "YuNet": ("yunet", "find-faces"),
}
"""Class name -> module of `daguerre.networks` that holds it, and the task of its weights."""


def build(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Build a network with fresh weights.

    Raises:
        UnknownArchitecture: no network has this name.
        TypeError, ValueError: the network does not take these arguments.
    """
    if name not in NETWORKS:
        raise UnknownArchitecture(f"no network is called {name!r} here{nearest(name, NETWORKS)}")
    module = importlib.import_module(f"daguerre.networks.{NETWORKS[name][0]}")
    network: nn.Module = getattr(module, name)(**arguments)
    return network


def task_of(name: str) -> str:
    """The task of the network `name`."""
    return NETWORKS[name][1]
