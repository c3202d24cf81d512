import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of the user's weights; nothing ships."""
    monkeypatch.setenv("DAGUERRE_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr("daguerre.weights.store.EMBEDDED", tmp_path / "embedded")
    for name in ("weights", "embedded"):
        (tmp_path / name).mkdir()
    return tmp_path / "weights"


@pytest.fixture
def shipped(folder):
    """The folder of what ships."""
    return folder.parent / "embedded"
