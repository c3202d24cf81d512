import json
from hashlib import sha256

import pytest
from images.drawn import photo

from daguerre.errors import OptionError, OutputExists
from daguerre.images import Picture, SaveOptions
from daguerre.tasks.result import records_of
from daguerre.tasks.saving import ResultOptions, check_sidecar, sidecar_of
from daguerre.tasks.upscaling.upscaler import Upscaler

EXACT = {"device": "cpu", "precision": "float32"}
BESIDE = ResultOptions(sidecar=True)


@pytest.fixture
def made(desk):
    return Upscaler(scale=2, **EXACT)(Picture.from_array(photo(16, 20)).save(desk / "a.png"))


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp"])
def test_the_record_beside_the_result_says_what_is_in_it_and_which_file_it_is_of(made, ending):
    path = made.save(f"b.{ending}", options=BESIDE)
    told = json.loads(sidecar_of(path).read_text())
    assert told["sha256"] == sha256(path.read_bytes()).hexdigest()
    assert told["file"] == f"b.{ending}"
    assert told["digital_source_type"].endswith("algorithmicallyEnhanced")
    assert told["steps"] == (records_of(made.picture) if ending == "bmp" else records_of(path))
    assert path.read_bytes() == made.save(f"c.{ending}").read_bytes()


def test_nothing_but_a_record_is_ever_replaced_by_one(made, desk):
    made.save("b.png", options=BESIDE)
    with pytest.raises(
        OutputExists, match=r"b\.png\.json, where the record of the result would be, exists already; name"
    ):
        check_sidecar(desk / "b.png", overwrite=False)
    made.save("b.png", options=BESIDE, overwrite=True)
    sidecar_of(desk / "c.png").write_text('{"title": "what another program knows of it"}')
    for overwrite in (False, True):
        with pytest.raises(OutputExists, match="rename it"):
            made.save("c.png", options=BESIDE, overwrite=overwrite)
    assert not (desk / "c.png").exists()


def test_how_it_was_saved_is_in_the_record_unless_as_by_default(made):
    assert "saving" not in records_of(made.save("b.jpg", options=SaveOptions()))[-1]
    (record,) = records_of(made.save("c.jpg", options=ResultOptions(quality=70, sidecar=True)))
    assert record["saving"] == {"quality": 70}


def test_results_have_the_bits_that_are_asked_for(desk):
    deep = ResultOptions(bits=16)
    source = Picture.from_array(photo(16, 20)).save(desk / "a.png")
    result = Upscaler(scale=2, **EXACT)(deep.prepared(Picture.open(source)))
    saved = Picture.open(result.save("b.png", options=deep))
    assert saved.bits == 16
    assert (saved.array() % 257).any()
    assert records_of(saved)[-1]["saving"] == {"bits": 16}
    assert ResultOptions().prepared(saved) is saved


@pytest.mark.parametrize("half", [{"c2pa_key": "a.pem"}, {"c2pa_certificate": "a.pem"}])
def test_half_of_what_a_signature_takes_is_refused(half):
    with pytest.raises(OptionError, match="both are needed"):
        ResultOptions(**half)


def test_other_options_become_these_and_these_stay():
    assert ResultOptions.of(SaveOptions(quality=3)) == ResultOptions(quality=3)
    assert ResultOptions.of(BESIDE) is BESIDE
    assert ResultOptions.of(None) == ResultOptions()
