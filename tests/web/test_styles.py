import numpy as np
import pytest

from daguerre.web.gallery import GALLERY
from daguerre.web.styles import STYLES, draw_style


@pytest.mark.parametrize("name", ["waves", "woodcut", "glass", "mosaic", "hatching"])
def test_a_style_is_always_the_same_and_has_something_in_it(name):
    drawn = draw_style(name)
    assert drawn.shape == (512, 512, 3)
    assert drawn.dtype == np.uint8
    assert drawn.std() > 20
    assert np.array_equal(drawn, draw_style(name))


def test_the_gallery_names_what_can_be_drawn():
    assert tuple(STYLES) == GALLERY
