import json

import numpy as np
import pytest
import torch
from magenta import named_as_by_magenta
from parity.fill import FOLDER, filled_state, fixture, relative_error

from daguerre.errors import UnknownArchitecture, WeightsDamaged
from daguerre.networks.compact_resnet import CompactResNet
from daguerre.networks.rrdbnet import RRDBNet
from daguerre.networks.style_transformer import StyleTransformer
from daguerre.networks.vgg import VGG19
from daguerre.weights.convert import detect
from daguerre.weights.model import load_file
from daguerre.weights.registry import build

RRDB = {"scale": 4, "features": 64, "blocks": 23, "growth": 32}


@pytest.mark.parametrize(
    ("name", "network", "arguments"),
    [
        ("esrgan_rrdbnet_x4_old_keys", "RRDBNet", RRDB),
        ("realesrgan_rrdbnet_x4plus", "RRDBNet", RRDB),
        ("realesrgan_rrdbnet_x2plus", "RRDBNet", RRDB | {"scale": 2}),
        ("realesrgan_rrdbnet_x4plus_anime_6b", "RRDBNet", RRDB | {"blocks": 6}),
        ("realesrgan_srvgg_general_x4v3", "SRVGGNetCompact", {"scale": 4, "features": 64, "convs": 32}),
        ("realesrgan_srvgg_anime_x4v3", "SRVGGNetCompact", {"scale": 4, "features": 64, "convs": 16}),
        ("basicsr_msrresnet_x2", "MSRResNet", {"scale": 2, "features": 64, "blocks": 16}),
        ("basicsr_msrresnet_x4", "MSRResNet", {"scale": 4, "features": 64, "blocks": 16}),
        ("realesrgan_unet_discriminator_sn", "UNetDiscriminatorSN", {"features": 64}),
    ],
)
def test_published_networks_are_recognised_from_names_and_shapes_alone(name, network, arguments):
    tensors = json.loads((FOLDER / f"{name}.json").read_text())["tensors"]
    found = detect({key: torch.empty(shape, device="meta") for key, shape in tensors})
    assert (found.network, found.arguments) == (network, arguments)
    own = build(found.network, found.arguments).state_dict()
    assert {key: t.shape for key, t in found.state.items()} == {key: t.shape for key, t in own.items()}


def test_the_first_esrgan_release_computes_what_it_did_under_its_own_names():
    found = detect(filled_state("esrgan_rrdbnet_x4_old_keys"))
    network = build(found.network, found.arguments).eval()
    network.load_state_dict(found.state)
    inputs, output = fixture("esrgan_rrdbnet_x4_old_keys")
    with torch.inference_mode():
        assert relative_error(network(*inputs), output) < 1e-4


def oldest(name: str, blocks: int) -> str:
    """A name as it was before the first ESRGAN release."""
    part, _, leaf = name.rpartition(".")
    if part.startswith("body."):
        _, block, dense, conv = part.split(".")
        return f"model.1.sub.{block}.{dense.upper()}.{conv}.0.{leaf}"
    places = {"conv_first": "0", "conv_body": f"1.sub.{blocks}", "conv_up1": "3", "conv_up2": "6"}
    return f"model.{(places | {'conv_hr': '8', 'conv_last': '10'})[part]}.{leaf}"


def test_the_oldest_names_of_rrdbnet_are_understood():
    arguments = {"scale": 4, "features": 8, "blocks": 11, "growth": 4}  # eleven: 10 sorts before 2
    state = RRDBNet(**arguments).state_dict()
    found = detect({oldest(name, blocks=11): tensor for name, tensor in state.items()})
    assert (found.network, found.arguments) == ("RRDBNet", arguments)
    assert found.state.keys() == state.keys()
    assert all(torch.equal(found.state[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_our_own_compact_network_is_recognised(scale):
    arguments = {"scale": scale, "features": 6, "blocks": 2}
    found = detect(CompactResNet(**arguments).state_dict())
    assert (found.network, found.arguments) == ("CompactResNet", arguments)


def test_torchvisions_vgg19_is_recognised_and_its_head_left_out():
    tensors = json.loads((FOLDER / "vgg19_features.json").read_text())["tensors"]
    state = {key: torch.empty(shape, device="meta") for key, shape in tensors}
    head = {"classifier.0.weight": torch.empty(4096, 25088, device="meta")}
    found = detect(state | head)
    assert (found.network, found.arguments) == ("VGG19", {"width": 1.0, "classes": 0})
    assert found.state.keys() == state.keys() == VGG19(width=1 / 16).state_dict().keys()


def test_a_vgg19_of_ours_is_recognised_with_its_labels():
    found = detect(VGG19(width=0.34375, classes=7).state_dict())
    assert (found.network, found.arguments) == ("VGG19", {"width": 0.34375, "classes": 7})


@pytest.mark.parametrize(
    "state",
    [
        {"layer.weight": torch.zeros(1), "layer.bias": torch.zeros(1)},
        {"conv_first.weight": torch.zeros(8, 1, 3, 3)}
        | {  # an RRDBNet for grey pictures
            f"{name}.weight": torch.zeros(4, 8, 3, 3) for name in ("body.0.rdb1.conv1", "conv_up2", "conv_last")
        },
    ],
    ids=["anything", "grey RRDBNet"],
)
def test_unknown_weights_are_refused_with_what_is_known(state):
    with pytest.raises(UnknownArchitecture, match=f"{next(iter(state))}.*RRDBNet.*SRVGGNetCompact.*MSRResNet"):
        detect(state)


@pytest.mark.parametrize(
    ("name", "network", "arguments"),
    [
        ("oldphoto_mapping_quality", "LatentTranslation", {"latent": 64, "features": 512, "blocks": 6}),
        ("oldphoto_mapping_scratch", "PartialNonlocalTranslation", {"latent": 64, "features": 512, "blocks": 6}),
        ("oldphoto_mapping_patch_attention", "PatchAttentionTranslation", {"latent": 64, "features": 512}),
        ("oldphoto_scratch_detection_unet", "ScratchUNet", {"features": 64, "depth": 4}),
        ("oldphoto_vae_encoder", "PhotoVAE", {"features": 64, "blocks": 4}),
        ("oldphoto_face_spade_256", "FaceGenerator", {"features": 64, "hidden": 128}),
    ],
)
def test_microsofts_networks_are_recognised_from_names_and_shapes_alone(name, network, arguments):
    tensors = json.loads((FOLDER / f"{name}.json").read_text())["tensors"]
    found = detect({key: torch.zeros(()).expand(shape) for key, shape in tensors})
    assert (found.network, found.arguments) == (network, arguments)
    with torch.device("meta"):
        own = build(found.network, found.arguments).state_dict()
    assert {key: t.shape for key, t in found.state.items()} == {key: t.shape for key, t in own.items()}


@pytest.mark.parametrize(
    ("network", "arguments"),
    [
        ("PhotoVAE", {"features": 6, "blocks": 2}),
        ("LatentTranslation", {"latent": 3, "features": 8, "blocks": 1}),
        ("PartialNonlocalTranslation", {"latent": 3, "features": 8, "blocks": 2}),
        ("PatchAttentionTranslation", {"latent": 3, "features": 8}),
        ("ScratchUNet", {"features": 4, "depth": 2}),
        ("FaceGenerator", {"features": 2, "hidden": 4}),
    ],
)
def test_small_networks_of_the_same_kinds_are_recognised(network, arguments):
    found = detect(build(network, arguments).state_dict())
    assert (found.network, found.arguments) == (network, arguments)


def test_magentas_variables_are_recognised(tmp_path):
    torch.manual_seed(0)
    network = StyleTransformer(style=5, features=4, blocks=2).eval()
    arrays = {f"{name}:0": value.numpy() for name, value in named_as_by_magenta(network).items()}
    np.savez(tmp_path / "magenta.npz", **arrays, step=np.array(3))
    loaded = load_file(tmp_path / "magenta.npz")
    expected = {"style": 5, "features": 4, "blocks": 2, "separable": False, "padding": "reflect"}
    assert (loaded.header.network, loaded.header.arguments) == ("StyleTransformer", expected)
    image, style = torch.rand(1, 3, 16, 16), torch.randn(1, 5)
    assert loaded.network(image, style).equal(network(image, style))


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda arrays: arrays.popitem(), WeightsDamaged, "has no"),
        (lambda arrays: arrays.update(more=np.array([None])), WeightsDamaged, "cannot be read as a NumPy archive"),
        (lambda arrays: arrays.update({NAN: np.full((9, 9, 3, 4), np.nan)}), WeightsDamaged, "NaN"),
        (lambda arrays: arrays.clear(), WeightsDamaged, "no weights"),
    ],
)
def test_damaged_variables_are_refused(damage, error, message, tmp_path):
    arrays = {name: value.numpy() for name, value in named_as_by_magenta(StyleTransformer(features=4)).items()}
    damage(arrays)
    np.savez(tmp_path / "magenta.npz", **arrays)
    with pytest.raises(error, match=message):
        load_file(tmp_path / "magenta.npz")


def test_a_truncated_archive_of_variables_is_refused(tmp_path):
    np.savez(tmp_path / "magenta.npz", step=np.arange(1000))
    (tmp_path / "magenta.npz").write_bytes((tmp_path / "magenta.npz").read_bytes()[:500])
    with pytest.raises(WeightsDamaged, match="cannot be read as a NumPy archive"):
        load_file(tmp_path / "magenta.npz")


NAN = "transformer/contract/conv1/weights"
