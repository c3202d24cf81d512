from pathlib import Path

import pytest

from daguerre.cli.jobs import Output
from daguerre.cli.main import main
from daguerre.cli.policy import under_policy
from daguerre.errors import OptionError
from daguerre.images import Picture
from daguerre.tasks.policies import read_policy
from daguerre.tasks.saving import ResultOptions, sidecar_of

ARCHIVE = read_policy("archive")


@pytest.mark.parametrize(
    ("output", "format"),
    [
        (Output(), "tif"),
        (Output(format="tiff"), "tiff"),
        (Output(output=Path("a.tiff")), None),
        (Output(output=Path("folder")), "tif"),
        (Output(output=Path("-")), "tif"),
    ],
)
def test_results_get_the_format_of_the_policy(output, format):
    assert under_policy(ARCHIVE, [], ResultOptions(), output)[2].format == format


@pytest.mark.parametrize("output", [Output(format="jpeg"), Output(output=Path("a.jpg"))])
def test_another_format_is_refused(output):
    with pytest.raises(OptionError, match=r"the policy archive saves results as \.tif, not \.jp"):
        under_policy(ARCHIVE, [], ResultOptions(), output)


def test_a_policy_without_a_format_leaves_it_open():
    assert under_policy(read_policy("family"), [], ResultOptions(), Output())[2] == Output()


def test_a_recipe_may_carry_its_policy(desk):
    from images.drawn import photo

    Picture.from_array(photo(16, 20)).save(desk / "old.png")
    (desk / "museum.toml").write_text('format = "tif"\n[saving]\nbits = 16\nsidecar = true\n')
    (desk / "all.toml").write_text('policy = "museum.toml"\n[[step]]\ntask = "upscale"\nscale = 2\n')
    assert main(["run", "old.png", "--recipe", "all.toml", "--quiet"]) == 0
    assert Picture.open("old-all.tif").bits == 16
    assert sidecar_of(desk / "old-all.tif").exists()
    assert main(["verify", "old-all.tif", "old.png"]) == 0
