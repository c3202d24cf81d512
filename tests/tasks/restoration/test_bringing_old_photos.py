from pathlib import Path

import numpy as np
import pytest
import torch
from images.drawn import icc_profile, photo
from torch.nn import functional as F

from daguerre.devices import Device
from daguerre.errors import Cancelled, OptionError, WeightsNotFound
from daguerre.images import Picture
from daguerre.networks.bringing_old_photos.face_generator import FaceGenerator
from daguerre.networks.bringing_old_photos.scratch_unet import ScratchUNet
from daguerre.networks.bringing_old_photos.translation import (
    LatentTranslation,
    PartialNonlocalTranslation,
    PatchAttentionTranslation,
)
from daguerre.networks.bringing_old_photos.vae import PhotoVAE
from daguerre.tasks.restoration import bringing_old_photos as module
from daguerre.tasks.restoration.bringing_old_photos import PublishedDetector, PublishedRestorer
from daguerre.tasks.restoration.restorer import Restorer
from daguerre.tiling import Streaming
from daguerre.weights import WeightsHeader, weights_folder
from daguerre.weights.checkpoint import write

DEVICE = Device(torch.device("cpu"), torch.float32)
FILLINGS = ["attention", "patches"]


ARGUMENTS = {
    PhotoVAE: {"features": 6, "blocks": 1},
    LatentTranslation: {"latent": 6, "features": 8, "blocks": 1},
    PartialNonlocalTranslation: {"latent": 6, "features": 8, "blocks": 1},
    PatchAttentionTranslation: {"latent": 6, "features": 8},
    ScratchUNet: {"features": 3, "depth": 2},
}
FACE = {"features": 1, "hidden": 4, "side": 64}
ASTRONAUT = Path(__file__).parents[3] / "examples" / "astronaut.jpg"


def keep(name, network):
    kind = type(network)
    header = WeightsHeader(name=name, task="restore", network=kind.__name__, arguments=ARGUMENTS[kind])
    write(weights_folder() / f"{name}.safetensors", network.state_dict(), header, half=False)


@pytest.fixture
def networks(desk):
    """Networks of the published kinds, small and random, under the published names."""
    torch.manual_seed(0)
    kinds = dict.fromkeys((module.OLD, module.CLEAN, module.CLEAN_SCRATCHED), PhotoVAE)
    kinds["microsoft-mapping-quality"] = LatentTranslation
    kinds["microsoft-mapping-scratch"] = PartialNonlocalTranslation
    kinds["microsoft-mapping-patch-attention"] = PatchAttentionTranslation
    kinds[module.DETECTOR] = ScratchUNet
    made = {name: kind(**ARGUMENTS[kind]).eval() for name, kind in kinds.items()}
    for name, network in made.items():
        keep(name, network)
    return made


def scratched(height, width):
    """A mask with a scratch and a hole."""
    mask = np.zeros((height, width), np.uint8)
    mask[height // 3 : height // 3 + 2, 3:-3] = mask[height // 2 : -8, width // 2 : -8] = 255
    return Picture.from_array(mask)


def plainly(networks, image, mask=None, filling=None):
    """The published method on a tensor held whole, as its authors' program has it, of the size that they take."""
    old, translation, clean = (networks[name] for name in module.models(filling))
    with torch.inference_mode():
        if mask is None:
            return clean.decode(translation(old.encode(image))).clamp(0, 1)
        if filling == "patches":
            for _ in range(3):
                mask = F.max_pool2d(mask, 3, 1, 1)
        latent = old.encode(image * (1 - mask) + mask)
        return clean.decode(translation(latent, mask)).clamp(0, 1)


@pytest.mark.parametrize("elements", [2**22, 5000])
def test_an_undamaged_picture_is_encoded_translated_and_decoded(networks, monkeypatch, elements):
    monkeypatch.setattr(module, "Streaming", lambda **how: Streaming(elements=elements, memory=4000, **how))
    picture = Picture.from_array(photo(44, 32, bits=16))
    made = PublishedRestorer(DEVICE)(picture).read()
    torch.testing.assert_close(made, plainly(networks, picture.read()), rtol=0, atol=1e-4)


@pytest.mark.parametrize("filling", FILLINGS)
@pytest.mark.parametrize("elements", [2**22, 5000])
def test_a_damaged_picture_is_filled(networks, monkeypatch, filling, elements):
    monkeypatch.setattr(module, "Streaming", lambda **how: Streaming(elements=elements, memory=4000, **how))
    picture, mask = Picture.from_array(photo(64, 96, bits=16)), scratched(64, 96)
    made = PublishedRestorer(DEVICE, filling=filling)(picture, mask).read()
    expected = plainly(networks, picture.read(), mask.read()[:, :1], filling)
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-4)
    assert not made.allclose(PublishedRestorer(DEVICE)(picture).read(), atol=0.01)


def test_sizes_that_do_not_fit_are_mirrored_up_and_cut_back(networks):
    picture = Picture.from_array(photo(45, 51, bits=16))
    made = PublishedRestorer(DEVICE)(picture).read()
    assert made.shape == (1, 3, 45, 51)
    expected = plainly(networks, F.pad(picture.read(), (0, 1, 0, 3), mode="reflect"))[..., :45, :51]
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 40), (33, 31)])
@pytest.mark.parametrize("filling", FILLINGS)
def test_pictures_of_any_size_come_back_as_large_as_they_were(networks, size, filling):
    restorer = PublishedRestorer(DEVICE, filling=filling)
    mask = Picture.from_array(np.full(size, 255, np.uint8))
    for given in (None, mask):
        made = restorer(Picture.from_array(photo(*size)), given)
        assert made.array().shape == (*size, 3)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_grey_picture_stays_exactly_neutral(networks, bits):
    grey = photo(24, 32, bits=bits)[..., :1]
    one = PublishedRestorer(DEVICE)(Picture.from_array(grey)).array()
    three = PublishedRestorer(DEVICE)(Picture.from_array(grey.repeat(3, axis=2))).array()
    assert (one.shape, three.shape) == ((24, 32), (24, 32, 3))
    assert one.dtype == three.dtype == grey.dtype
    assert (three == one[..., None]).all()


def test_profile_metadata_and_transparency_are_kept(networks):
    original = Picture.from_array(photo(24, 32, channels=4))
    original.colour = original.colour.__class__(3, icc_profile(primaries="adobe"))
    original.metadata = original.metadata.__class__(xmp=b"<x/>")
    made = PublishedRestorer(DEVICE)(original)
    assert made.profile == original.profile
    assert made.xmp == b"<x/>"
    assert (made.array()[..., 3] == original.array()[..., 3]).all()


def test_the_brightness_of_a_result_is_not_stretched(networks):
    networks[module.CLEAN].decoder[-2].weight.data *= 0.01  # little contrast
    keep(module.CLEAN, networks[module.CLEAN])
    made = PublishedRestorer(DEVICE)(Picture.from_array(photo(24, 32))).read()
    assert made.max() - made.min() < 0.2


def test_without_damage_in_the_mask_nothing_is_filled(networks):
    picture = Picture.from_array(photo(24, 32))
    empty = Picture.from_array(np.zeros((24, 32), np.uint8))
    restorer = PublishedRestorer(DEVICE)
    assert (restorer(picture, empty).array() == restorer(picture).array()).all()


def test_a_mask_of_another_size_is_refused(networks):
    with pytest.raises(OptionError, match="mask has 31 x 24 pixels, the photograph 32 x 24"):
        PublishedRestorer(DEVICE)(Picture.from_array(photo(24, 32)), scratched(24, 31))


def test_a_mask_without_a_filling_is_refused(networks):
    with pytest.raises(OptionError, match="without a filling"):
        PublishedRestorer(DEVICE, filling=None)(Picture.from_array(photo(32, 32)), scratched(32, 32))


def test_every_step_is_told_to_its_end(networks):
    picture = Picture.from_array(photo(45, 51))
    for filling in FILLINGS:
        for mask in (None, scratched(45, 51)):
            told = []
            PublishedRestorer(DEVICE, filling=filling)(picture, mask, progress=told.append)
            ends = {progress.step: (progress.done, progress.total) for progress in told}
            assert list(ends) == ["encoding", "translating", "decoding"]
            assert all(done == total > 0 for done, total in ends.values())


def test_a_callback_stops_the_work(networks):
    def stop(progress):
        if progress.step == "translating" and progress.done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        PublishedRestorer(DEVICE)(Picture.from_array(photo(24, 32)), progress=stop)


def test_networks_are_loaded_once(networks, monkeypatch):
    loaded = []
    real = module.weights.load
    monkeypatch.setattr(module.weights, "load", lambda name: loaded.append(name) or real(name))
    restorer = PublishedRestorer(DEVICE)
    for mask in (None, None, scratched(32, 32)):
        restorer(Picture.from_array(photo(32, 32)), mask)
    assert sorted(loaded) == sorted({*module.models(None), *module.models("attention")})


def test_weights_that_are_missing_are_named_at_once_with_the_command_that_fetches_them(networks):
    for name in ("microsoft-mapping-quality", "microsoft-vae-b-scratch"):
        (weights_folder() / f"{name}.safetensors").unlink()
    with pytest.raises(WeightsNotFound) as caught:
        PublishedRestorer(DEVICE)
    message = str(caught.value)
    assert str(weights_folder()) in message
    assert "`daguerre models fetch microsoft-mapping-quality microsoft-vae-b-scratch`" in message
    assert len(message.splitlines()) == 1


def test_restoring_fills_by_attention_or_patches_as_asked(networks):
    picture, mask = Picture.from_array(photo(64, 64)), scratched(64, 64)
    mask.save("mask.png")
    for model, filling in (("microsoft", "attention"), ("microsoft-patches", "patches")):
        made = Restorer(model=model, scratches="mask.png", faces="off", device="cpu")(picture)
        expected = PublishedRestorer(DEVICE, filling=filling)(picture, mask)
        assert (made.picture.array() == expected.array()).all()
        assert set(module.models(filling)) <= set(made.record.models)


def test_restoring_names_the_detector_among_what_is_missing(desk):
    with pytest.raises(WeightsNotFound) as caught:
        Restorer(model="microsoft")
    named = set(str(caught.value).replace("`", "").split())
    assert {*module.models(None), *module.models("attention"), module.DETECTOR, "microsoft-face-256"} < named


def test_faces_are_redrawn_by_the_published_network_as_well_and_the_record_says_so(networks, monkeypatch):
    # Random networks would leave no face to be found.
    monkeypatch.setattr(PublishedRestorer, "__call__", lambda restorer, photo, mask, progress: photo)
    header = WeightsHeader(name="face", task="faces", network="FaceGenerator", arguments=FACE)
    write(weights_folder() / "microsoft-face-256.safetensors", FaceGenerator(**FACE).state_dict(), header, half=False)
    astronaut = Picture.open(ASTRONAUT)
    made = Restorer(model="microsoft", scratches="off", face_limit=100.0, device="cpu")(astronaut)
    assert [face.fate for face in made.faces] == ["refined"]
    assert "microsoft-face-256" in made.record.models
    assert made.record.source_type == "compositeWithTrainedAlgorithmicMedia"


def test_the_networks_compute_in_float32_whatever_the_device_prefers(networks):
    picture = Picture.from_array(photo(24, 32))
    half = Device(torch.device("cpu"), torch.bfloat16)
    assert (PublishedRestorer(half)(picture).array() == PublishedRestorer(DEVICE)(picture).array()).all()


@pytest.mark.parametrize("elements", [2**22, 2000])
def test_the_detector_sees_the_picture_at_full_size(networks, monkeypatch, elements):
    monkeypatch.setattr(module, "Streaming", lambda **how: Streaming(elements=elements, memory=4000, **how))
    picture = Picture.from_array(photo(45, 51))
    with torch.inference_mode():
        logits = networks[module.DETECTOR](F.pad(picture.read(), (0, 1, 0, 3), mode="reflect"))
    told = []
    canvas = PublishedDetector(DEVICE)(picture, progress=told.append)
    made = canvas.picture().read()[:, :1]
    torch.testing.assert_close(made, logits.sigmoid()[..., :45, :51], rtol=0, atol=0.51 / 255)
    assert {progress.step for progress in told} == {"finding scratches"}
    assert told[-1].done == told[-1].total


@pytest.mark.parametrize("size", [(1, 1), (5, 40)])
def test_the_detector_takes_pictures_of_any_size(networks, size):
    canvas = PublishedDetector(Device(torch.device("cpu"), torch.bfloat16))(Picture.from_array(photo(*size)))
    assert canvas.picture().array().shape == size


def test_a_missing_detector_is_named(desk):
    with pytest.raises(WeightsNotFound, match="daguerre models fetch microsoft-scratch-detection"):
        PublishedDetector(DEVICE)
