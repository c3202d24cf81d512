import math

import pytest
import torch

from daguerre.errors import OptionError
from daguerre.images.pixels import luma
from daguerre.tasks.stylization.options import StylizeOptions, composite, layer_weights, without_colours


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"content_weight": math.nan}, "content_weight is nan; it must lie between 0 and 1e"),
        ({"style_weight": -1.0}, "style_weight is -1"),
        ({"variation_weight": math.inf}, "variation_weight is inf"),
        ({"content_weight": 0, "style_weight": 0}, "nothing to paint"),
        ({"strength": 0}, "strength is 0; it must lie between 0.01 and 1"),
        ({"steps": 0}, "steps is 0"),
        ({"share": (0.0, 0.0)}, "every share is 0"),
        ({"share": (math.nan,)}, "share is nan"),
        ({"style_layers": ("relu6_1",)}, "style_layers: VGG-19 has no layer 'relu6_1'; it has conv1_1, .*, pool5"),
        ({"content_layers": ()}, "content_layers names no layer that counts"),
        ({"style_layers": ("relu1_1=nan",)}, "the weight of relu1_1 is nan"),
        ({"style_layers": ("relu1_1=much",)}, "the weight of relu1_1 is 'much', which is no number"),
        ({"style_layers": ("relu1_1=0",)}, "names no layer that counts"),
        ({"model": "compact-x4"}, "model applies only to the fast method; leave it out"),
    ],
)
def test_options_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(OptionError, match=message):
        StylizeOptions(method="optimize", **changes)


@pytest.mark.parametrize("change", [{"steps": 10}, {"start": "noise"}, {"style_layers": ("relu1_1",)}, {"seed": 3}])
def test_what_only_optimisation_does_is_refused_in_one_pass(change):
    (name,) = change
    with pytest.raises(OptionError, match=f"{name} applies only to optimization"):
        StylizeOptions(**change)


def test_layers_have_the_weights_that_are_written_behind_them():
    assert layer_weights("style_layers", ["relu4_1", "conv1_2=0.5", "relu5_1=0"]) == {
        "relu4_1": 1,
        "conv1_2": 0.5,
        "relu5_1": 0,
    }


def test_only_light_and_dark_are_painted_and_only_where_it_is_wanted():
    original = torch.tensor([0.2, 0.4, 0.1]).view(1, 3, 1, 1).expand(1, 3, 1, 2)
    painted = torch.full((1, 3, 1, 2), 0.9)
    light = luma(original)
    options = StylizeOptions(colours="luminance")
    assert torch.equal(without_colours(original, options), light.repeat(1, 3, 1, 1))
    torch.testing.assert_close(composite(original, painted, options, None), original + 0.9 - light)
    half = torch.tensor([0.0, 0.5]).view(1, 1, 1, 2)
    made = composite(original, painted, StylizeOptions(), half)
    torch.testing.assert_close(made[0, :, 0].T, torch.tensor([[0.2, 0.4, 0.1], [0.55, 0.65, 0.5]]))
