import pytest

from daguerre.errors import RecipeError
from daguerre.web.recipes import steps_in


def test_files_are_looked_for_among_what_is_here():
    text = b"""
    [[step]]
    task = "restore"
    scratches = "../masks/mask.png"
    [[step]]
    task = "restore"
    scratches = "off"
    [[step]]
    task = "stylize"
    style = ["/home/me/waves.png"]
    """
    assert steps_in(text) == [
        {"task": "restore", "scratches": "masks/mask.png"},
        {"task": "restore", "scratches": "off"},
        {"task": "stylize", "style": ["styles/waves.png"]},
    ]


@pytest.mark.parametrize("text", [b"\xff", b"step = 3", b"[step]", b"", b"step = [1]"])
def test_what_is_no_recipe_is_told(text):
    with pytest.raises(RecipeError):
        steps_in(text)
