import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

from daguerre.errors import Cancelled, OptionError, PictureError, UnreadablePicture, WeightsDamaged
from daguerre.images import Picture
from daguerre.images.pixels import luma
from daguerre.networks.compact_resnet import CompactResNet
from daguerre.networks.vgg import VGG19
from daguerre.progress import silent
from daguerre.tasks.faces.detection import Face
from daguerre.tasks.result import records_of
from daguerre.tasks.stylization.optimization import Scale, Style, StyleOptimization
from daguerre.tasks.stylization.stylizer import StylizeOptions, Stylizer, film_steps, stylize
from daguerre.weights.checkpoint import WeightsHeader, write


def drawn(height, width, seed=0, channels=3):
    """Soft blobs with fine noise, (1, channels, height, width)."""
    generator = torch.Generator().manual_seed(seed)
    parts = [torch.rand(1, channels, height // s + 1, width // s + 1, generator=generator) for s in (1, 6, 20)]
    return torch.stack([torch.nn.functional.interpolate(p, (height, width), mode="bilinear") for p in parts]).mean(0)


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """A VGG-19 so narrow that it is quick; it tells all three colours apart."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "eyes.safetensors"
    header = WeightsHeader(name="eyes", task="features", network="VGG19", arguments={"width": 1 / 8})
    state = VGG19(width=1 / 8).state_dict()
    state["features.0.bias"][:3] = 3  # so that no colour is cut off by the activation
    state["features.0.weight"][:3] = 0
    for colour in range(3):
        state["features.0.weight"][colour, colour, 1, 1] = 1
    write(path, state, header)
    return str(path)


@pytest.fixture
def photo():
    return Picture.from_tensor(drawn(48, 67))


@pytest.fixture
def style():
    """Mostly orange, where the photograph is grey on the whole."""
    return Picture.from_tensor(drawn(40, 40, seed=1) * torch.tensor([1.0, 0.5, 0.2]).view(1, 3, 1, 1))


@pytest.fixture
def brush(features):
    """How the tests paint: quickly, and the same on every processor."""
    layers = ("relu1_1", "relu2_1", "relu3_1")
    how = {"style_layers": layers, "content_layers": ("relu2_2",), "content_weight": 0.1}
    return StylizeOptions(method="optimize", features=features, steps=12, precision="float32", rate=0.005, **how)


def test_the_style_comes_closer_and_the_photograph_keeps_its_size(photo, style, brush):
    painted = Stylizer(brush, style=style, start="noise", steps=40)(photo)
    assert (painted.picture.height, painted.picture.width) == (48, 67)
    assert [row.step for row in painted.history] == list(range(1, 41))
    assert painted.history[-1].style < 0.5 * painted.history[0].style


def test_the_photograph_begins_in_the_styles_colours(photo, style, brush):
    begun = Stylizer(brush, style=style, steps=1, rate=1e-4)(photo).picture.read()
    torch.testing.assert_close(begun.mean((0, 2, 3)), style.read().mean((0, 2, 3)), rtol=0, atol=0.02)
    a, b = ((luma(x) - luma(x).mean()).flatten() for x in (begun, photo.read()))
    assert torch.nn.functional.cosine_similarity(a, b, dim=0) > 0.9


def test_a_larger_size_begins_as_sharp_as_the_photograph(style, brush):
    photo = Picture.from_tensor(drawn(96, 134))
    painting = StyleOptimization(
        photo, [Style(style)], replace(brush, rate=1e-4, scales=2), Stylizer(brush, style=style).extractor
    )
    sizes = {row.width: painting.image.clone() for row in painting.steps(silent)}
    assert list(sizes) == [67, 134]
    whole = painting.in_style_colours(painting.photograph(Scale(96, 134, 1))[0])
    assert (painting.image.diff(dim=3).abs().mean() / whole.diff(dim=3).abs().mean()).item() == pytest.approx(
        1, abs=0.1
    )


def test_curvature_paints_without_a_rate(photo, style, brush):
    history = Stylizer(brush, style=style, optimizer="lbfgs", steps=6, scales=1)(photo).history
    assert len(history) == 6
    assert history[-1].total < 0.75 * history[0].total


def test_the_same_seed_paints_the_same_and_noise_is_another_beginning(photo, style, brush):
    how = {"start": "noise", "steps": 3}
    first, second, other = (Stylizer(brush, style=style, **how, seed=seed)(photo).picture.array() for seed in (5, 5, 6))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert Stylizer(brush, style=style, **how)(photo).history[0].content > 0.001


def test_noise_begins_in_the_styles_colours_fine_and_coarse(photo, style, brush):
    painting = StyleOptimization(
        photo, [Style(style)], replace(brush, start="noise"), Stylizer(brush, style=style).extractor
    )
    begun = painting.initial_image(photo.read())
    torch.testing.assert_close(begun.mean((0, 2, 3)), style.read().mean((0, 2, 3)), rtol=0, atol=0.02)
    coarse = torch.nn.functional.avg_pool2d(luma(begun), 8)
    assert 0.3 < (coarse.std() / luma(begun).std()).item() < 0.9
    luminance = replace(brush, start="noise", colours="luminance")
    grey = StyleOptimization(photo, [Style(style)], luminance, Stylizer(brush, style=style).extractor).initial_image(
        photo.read()
    )
    torch.testing.assert_close(grey[:, :1].expand(1, 3, -1, -1), grey, rtol=0, atol=1e-4)


def test_strength_goes_from_the_photograph_to_the_style(photo, style, brush):
    changes = [
        (Stylizer(brush, style=style, strength=strength)(photo).picture.read() - photo.read()).abs().mean().item()
        for strength in (0.3, 1.0)
    ]
    assert 0.005 < changes[0] < 0.8 * changes[1]


def test_the_photographs_colours_can_be_kept(photo, style, brush):
    kept = Stylizer(brush, style=style, colours="luminance")(photo).picture.read()
    assert (luma(kept) - luma(photo.read())).abs().mean() > 0.01
    inside = ((kept > 0.02) & (kept < 0.98)).all(dim=1)[0]  # where no colour was cut off
    chroma, original = ((image - luma(image))[..., inside] for image in (kept, photo.read()))
    torch.testing.assert_close(chroma, original, rtol=0, atol=0.01)
    pictures = [Stylizer(brush, style=style, colours=colours)(photo).picture for colours in ("match", "style")]
    matched, taken = ((image.read() - photo.read()).mean((0, 2, 3)).norm() for image in pictures)
    assert matched < 0.5 * taken


def test_a_grey_photograph_becomes_coloured_unless_its_colours_are_kept(style, brush, tmp_path):
    grey = Picture.from_array((drawn(48, 48, channels=1)[0, 0].numpy() * 65535).astype(np.uint16))
    painted = Stylizer(brush, style=style)(grey).picture
    assert (painted.grey, painted.bits) == (False, 16)
    assert Stylizer(brush, style=style, colours="match")(grey).picture.grey
    saved = Stylizer(brush, style=style, colours="luminance")(grey).save(tmp_path / "grey.png")
    assert pyvips.Image.new_from_file(str(saved)).bands == 1


def test_transparency_and_what_the_file_says_survive(style, brush, tmp_path):
    alpha = torch.zeros(1, 1, 48, 48)
    alpha[..., 10:, :] = 0.5
    path = tmp_path / "photo.png"
    image = pyvips.Image.new_from_array(Picture.from_tensor(drawn(48, 48), alpha=alpha).array())
    profile = pyvips.Image.profile_load("p3")
    image.copy(interpretation="srgb").write_to_file(str(path), profile="p3")
    painted = Stylizer(brush, style=style)(path)
    assert painted.picture.profile == profile
    torch.testing.assert_close(painted.picture.read_alpha(), Picture.open(path).read_alpha())


def test_outside_the_masks_the_photograph_stays(photo, style, brush, tmp_path):
    mask = torch.zeros(1, 3, 48, 67)
    mask[..., :30] = 1
    paths = [tmp_path / "left.png", tmp_path / "right.png"]
    for path, picture in zip(paths, (mask, mask.flip(-1)), strict=True):
        Picture.from_tensor(picture).save(path)
    painted = Stylizer(brush, style=style, mask=(paths[0],))(photo).picture.read()
    assert torch.equal(painted[..., 32:], photo.read()[..., 32:])
    assert (painted - photo.read())[..., :28].abs().mean() > 0.02
    other = Picture.from_tensor(drawn(40, 40, seed=2) * torch.tensor([0.2, 0.5, 1.0]).view(1, 3, 1, 1))
    both = Stylizer(brush, style=[style, other], mask=tuple(paths))(photo).picture.read()
    left, right = both[..., :28].mean((0, 2, 3)), both[..., -28:].mean((0, 2, 3))
    assert left[0] - left[2] > 0.1 > -0.1 > right[0] - right[2]
    one = Stylizer(brush, style=[style, other], mask=tuple(paths), share=(0.0, 1.0))(photo).picture.read()
    assert torch.equal(one[..., :28], photo.read()[..., :28])


def test_styles_are_mixed_by_their_shares(photo, style, brush):
    other = Picture.from_tensor(drawn(40, 40, seed=2) * torch.tensor([0.2, 0.5, 1.0]).view(1, 3, 1, 1))
    warmth = []
    for share in ((1.0, 0.0), (1.0, 1.0), (0.0, 1.0)):
        mean = Stylizer(brush, style=[style, other], share=share)(photo).picture.read().mean((0, 2, 3))
        warmth.append((mean[0] - mean[2]).item())
    assert warmth[0] > warmth[1] + 0.05 > warmth[2] + 0.1


def test_the_size_of_the_strokes_is_that_of_the_style_looked_at(photo, brush):
    style = Picture.from_tensor(drawn(200, 200, seed=1))
    first = [Stylizer(brush, style=style, steps=1, style_scale=s)(photo).history[0].style for s in (0.5, 1.0, 2.0)]
    assert len(set(first)) == 3


def test_a_picture_is_painted_the_same_through_windows(style, brush):
    photo = Picture.from_tensor(drawn(150, 170))
    painted = []
    for allowed in (2**30, 0):
        stylizer = Stylizer(brush, style=style, steps=2, scales=1)
        stylizer.extractor.allowed = allowed
        painted.append(stylizer(photo).picture.read())
    assert (painted[0] - painted[1]).abs().mean() < 1 / 255


def test_stages_and_frames_show_the_making(photo, style, brush):
    stages = {}
    painted = Stylizer(brush, style=style)(photo, stages=[1, 5, 12], frames=4, on_stage=stages.__setitem__)
    assert list(stages) == ["step 1", "step 5", "step 12"]
    left = [(p.read() - painted.picture.read()).abs().mean() for p in stages.values()]
    assert left[0] > left[1] > left[2] == 0
    assert np.array_equal(stages["step 12"].array(), painted.picture.array())
    assert [frame.shape for frame in painted.frames] == [(1, 3, 48, 67)] * 4


def test_the_film_ends_with_the_result_in_the_colours_and_places_that_were_asked_for(photo, style, brush, tmp_path):
    mask = torch.zeros(1, 3, 48, 67)
    mask[..., :30] = 1
    Picture.from_tensor(mask).save(tmp_path / "left.png")
    painted = Stylizer(brush, style=style, colours="luminance", mask=(tmp_path / "left.png",))(photo, frames=3)
    torch.testing.assert_close(painted.frames[-1], painted.picture.read(), rtol=0, atol=0.51 / 255)


def test_protected_faces_are_protected_in_stages_and_film_too(style, brush, monkeypatch):
    found = [Face(20, 15, 20)]
    monkeypatch.setattr("daguerre.tasks.stylization.face_protection.FaceFinder", lambda **how: lambda picture: found)
    photo = Picture.from_tensor(drawn(48, 67))
    stages = {}
    stylizer = Stylizer(brush, style=style, protect_faces=1.0)
    painted = stylizer(photo, stages=[12], frames=2, on_stage=stages.__setitem__)
    face = (..., slice(20, 30), slice(25, 35))
    torch.testing.assert_close(painted.picture.read()[face], photo.read()[face], rtol=0, atol=1 / 255)
    assert np.array_equal(stages["step 12"].array(), painted.picture.array())
    torch.testing.assert_close(painted.frames[-1], painted.picture.read(), rtol=0, atol=1.1 / 255)


def test_a_stage_is_saved_with_its_own_step_in_the_record(photo, style, brush, tmp_path):
    stages = {}
    Stylizer(brush, style=style)(photo, stages=[3], on_stage=stages.__setitem__)
    (step,) = records_of(stages["step 3"].save(tmp_path / "3.png"))
    assert step["measured"]["steps"] == 3


def test_films_have_more_frames_of_the_beginning():
    assert sorted(film_steps(100, 5)) == [4, 16, 36, 64, 100]
    assert max(film_steps(3, 60)) == 3
    assert film_steps(300, 0) == set()


def test_painting_can_end_early_and_keeps_what_there_is(photo, style, brush):
    asked = []

    def enough():
        asked.append(True)
        return len(asked) == 4

    painted = Stylizer(brush, style=style)(photo, enough=enough)
    assert len(painted.history) == 4
    assert painted.record.measured["steps"] == 4
    assert painted.picture.height == 48


def test_ended_at_a_small_size_the_picture_is_as_sharp_as_the_photograph(style, brush):
    photo = Picture.from_tensor(drawn(96, 134))
    how = {"rate": 1e-4, "scales": 2}
    early = Stylizer(brush, style=style, **how)(photo, enough=lambda: True).picture.read()
    whole = Stylizer(brush, style=style, **how, steps=2)(photo).picture.read()
    assert (early.diff(dim=3).abs().mean() / whole.diff(dim=3).abs().mean()).item() == pytest.approx(1, abs=0.1)


def test_ended_early_the_best_picture_is_kept_not_the_last(photo, style, brush):
    """Steps far too long: the first makes everything worse."""
    how = {"rate": 0.5, "scales": 1, "style_weight": 0.0, "variation_weight": 0.0}
    stages = {}
    stylizer = Stylizer(brush, style=style, **how)
    painted = stylizer(photo, enough=lambda: True, stages=[1], on_stage=stages.__setitem__)
    begun = Stylizer(brush, style=style, **how | {"rate": 1e-4})(photo, enough=lambda: True).picture.read()
    assert (stages["step 1"].read() - begun).abs().mean() > 0.1
    assert (painted.picture.read() - begun).abs().mean() < 0.001
    assert painted.record.measured["content_loss"] == round(painted.history[0].content, 4)


def test_progress_tells_the_losses_and_may_cancel(photo, style, brush):
    seen = []

    def progress(event):
        seen.append(event)
        if len(seen) == 3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        Stylizer(brush, style=style)(photo, progress=progress)
    assert seen[0].done == 0 < seen[1].done < seen[2].done < seen[2].total
    assert "step 2 of 12" in seen[2].note
    assert "style" in seen[2].note


def test_the_file_says_what_was_done(photo, style, brush, tmp_path):
    style.save(tmp_path / "painting.png")
    painted = Stylizer(brush, style=(tmp_path / "painting.png",), strength=0.5)(photo)
    (step,) = records_of(painted.save(tmp_path / "out.png"))
    assert step["task"] == "stylize"
    assert step["source_type"] == "trainedAlgorithmicMedia"
    assert step["options"]["style"] == ["painting.png"]
    assert step["options"]["strength"] == 0.5
    assert len(step["models"]["eyes.safetensors"]) == 64
    assert step["options"]["features"] == "eyes.safetensors"
    assert "/" not in json.dumps(step)


def test_one_call_paints_files_arrays_and_pictures(photo, style, brush, tmp_path):
    style.save(tmp_path / "painting.png")
    result = stylize(photo.array(), str(tmp_path / "painting.png"), method="optimize", features=brush.features, steps=1)
    assert (result.height, result.width) == (48, 67)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (torch.rand(1, 3, 31, 90), "has 90 x 31 pixels, too few for a style; each side needs 32"),
        (torch.full((1, 3, 50, 50), 0.4), "has one colour all over, so there is no style in it"),
    ],
)
def test_a_picture_without_style_is_refused(made, message):
    with pytest.raises(PictureError, match=message):
        Stylizer(style=Picture.from_tensor(made))


def test_a_transparent_style_is_refused():
    with pytest.raises(PictureError, match="is fully transparent, so there is no style in it"):
        Stylizer(style=Picture.from_tensor(torch.rand(1, 3, 40, 40), alpha=torch.zeros(1, 1, 40, 40)))


def test_what_shows_one_pixel_or_nothing_is_refused(photo, style, brush):
    alpha = torch.zeros(1, 1, 48, 48)
    with pytest.raises(PictureError, match="is fully transparent, so there is nothing to paint"):
        Stylizer(brush, style=style)(Picture.from_tensor(drawn(48, 48), alpha=alpha))
    alpha[..., 20, 20] = 1
    with pytest.raises(PictureError, match="one colour all over"):
        Stylizer(brush, style=Picture.from_tensor(drawn(48, 48), alpha=alpha))


def test_transparent_parts_of_a_style_do_not_count(photo, style, brush):
    alpha = torch.ones(1, 1, 40, 80)
    alpha[..., 40:] = 0
    hidden = torch.cat([style.read(), torch.zeros(1, 3, 40, 40)], dim=3)
    pictures = [style, Picture.from_tensor(hidden, alpha=alpha), Picture.from_tensor(hidden)]
    how = {"steps": 1, "scales": 1, "style_layers": ("relu1_1",), "style_scale": 10.0}
    first = [Stylizer(brush, style=picture, **how)(photo).history[0].style for picture in pictures]
    assert abs(first[0] - first[1]) < 0.2 * abs(first[0] - first[2])


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (31, 64)])
def test_a_photograph_too_small_is_refused(size, style, brush):
    photo = Picture.from_tensor(torch.rand(1, 3, *size))
    with pytest.raises(PictureError, match=rf"has {size[1]} x {size[0]} pixels, too few to paint; each side needs 32"):
        Stylizer(brush, style=style)(photo)


def test_a_missing_style_is_reported(tmp_path):
    with pytest.raises(UnreadablePicture, match="nowhere"):
        Stylizer(style=(tmp_path / "nowhere.jpg",))
    with pytest.raises(OptionError, match="name at least one picture whose style to take"):
        Stylizer()


def test_there_must_be_a_share_and_a_mask_for_each_style(style, tmp_path):
    with pytest.raises(OptionError, match="share has 2 values for 1 styles; give one for each"):
        Stylizer(style=style, share=(1.0, 2.0))
    black = Picture.from_tensor(torch.zeros(1, 3, 20, 20)).save(tmp_path / "black.png")
    with pytest.raises(OptionError, match="mask has 1 values for 2 styles"):
        Stylizer(style=[style, style], mask=(black,))
    with pytest.raises(OptionError, match=r"the mask black\.png is black all over"):
        Stylizer(style=style, mask=(black,))


def test_a_stage_after_the_last_step_is_refused(photo, style, brush):
    with pytest.raises(OptionError, match="stage 500 is not among the 12 steps"):
        Stylizer(brush, style=style)(photo, stages=[1, 500], on_stage=print)
    with pytest.raises(ValueError, match="stages are given to on_stage; name both"):
        Stylizer(brush, style=style)(photo, stages=[1])


def test_weights_of_another_network_are_refused(photo, style, brush, tmp_path):
    path = tmp_path / "compact.safetensors"
    arguments = {"scale": 2, "features": 4, "blocks": 1}
    header = WeightsHeader(name="compact", task="upscale", network="CompactResNet", arguments=arguments, scale=2)
    write(path, CompactResNet(**arguments).state_dict(), header)
    with pytest.raises(OptionError, match="is a CompactResNet; stylising needs a VGG19"):
        Stylizer(brush, style=style, features=str(path))(photo)


def test_damaged_weights_are_reported(photo, style, brush, tmp_path, features):
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(Path(features).read_bytes()[:-100])
    with pytest.raises(WeightsDamaged):
        Stylizer(brush, style=style, features=str(path))(photo)
