import json

import pytest

from daguerre.errors import OptionError, OutputExists, UnwritablePicture
from daguerre.tasks.stylization.style_vector import StyleVector, mixed


def test_a_vector_comes_back_from_its_file_to_the_last_digit(tmp_path):
    vector = StyleVector(values=(0.1, -2.0, 1 / 3), model="abc", name="wave.jpg")
    vector.save(tmp_path / "wave.json")
    assert StyleVector.read(tmp_path / "wave.json") == vector
    assert [path.name for path in tmp_path.iterdir()] == ["wave.json"]


def test_of_other_programs_only_the_numbers_are_needed(tmp_path):
    (tmp_path / "theirs.json").write_text('{"style_vector": [1, 2.5]}')
    assert StyleVector.read(tmp_path / "theirs.json") == StyleVector(values=(1.0, 2.5), name="theirs.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is damaged or no style vector"),
        ('{"style_vector": [1, 2', "is damaged or no style vector"),
        (5000 * "[", "is damaged or no style vector"),
        ('{"style_vector": [' + 5000 * "9" + "]}", "is damaged or no style vector"),
        ("[1, 2]", "holds no list of numbers called style_vector"),
        ("{}", "holds no list of numbers called style_vector"),
        ('{"style_vector": []}', "holds no list of numbers"),
        ('{"style_vector": [1, "2"]}', "holds no list of numbers"),
        ('{"style_vector": [1, NaN]}', "holds no list of numbers"),
        ('{"style_vector": [1, 1e300]}', "holds no list of numbers"),
        ('{"style_vector": [1, ' + 401 * "9" + "]}", "holds no list of numbers"),
        ('{"style_vector": [true]}', "holds no list of numbers"),
    ],
)
def test_what_is_no_vector_is_refused(content, message, tmp_path):
    (tmp_path / "wave.json").write_text(content)
    with pytest.raises(OptionError, match=message):
        StyleVector.read(tmp_path / "wave.json")


def test_a_missing_or_binary_file_is_reported(tmp_path):
    with pytest.raises(OptionError, match=r"cannot read the style vector .*none\.json"):
        StyleVector.read(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(OptionError, match="is damaged or no style vector"):
        StyleVector.read(tmp_path / "bytes.json")


def test_nothing_is_overwritten_unasked(tmp_path):
    vector = StyleVector(values=(1.0,))
    with pytest.raises(UnwritablePicture, match=r"does not end in \.json"):
        vector.save(tmp_path / "wave.txt")
    vector.save(tmp_path / "wave.json")
    with pytest.raises(OutputExists, match="exists already"):
        vector.save(tmp_path / "wave.json")
    StyleVector(values=(2.0,)).save(tmp_path / "wave.json", overwrite=True)
    assert json.loads((tmp_path / "wave.json").read_text())["style_vector"] == [2.0]


def test_a_mixture_is_the_weighted_mean():
    one, two = StyleVector(values=(0.0, 4.0), name="one"), StyleVector(values=(1.0, 0.0), name="two")
    assert mixed([one, two], [3, 1]) == StyleVector(values=(0.25, 3.0), name="one, two")
