import functools
import math

import numpy as np
import pytest
import pyvips
import torch

from daguerre import weights
from daguerre.errors import Cancelled, OptionError, PictureError, WeightsDamaged
from daguerre.images import Picture
from daguerre.images.pixels import luma
from daguerre.images.resize import read_resized
from daguerre.networks.style_transformer import AnyStyle, StyleTransformer
from daguerre.progress import silent
from daguerre.tasks.result import records_of
from daguerre.tasks.stylization import feed_forward as fast_style
from daguerre.tasks.stylization.feed_forward import FeedForwardStylization, StyleSource
from daguerre.tasks.stylization.style_vector import StyleVector
from daguerre.tasks.stylization.stylizer import StylizeOptions, Stylizer, stylize
from daguerre.weights.checkpoint import WeightsHeader, write


def drawn(height, width, seed=0, colour=(1.0, 1.0, 1.0)):
    """Soft blobs with fine noise in a colour, (1, 3, height, width)."""
    generator = torch.Generator().manual_seed(seed)
    parts = [torch.rand(1, 3, height // s + 1, width // s + 1, generator=generator) for s in (1, 6, 20)]
    blobs = [torch.nn.functional.interpolate(part, (height, width), mode="bilinear") for part in parts]
    return torch.stack(blobs).mean(0) * torch.tensor(colour).view(1, 3, 1, 1)


@pytest.fixture
def photo():
    return Picture.from_tensor(drawn(49, 67))


@pytest.fixture
def style():
    return Picture.from_tensor(drawn(40, 50, seed=1, colour=(1.0, 0.5, 0.2)))


@pytest.fixture
def other():
    return Picture.from_tensor(drawn(45, 40, seed=2, colour=(0.2, 0.5, 1.0)))


@pytest.fixture
def brush(small_style):
    return StylizeOptions(precision="float32", device="cpu")


def painted(brush, photo, styles, **changes):
    return Stylizer(brush, style=styles, **changes)(photo).picture.read()


def apart(one, two):
    return (one - two).abs().mean().item()


def test_a_photograph_keeps_its_size_and_takes_the_style_it_is_given(photo, style, other, brush):
    first, again, second = (painted(brush, photo, look) for look in (style, style, other))
    assert first.shape == (1, 3, 49, 67)
    assert torch.equal(first, again)
    assert apart(first, second) > 0.01


@pytest.mark.parametrize("size", [(49, 67), (64, 64), (33, 150), (150, 35)])
def test_a_streamed_picture_is_painted_as_it_is_whole(size, style, brush, monkeypatch):
    photo = Picture.from_tensor(drawn(*size).mul(65535).round().div(65535))
    content = Stylizer(brush, style=style)
    vector = content.vector()

    def result():
        strips = content.networks.strips(photo, photo.read, vector, lambda event: None)
        return torch.cat([strip for _, strip in strips], dim=2)

    whole = result()
    monkeypatch.setattr(fast_style, "MAX_WHOLE_PIXELS", 0)
    by_row = functools.partial(fast_style.Streaming, elements=1, memory=0)
    monkeypatch.setattr(fast_style, "Streaming", by_row)
    by_rows = result()
    assert whole.shape == by_rows.shape == (1, 3, *size)
    torch.testing.assert_close(by_rows, whole, rtol=0, atol=1e-4)


def test_strength_goes_from_the_photographs_own_look_to_the_style(photo, style, brush):
    own, weak, strong, full = (painted(brush, photo, style, strength=s) for s in (0.01, 0.3, 0.7, 1.0))
    assert apart(own, weak) < apart(own, strong) < apart(own, full)
    alike = painted(brush, photo, photo)
    assert apart(own, alike) < 0.1 * apart(own, full)


def test_styles_are_mixed_by_their_shares(photo, style, other, brush):
    first, both, second = (painted(brush, photo, [style, other], share=s) for s in ((1, 0), (1, 1), (0, 1)))
    assert torch.equal(first, painted(brush, photo, style))
    assert apart(first, both) < apart(first, second)
    assert apart(both, second) < apart(first, second)


def test_a_vector_serves_like_the_picture_it_was_made_of(photo, style, other, brush, tmp_path):
    vector = Stylizer(brush, style=style).vector()
    vector.save(tmp_path / "style.json")
    expected = painted(brush, photo, style)
    assert torch.equal(painted(brush, photo, vector), expected)
    assert torch.equal(painted(brush, photo, tmp_path / "style.json"), expected)
    mixture = Stylizer(brush, style=[style, other], share=(3, 1)).vector()
    assert apart(painted(brush, photo, mixture), painted(brush, photo, [style, other], share=(3, 1))) < 1 / 255


def test_the_photographs_colours_can_be_kept(photo, style, brush):
    kept = painted(brush, photo, style, colours="luminance")
    assert apart(luma(kept), luma(photo.read())) > 0.01
    inside = ((kept > 0.02) & (kept < 0.98)).all(dim=1)[0]
    chroma, original = ((image - luma(image))[..., inside] for image in (kept, photo.read()))
    torch.testing.assert_close(chroma, original, rtol=0, atol=0.01)
    assert apart(painted(brush, photo, style, colours="match"), painted(brush, photo, style)) > 0.001


def test_grey_16_bits_transparency_and_profile_survive(style, brush, tmp_path):
    levels = (drawn(48, 48)[0, 0].numpy() * 65535).astype(np.uint16)
    grey = Picture.from_array(levels)
    assert (Stylizer(brush, style=style)(grey).picture.grey, Stylizer(brush, style=style)(grey).picture.bits) == (
        False,
        16,
    )
    assert Stylizer(brush, style=style, colours="luminance")(grey).picture.grey
    alpha = torch.zeros(1, 1, 48, 48)
    alpha[..., 10:, :] = 0.5
    path = tmp_path / "photo.png"
    image = pyvips.Image.new_from_array(Picture.from_tensor(drawn(48, 48), alpha=alpha).array())
    profile = pyvips.Image.profile_load("p3")
    image.copy(interpretation="srgb").write_to_file(str(path), profile="p3")
    made = Stylizer(brush, style=style)(path).picture
    assert made.profile == profile
    torch.testing.assert_close(made.read_alpha(), Picture.open(path).read_alpha())


def test_each_style_is_painted_under_its_mask_and_the_photograph_stays_elsewhere(photo, style, other, brush, tmp_path):
    mask = torch.zeros(1, 3, 49, 67)
    mask[..., :30] = 1
    paths = [tmp_path / "left.png", tmp_path / "right.png"]
    for path, picture in zip(paths, (mask, mask.flip(-1)), strict=True):
        Picture.from_tensor(picture).save(path)
    left = painted(brush, photo, style, mask=(paths[0],))
    assert torch.equal(left[..., 32:], photo.read()[..., 32:])
    assert apart(left[..., :28], painted(brush, photo, style)[..., :28]) < 1 / 255
    both = painted(brush, photo, [style, other], mask=tuple(paths))
    assert apart(both[..., :28], painted(brush, photo, style)[..., :28]) < 1 / 255
    assert apart(both[..., -28:], painted(brush, photo, other)[..., -28:]) < 1 / 255
    assert torch.equal(both[..., 32:35], photo.read()[..., 32:35])
    one = painted(brush, photo, [style, other], mask=tuple(paths), share=(0.0, 1.0))
    assert torch.equal(one[..., :28], photo.read()[..., :28])


def test_matched_colours_are_those_that_are_visible(photo, style, brush):
    hidden = torch.ones(1, 1, 49, 67)
    hidden[..., 34:] = 0
    covered = Picture.from_tensor(torch.cat([photo.read()[..., :34], torch.zeros(1, 3, 49, 33)], 3), alpha=hidden)
    alone = Picture.from_tensor(photo.read()[..., :34])
    looks = [
        fast_style.style_vector_of(StyleSource(style, ""), matched, brush_of(brush), content)
        for matched in [StylizeOptions(colours="match")]
        for content in (covered, alone, photo)
    ]
    near, far = (np.linalg.norm(np.subtract(looks[1].values, looks[n].values)) for n in (0, 2))
    assert near < 0.2 * far


def test_strokes_of_another_size_are_painted_on_a_photograph_of_another_size(photo, style, brush):
    half = Picture.from_tensor(read_resized(photo, 24, 34)[0])
    vector = Stylizer(brush, style=style).vector()
    small = FeedForwardStylization(half, [StyleSource(vector, "")], brush, brush_of(brush)).picture(silent)
    expected = read_resized(small, 49, 67)[0]
    assert apart(painted(brush, photo, vector, style_scale=2), expected) < 0.01  # one is of 8 bits in between
    fine = painted(brush, photo, style, style_scale=0.5)
    assert fine.shape == (1, 3, 49, 67)
    assert apart(fine, painted(brush, photo, style)) > 0.005


def brush_of(options):
    return Stylizer(options, style=StyleVector(values=(0.0,) * 5)).networks


def test_transparent_parts_of_a_style_do_not_count(style, brush):
    alpha = torch.ones(1, 1, 40, 100)
    alpha[..., 50:] = 0
    hidden = torch.cat([style.read(), torch.zeros(1, 3, 40, 50)], dim=3)
    pictures = [style, Picture.from_tensor(hidden, alpha=alpha), Picture.from_tensor(hidden)]
    plain, seen, all_of_it = (np.array(Stylizer(brush, style=picture).vector().values) for picture in pictures)
    assert np.linalg.norm(plain - seen) < 0.3 * np.linalg.norm(plain - all_of_it)


def test_optimisation_can_start_from_one_pass(photo, style, brush, narrow_vgg):
    layers = ("relu1_1", "relu2_1", "relu3_1")
    how = {"method": "optimize", "steps": 1, "scales": 1, "style_layers": layers, "content_layers": ("relu2_2",)}
    started = Stylizer(brush, style=style, start="fast", **how)(photo)
    assert apart(started.picture.read(), painted(brush, photo, style)) < 0.05
    assert started.history[0].content > 0.01
    assert set(started.record.models) == {"any-style", "vgg19-taught"}


def test_a_large_beginning_from_one_pass_is_streamed(photo, style, brush, monkeypatch):
    painting = FeedForwardStylization(photo, [StyleSource(style, "")], brush, brush_of(brush))
    large = torch.from_numpy(drawn(64, 80).numpy())
    whole = painting.initial(large)
    monkeypatch.setattr(fast_style, "MAX_WHOLE_PIXELS", 100)
    monkeypatch.setattr(painting.networks, "transform", None)
    torch.testing.assert_close(painting.initial(large), whole, rtol=0, atol=1e-3)


def test_the_file_says_what_was_done(photo, style, brush, tmp_path):
    style.save(tmp_path / "painting.png")
    made = Stylizer(brush, style=(tmp_path / "painting.png",), strength=0.5)(photo)
    (step,) = records_of(made.save(tmp_path / "out.png"))
    assert (step["task"], step["options"]["style"]) == ("stylize", ["painting.png"])
    assert step["models"] == {"any-style": weights.checksum("any-style")}
    assert step["source_type"] == "trainedAlgorithmicMedia"
    kept = Stylizer(brush, style=style, colours="luminance")(photo)
    assert kept.record.source_type == "compositeWithTrainedAlgorithmicMedia"


def test_progress_is_told_and_may_cancel(photo, style, brush, monkeypatch):
    monkeypatch.setattr(fast_style, "MAX_WHOLE_PIXELS", 0)
    seen = []

    def progress(event):
        seen.append(event)
        if event.done > 0:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        Stylizer(brush, style=style)(photo, progress=progress)
    assert 0 < seen[-1].done < seen[-1].total


def test_one_call_paints_in_one_pass(photo, style, small_style, tmp_path):
    style.save(tmp_path / "painting.png")
    result = stylize(photo.array(), str(tmp_path / "painting.png"), strength=0.7)
    assert (result.height, result.width) == (49, 67)


@pytest.mark.parametrize("size", [(1, 5000), (31, 64)])
def test_a_photograph_too_small_is_refused(size, style, brush):
    with pytest.raises(PictureError, match=rf"has {size[1]} x {size[0]} pixels, too few to paint"):
        Stylizer(brush, style=style)(Picture.from_tensor(torch.rand(1, 3, *size)))


def test_vectors_for_another_network_are_refused(photo, style, brush, desk):
    with pytest.raises(OptionError, match="short has 2 numbers, but any-style needs 5"):
        Stylizer(brush, style=StyleVector(values=(1.0, 2.0), name="short"))
    with pytest.raises(OptionError, match="wave was made for another network than any-style"):
        Stylizer(brush, style=StyleVector(values=(1.0,) * 5, name="wave", model="abc"))
    vector = StyleVector(values=(1.0,) * 5, name="wave")
    with pytest.raises(OptionError, match="wave is a style vector, which cannot be recoloured"):
        Stylizer(brush, style=vector, colours="match")
    with pytest.raises(OptionError, match="wave is a style vector, which serves one pass only"):
        Stylizer(brush, style=vector, method="optimize")
    vector.save(desk / "mine.json")
    with pytest.raises(OptionError, match=r"mine\.json is a style vector, which serves one pass only"):
        Stylizer(brush, style=desk / "mine.json", method="optimize")
    with pytest.raises(OptionError, match="no one style vector to save"):
        Stylizer(brush, style=style, colours="match").vector()


def test_a_transformer_alone_paints_by_vectors_alone(photo, style, brush, desk):
    torch.manual_seed(1)
    arguments = {"style": 5, "features": 4, "blocks": 1}
    header = WeightsHeader(name="alone", task="stylize", network="StyleTransformer", arguments=arguments)
    state = StyleTransformer(**arguments).state_dict()
    write(desk.parent / "weights" / "alone.safetensors", state, header)
    vector = StyleVector(values=(0.5, -1.0, 0.0, 1.0, 2.0))
    assert painted(brush, photo, vector, model="alone").shape == (1, 3, 49, 67)
    for styles, strength in ((style, 1.0), (vector, 0.5)):
        with pytest.raises(OptionError, match=r"alone paints by style vectors alone.*as --style, with --strength 1"):
            Stylizer(brush, style=styles, strength=strength, model="alone")


def test_weights_that_hold_nothing_are_refused(photo, style, brush, desk):
    arguments = {"style": 5, "features": 4, "blocks": 1, "width": 1 / 32, "hidden": 4}
    state = AnyStyle(**arguments).state_dict()
    path = desk.parent / "weights" / "any-style.safetensors"
    header = WeightsHeader(name="any-style", task="stylize", network="AnyStyle", arguments=arguments)
    broken = state | {"predictor.linear.bias": torch.full((5,), math.nan)}
    with pytest.raises(WeightsDamaged, match="NaN"):
        write(path, broken, header)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(WeightsDamaged):
        Stylizer(brush, style=style)(photo)


def test_one_pass_has_no_stages(photo, style, brush):
    with pytest.raises(OptionError, match="one pass has no stages"):
        Stylizer(brush, style=style)(photo, stages=[1], on_stage=print)
