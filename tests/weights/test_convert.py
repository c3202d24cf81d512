import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from magenta import named_as_by_magenta
from parity.fill import FOLDER, filled_state, fixture, relative_error

from daguerre.errors import UnknownArchitecture, WeightsDamaged, WeightsError
from daguerre.networks.compact_resnet import CompactResNet
from daguerre.networks.efficientnet_lite import EfficientNetLite0
from daguerre.networks.rrdbnet import RRDBNet
from daguerre.networks.style_transformer import StyleTransformer
from daguerre.networks.vgg import VGG16, VGG19
from daguerre.networks.yunet import YuNet
from daguerre.weights.checkpoint import WeightsHeader
from daguerre.weights.construct import check_fits
from daguerre.weights.convert import detect
from daguerre.weights.model import load_file
from daguerre.weights.registry import NETWORKS, build

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


def oldest(name: str, blocks: int, ups: int) -> str:
    """A name as it was before the first ESRGAN release."""
    part, _, leaf = name.rpartition(".")
    if part.startswith("body."):
        _, block, dense, conv = part.split(".")
        return f"model.1.sub.{block}.{dense.upper()}.{conv}.0.{leaf}"
    places = {"conv_first": "0", "conv_body": f"1.sub.{blocks}"}
    places |= {f"conv_up{number}": str(3 * number) for number in range(1, ups + 1)}
    places |= {"conv_hr": str(3 * ups + 2), "conv_last": str(3 * ups + 4)}
    return f"model.{places[part]}.{leaf}"


def old(name: str, **_) -> str:
    """A name of the first ESRGAN release."""
    name = re.sub(r"^body\.(\d+)\.rdb(\d)\.", r"RRDB_trunk.\1.RDB\2.", name)
    for new, then in {"conv_body": "trunk_conv", "conv_up": "upconv", "conv_hr": "HRconv"}.items():
        name = name.replace(new, then)
    return name


@pytest.mark.parametrize("rename", [oldest, old, lambda name, **_: name], ids=["oldest", "old", "new"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_every_scale_of_rrdbnet_is_understood_under_every_name(rename, channels, scale):
    arguments = {"scale": scale, "features": 8, "blocks": 11, "growth": 4}  # eleven: 10 sorts before 2
    plain = arguments | {"channels": channels} if channels == 1 else arguments
    network = RRDBNet(**plain, unshuffle=1)
    state = network.state_dict()
    found = detect({rename(name, blocks=11, ups=network.upsamplings): tensor for name, tensor in state.items()})
    assert found.network == "RRDBNet"
    assert found.arguments == plain | ({"unshuffle": 1} if scale < 4 else {})
    assert found.state.keys() == state.keys()
    assert all(torch.equal(found.state[name], tensor) for name, tensor in state.items())


WRAPPED = {
    "module": lambda s: {f"module.{name}": tensor for name, tensor in s.items()},
    "averaged": lambda s: {"n_averaged": torch.tensor(7)} | {f"module.{name}": tensor for name, tensor in s.items()},
    "compiled": lambda s: {f"_orig_mod.{name}": tensor for name, tensor in s.items()},
    "compiled within": lambda s: {name.replace("body.0.", "body.0._orig_mod."): tensor for name, tensor in s.items()},
    "compiled in module": lambda s: {f"module._orig_mod.{name}": tensor for name, tensor in s.items()},
    "net_g": lambda s: {f"net_g.{name}": t for name, t in s.items()} | {"net_d.conv0.weight": torch.ones(1, 1)},
    "model": lambda s: {f"model.{name}": tensor for name, tensor in s.items()},
    "model.net": lambda s: {f"model.net.{name}": tensor for name, tensor in s.items()},
    "generator": lambda s: {f"generator.{name}": tensor for name, tensor in s.items()},
    "averaged first": lambda s: (
        {f"g_ema.{name}": tensor for name, tensor in s.items()} | {f"net_g.{name}": 0 * t for name, t in s.items()}
    ),
    "counted": lambda s: s | {"step": torch.tensor(1000), "epoch": torch.tensor(3.0)},
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize("kind", ["RRDBNet", "SRVGGNetCompact", "oldest ESRGAN"])
def test_prefixes_and_counts_of_training_code_are_left_out(wrap, kind):
    if kind == "SRVGGNetCompact":
        state = named = build(kind, {"scale": 2, "features": 4, "convs": 2}).state_dict()
    else:
        network = RRDBNet(features=8, blocks=1, growth=4)
        state = network.state_dict()
        named = {oldest(n, 1, 2): t for n, t in state.items()} if kind.startswith("oldest") else state
    found = detect(wrap(named))
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


def test_vggs_whose_blocks_have_widths_of_their_own_are_recognised():
    widths = [1 / 8, 1 / 16, 1 / 16, 1 / 32, 1 / 64]
    found = detect(VGG16(width=widths).state_dict(), "mine.pth")
    assert (found.network, found.arguments) == ("VGG16", {"width": widths, "classes": 0})


def hed(network: VGG16) -> dict[str, torch.Tensor]:
    """Weights under the names of HED's Keras layers, beside one that draws edges."""
    state = {"dsn1/vars/0": torch.zeros(1, 1, 64, 1)}
    places = [place for place, layer in enumerate(network.layers) if layer.startswith("conv")]
    for place in places:
        block, number = network.layers[place][4:].split("_")
        name = f"block{block}/layers/conv2d" + ("" if number == "1" else f"_{int(number) - 1}")
        state[f"{name}/vars/0"] = network.features[place].weight.detach().permute(2, 3, 1, 0)
        state[f"{name}/vars/1"] = network.features[place].bias.detach()
    return state


def test_the_vgg16_under_hed_sees_what_it_saw_there():
    torch.manual_seed(0)
    network = VGG16(width=1 / 16).eval()
    found = detect(hed(network), "hed.h5")
    assert (found.network, found.arguments) == ("VGG16", {})
    image = torch.rand(1, 3, 9, 9)
    caffe = image.flip(1) * 255 - torch.tensor([104.007, 116.669, 122.679])[:, None, None]
    ours = VGG16(width=1 / 16).eval()
    ours.load_state_dict(found.state)
    with torch.inference_mode():
        expected = network(caffe * network.deviation + network.mean, ["conv1_1"])["conv1_1"]
        inside = ours(image, ["conv1_1"])["conv1_1"][..., 1:-1, 1:-1]  # zeros around stand for other colours
    torch.testing.assert_close(inside, expected[..., 1:-1, 1:-1], rtol=1e-4, atol=1e-3)


def test_efficientnet_lite0_is_recognised_and_others_are_not():
    with torch.device("meta"):
        state = EfficientNetLite0(classes=7).state_dict()
    found = detect(state, "lite0.pth")
    assert (found.network, found.arguments) == ("EfficientNetLite0", {"classes": 7})
    with pytest.raises(UnknownArchitecture):  # EfficientNet-B0 has the same names and more
        detect(state | {"_blocks.0._se_reduce.weight": torch.empty(8, 32, 1, 1, device="meta")}, "b0.pth")


def test_a_yunet_of_any_size_is_recognised():
    for arguments in ({"features": [16, 32, 64, 64], "units": 2}, {"features": [4, 6, 8, 10], "units": 3}):
        found = detect(YuNet(**arguments).state_dict())
        assert (found.network, found.arguments) == ("YuNet", arguments)


def test_unknown_weights_are_refused_with_what_is_known():
    state = {"layer.weight": torch.zeros(1), "layer.bias": torch.zeros(1)}
    with pytest.raises(UnknownArchitecture, match=r"mine\.pth: .*layer\.weight.*RRDBNet.*SRVGGNetCompact.*MSRResNet"):
        detect(state, "mine.pth")


@pytest.mark.parametrize("name", NETWORKS)
def test_any_part_of_any_network_s_weights_is_told_in_a_line(name):
    torch.manual_seed(0)
    state = build(name, SMALL.get(name, {})).state_dict()
    names = list(state)
    lines = []
    parts = [names[::2], names[1::2], names[:-1], names[1:], names[: len(names) // 2], names[len(names) // 2 :]]
    for odd in (
        lambda t: t,
        lambda t: t.reshape(-1)[0],
        lambda t: t.reshape(-1),
        lambda t: t[None],
        lambda t: t[:1] if t.ndim else t,
    ):
        for part in [*parts, names]:
            try:
                found = detect({name: odd(state[name]) for name in part}, "a.pth")
                header = WeightsHeader(name="a", task="x", network=found.network, arguments=found.arguments)
                check_fits(replace(header, scale=found.arguments.get("scale", 1)), found.state, Path("a.pth"))
            except WeightsError as error:
                lines.append(str(error))
    assert lines
    assert not any("\n" in line for line in lines)


SMALL = {
    "RRDBNet": {"features": 4, "blocks": 1, "growth": 4},
    "FaceGenerator": {"features": 2, "hidden": 4},
    "LatentTranslation": {"latent": 3, "features": 8, "blocks": 1},
    "PartialNonlocalTranslation": {"latent": 3, "features": 8, "blocks": 2},
    "PatchAttentionTranslation": {"latent": 3, "features": 8},
    "PhotoVAE": {"features": 6, "blocks": 2},
    "ScratchUNet": {"features": 4, "depth": 2},
    "EfficientNetLite0": {"classes": 2},
    "VGG16": {"width": 0.0625},
    "VGG19": {"width": 0.0625},
    "AnyStyle": {"features": 4, "width": 0.0625},
    "StyleTransformer": {"features": 4},
    "ESRGANDiscriminator": {"features": 4},
    "SRGANDiscriminator": {"features": 4},
    "UNetDiscriminatorSN": {"features": 4},
}


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
