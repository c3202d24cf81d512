"""What all tests share."""

import os
import signal
from pathlib import Path

import hypothesis
import pytest

signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell that runs us in the background ignores it
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and under nohup

# Several processes that test at once would wait for each other's threads most of the time.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

# A busy machine is no bug: examples may take as long as they take.
hypothesis.settings.register_profile("daguerre", deadline=None)
hypothesis.settings.load_profile("daguerre")


@pytest.fixture(scope="session", autouse=True)
def no_weights_but_ours(tmp_path_factory):
    """What a developer has fetched or imported changes no result."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGUERRE_WEIGHTS", str(tmp_path_factory.mktemp("weights")))
        yield


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """A page, served for all tests that want one."""
    from served import Served

    page = Served(tmp_path_factory.mktemp("kept"), "--max-megabytes", "2", "--max-megapixels", "5")
    yield page
    page.stop()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """An old photograph that is restored in a moment: 96 x 96 pixels."""
    from daguerre.images import Picture
    from daguerre.tiling import Window

    old = Picture.open(Path(__file__).parents[1] / "examples" / "old.jpg")
    part = Picture.from_levels(old.fetch(Window(100, 100, 96, 96)).copy(), like=old)
    return part.save(tmp_path_factory.mktemp("tiny") / "tiny.jpg")


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """An empty folder to work in, and small random networks: compact-x4, compact-x2, vivid-x4, small-x2, flat-x1."""
    import torch

    from daguerre.networks.compact_resnet import CompactResNet
    from daguerre.weights import WeightsHeader
    from daguerre.weights.checkpoint import write

    for seed, (name, scale) in enumerate(
        {"compact-x4": 4, "vivid-x4": 4, "small-x2": 2, "flat-x1": 1, "compact-x2": 2}.items()
    ):
        torch.manual_seed(seed)
        arguments = {"scale": scale, "features": 4, "blocks": 1}
        network = CompactResNet(**arguments)
        network.conv_last.weight.data *= 10  # so that it adds something to see
        header = WeightsHeader(
            name=name,
            task="upscale",
            network="CompactResNet",
            arguments=arguments,
            scale=scale,
            recipe={"discriminator": {} if "vivid" in name else None},
        )
        write(tmp_path / "weights" / f"{name}.safetensors", network.state_dict(), header, half=False)
    folder = tmp_path / "desk"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DAGUERRE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return folder


@pytest.fixture
def narrow_vgg(desk):
    """A narrow random VGG-19 under the names of those that ship; it knows cats and dogs."""
    import torch

    from daguerre.networks.vgg import VGG19
    from daguerre.weights import WeightsHeader
    from daguerre.weights.checkpoint import write

    torch.manual_seed(0)
    arguments = {"width": 1 / 16, "classes": 2}
    labels = {"labels": ["cat", "dog"]}
    network = VGG19(**arguments)
    for name in ("vgg19-slim", "vgg19-taught"):
        header = WeightsHeader(name=name, task="features", network="VGG19", arguments=arguments, **labels)
        write(desk.parent / "weights" / f"{name}.safetensors", network.state_dict(), header)


@pytest.fixture
def small_style(desk):
    """A small random network for any style, under the name of the one that ships; its vectors have 5 numbers."""
    import torch

    from daguerre.networks.style_transformer import AnyStyle
    from daguerre.weights import WeightsHeader
    from daguerre.weights.checkpoint import write

    torch.manual_seed(0)
    arguments = {"style": 5, "features": 4, "blocks": 1, "width": 1 / 32, "hidden": 4}
    header = WeightsHeader(name="any-style", task="stylize", network="AnyStyle", arguments=arguments)
    write(desk.parent / "weights" / "any-style.safetensors", AnyStyle(**arguments).state_dict(), header)
    return "any-style"
