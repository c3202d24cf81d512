import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from daguerre.images.resample import resample_axis, resize_bicubic, support


def keys(x):
    x = abs(x)
    return 1.5 * x**3 - 2.5 * x**2 + 1 if x <= 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0


def test_shrinking_by_four_is_the_sum_that_matlab_forms():
    # imresize(x, [1 6], "bicubic"), written as the sum in its definition: the kernel four times as wide, x mirrored.
    line = torch.rand(24, dtype=torch.float64).tolist()
    expected = []
    for position in range(6):
        centre = 4 * position + 1.5
        weights = {j: keys((centre - j) / 4) for j in range(-12, 36)}
        mirrored = [line[-1 - j if j < 0 else 47 - j if j > 23 else j] * weight for j, weight in weights.items()]
        expected.append(sum(mirrored) / sum(weights.values()))
    image = torch.tensor(line, dtype=torch.float64).view(1, 1, 1, 24).expand(1, 1, 4, 24)
    assert resize_bicubic(image, 1, 6)[0, 0, 0].tolist() == pytest.approx(expected)


def test_shrinking_by_four_gives_the_numbers_of_basicsr():
    # What `imresize(image, 1 / 4)` of BasicSR's matlab_functions.py (commit 323cc14) makes of this picture.
    theirs = [
        [0.220492, 0.454012, 0.526213, 0.537844, 0.559533, 0.420868],
        [0.588509, 0.537678, 0.439120, 0.506821, 0.464516, 0.514124],
        [0.559639, 0.532963, 0.501688, 0.506813, 0.482268, 0.491077],
        [0.479329, 0.528858, 0.573643, 0.560001, 0.503385, 0.476534],
        [0.483094, 0.532154, 0.530905, 0.513520, 0.479879, 0.520010],
    ]
    y, x = torch.arange(20.0)[:, None], torch.arange(24.0)
    image = (7 * y * y + 13 * x + 5 * x * y).remainder(256).div(255)[None, None]
    torch.testing.assert_close(resize_bicubic(image, 5, 6)[0, 0], torch.tensor(theirs), atol=2e-6, rtol=0)


def test_a_single_sample_enlarged_by_two_has_keys_weights():
    impulse = torch.zeros(1, 1, 1, 9, dtype=torch.float64)
    impulse[..., 4] = 1
    # Output samples lie a quarter of an input sample from input samples: Keys' kernel at 1/4, 3/4, 5/4, 7/4.
    keys = [0.8671875, 0.2265625, -0.0703125, -0.0234375]
    enlarged = resize_bicubic(impulse, 1, 18)[0, 0, 0]
    assert enlarged[9:13].tolist() == pytest.approx(keys)
    assert enlarged[5:9].tolist() == pytest.approx(keys[::-1])


@given(st.integers(1, 40), st.integers(1, 90))
def test_a_constant_picture_stays_constant(size, out_size):
    image = torch.full((1, 1, size, 1), 0.7, dtype=torch.float64)
    assert (resize_bicubic(image, out_size, 1) - 0.7).abs().max() < 1e-12


def test_the_same_size_changes_nothing():
    image = torch.rand(1, 3, 7, 9)
    assert (resize_bicubic(image, 7, 9) - image).abs().max() < 1e-6


def test_turning_the_picture_turns_the_result():
    image = torch.rand(1, 3, 20, 14)
    turned = resize_bicubic(image.flip(-1), 13, 9).flip(-1)
    assert (turned - resize_bicubic(image, 13, 9)).abs().max() < 1e-6


def test_agrees_with_torch_away_from_the_border():
    # torch cuts the kernel off at the border instead of mirroring the picture there.
    image = torch.rand(1, 3, 80, 64)
    theirs = torch.nn.functional.interpolate(image, (20, 16), mode="bicubic", antialias=True)
    assert (theirs - resize_bicubic(image, 20, 16))[..., 2:-2, 2:-2].abs().max() < 1e-5


@given(st.integers(3, 60), st.integers(2, 150), st.data())
def test_a_piece_is_made_from_its_support_alone(size, out_size, data):
    start = data.draw(st.integers(0, out_size - 1))
    stop = data.draw(st.integers(start + 1, out_size))
    axis = torch.rand(1, 1, size, 2, dtype=torch.float64)
    factor = out_size / size
    whole = resample_axis(axis, -2, factor, size=size, out_size=out_size, start=0, stop=out_size)
    first, last = support(size, out_size, factor, start, stop)
    piece = axis[..., first:last, :]
    made = resample_axis(piece, -2, factor, size=size, out_size=out_size, start=start, stop=stop, offset=first)
    assert (made - whole[..., start:stop, :]).abs().max() < 1e-12
