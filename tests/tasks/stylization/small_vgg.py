"""A narrow random VGG and drawn pictures for it, for tests."""

import torch

from daguerre.devices import Device
from daguerre.networks.vgg import VGG19
from daguerre.tasks.stylization.vgg_statistics import FeatureExtractor

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_LAYER = "relu3_2"


def small_extractor(layers=(*STYLE_LAYERS, CONTENT_LAYER), **how):
    torch.manual_seed(0)
    return FeatureExtractor(VGG19(width=1 / 16), Device(torch.device("cpu"), torch.float32), layers, **how)


def picture(height, width, seed=0):
    """Blobs of several sizes: noise, whose features hardly vary, would hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    parts = [torch.rand(1, 3, height // s + 1, width // s + 1, generator=generator) for s in (1, 5, 23)]
    sizes = [torch.nn.functional.interpolate(part, (height, width), mode="bilinear") for part in parts]
    return torch.stack(sizes).mean(0)
