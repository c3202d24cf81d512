import pytest

from daguerre.errors import OutputExists, UnwritablePicture
from daguerre.files import check_free, part, whole


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write_half():
        with whole(path) as name:
            name.write_text("new")
            raise ValueError("half written")

    with pytest.raises(ValueError, match="half"):
        write_half()
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]
    assert path.read_text() == "old"


def test_what_succeeds_takes_its_place(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with whole(path) as name:
        assert name.suffix == ".csv"
        name.write_text("new")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["new"]


def test_a_file_that_came_in_the_meantime_is_not_replaced_unasked(tmp_path):
    path = tmp_path / "table.csv"

    def meet():
        with part(path, overwrite=False) as name:
            name.write_text("mine")
            path.write_text("theirs")

    with pytest.raises(OutputExists):
        meet()
    assert [file.read_text() for file in tmp_path.iterdir()] == ["theirs"]


def test_what_the_system_refuses_is_a_line(tmp_path):
    with (
        pytest.raises(UnwritablePicture, match=r"cannot write .*a\.csv \(No such file"),
        whole(tmp_path / "no" / "a.csv") as n,
    ):
        n.write_text("text")


def test_what_cannot_be_written_is_told_before_any_work(tmp_path):
    (tmp_path / "there.csv").write_text("mine")
    with pytest.raises(OutputExists, match=r"there\.csv exists already; name another file, or add --overwrite"):
        check_free(tmp_path / "there.csv")
    check_free(tmp_path / "there.csv", ".csv", overwrite=True)
    with pytest.raises(UnwritablePicture, match=r"there\.csv does not end in \.png"):
        check_free(tmp_path / "there.csv", ".png", overwrite=True)
    with pytest.raises(UnwritablePicture, match="is a folder"):
        check_free(tmp_path, overwrite=True)
    with pytest.raises(UnwritablePicture, match=r"there is no folder .*no to write a\.csv in"):
        check_free(tmp_path / "no" / "a.csv")
