import pytest

from daguerre.errors import OptionError, RecipeError
from daguerre.tasks.policies import POLICIES, Policy, read_policy
from daguerre.tasks.restoration.options import RestoreOptions
from daguerre.tasks.saving import ResultOptions
from daguerre.tasks.stylization.options import StylizeOptions
from daguerre.tasks.upscaling.upscaler import UpscaleOptions

ARCHIVE = read_policy("archive")


def test_for_an_archive_only_what_befell_the_print_is_undone():
    (restoring,) = ARCHIVE.steps([RestoreOptions(scratches="off", device="cpu")])
    assert (restoring.grain, restoring.blur, restoring.faces, restoring.large_holes) == ("keep", "off", "off", "leave")
    assert (restoring.scratches, restoring.stains, restoring.fix_fading) == ("off", "auto", "auto")
    saving = ARCHIVE.save_options(ResultOptions(compression=9))
    assert (saving.bits, saving.sidecar, saving.compression, ARCHIVE.format) == (16, True, 9, "tif")


def test_for_a_family_nothing_is_set():
    options = [RestoreOptions(strength=0.5), StylizeOptions(), UpscaleOptions(vivid=1.0)]
    family = read_policy("family")
    assert family.steps(options) == options
    assert family.save_options(ResultOptions(quality=3)) == ResultOptions(quality=3)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (RestoreOptions(blur="1.5"), "the policy archive has --blur off, not 1.5; leave that out, or the policy"),
        (RestoreOptions(strength=0.5), "--strength 1.0, not 0.5"),
        (UpscaleOptions(vivid=0.3), "--vivid 0.0, not 0.3"),
        (StylizeOptions(), "the policy archive does no stylize"),
    ],
)
def test_what_a_policy_does_not_have_is_refused(options, problem):
    with pytest.raises(OptionError, match=problem):
        ARCHIVE.steps([options])


def test_nor_is_another_way_of_saving():
    with pytest.raises(OptionError, match="--bits 16, not 8"):
        ARCHIVE.save_options(ResultOptions(bits=8))


def test_ones_own_is_a_file(tmp_path):
    (tmp_path / "museum.toml").write_text('never = ["stylize"]\n[restore]\nfaces = "off"\n[saving]\nquality = 80\n')
    museum = read_policy("museum.toml", tmp_path)
    assert museum.name == "museum"
    assert museum.steps([RestoreOptions()])[0].faces == "off"
    assert museum.save_options(ResultOptions()).quality == 80


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("restore = 1", "must be"),
        ('[restore]\nface = "off"', r"unknown key 'restore\.face'"),
        ('format = "tiffany"', "no format is called 'tiffany'"),
        ('never = ["sleep"]', "no task is called 'sleep'"),
        ("[saving]\nquality = 900", "quality is 900"),
    ],
)
def test_a_file_that_makes_no_sense_is_told(tmp_path, text, problem):
    (tmp_path / "museum.toml").write_text(text)
    with pytest.raises(RecipeError, match=problem):
        read_policy(str(tmp_path / "museum.toml"))


def test_a_name_that_nobody_knows_is_told():
    with pytest.raises(OptionError, match="no policy is called 'archiv'; did you mean 'archive'"):
        read_policy("archiv")


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_makes_sense(name):
    assert isinstance(read_policy(name), Policy)
