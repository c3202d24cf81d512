import pytest

from daguerre.web.folder import PhotoFolder, clean_name


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("old.jpg", "old.jpg"),
        ("../../etc/passwd", "passwd.jpg"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/etc/shadow.png", "shadow.png"),
        (".hidden.jpg", "hidden.jpg"),
        ("", "photograph.jpg"),
        ("a\0b\nc\u202e.png", "abc.png"),
        ('<img src=x onerror="alert(1)">.jpg', "img src=x onerror=alert(1).jpg"),
        ("Großmutter 1931.tif", "Großmutter 1931.tif"),
        ("..", "photograph.jpg"),
        ("no ending", "no ending.jpg"),
    ],
)
def test_a_name_becomes_only_a_name(name, clean):
    assert clean_name(name) == clean


def test_a_name_is_never_too_long():
    assert len(clean_name("ß" * 5000 + ".jpg").encode()) <= 250


@pytest.fixture
def folder(tmp_path):
    return PhotoFolder(tmp_path / "kept", kept=True)


def test_nothing_outside_can_be_named(folder, tmp_path):
    (tmp_path / "kept" / "secret.png").write_bytes(b"x")
    (folder.own / "secret.png").write_bytes(b"x")
    for reference in ("../secret.png", "styles/../../secret.png", "/etc/passwd", "styles/", "masks/..png", "token"):
        assert folder.referred(reference) is None
    for photo in ("..", "../jobs", "0" * 15, "0123456789abcde/"):
        assert folder.info(photo) is None
        assert folder.photo(photo) is None
    assert folder.side("photos", "..", "token.json") is None
    assert folder.side("photos", "0" * 16, "../../token") is None
    assert folder.result("../secret.png") is None
    (folder.root / "link.png").symlink_to("/etc/passwd")
    assert folder.result("link.png") is None


def test_a_photograph_is_known_by_its_id(folder):
    place = folder.new_photo()
    (place / "old.jpg").write_bytes(b"x")
    assert folder.photos() == []
    folder.write_info(place, {"name": "old.jpg", "added": 1})
    assert [info["id"] for info in folder.photos()] == [place.name]
    assert folder.photo(place.name) == place / "old.jpg"
    assert folder.photo_of(str(place / "old.jpg")) == place.name
    assert folder.photo_of("/tmp/old.jpg") == ""
    folder.forget(place.name)
    assert folder.photos() == []


def test_results_get_names_of_their_own(folder):
    (folder.root / "old-restored.jpg").write_bytes(b"x")
    assert folder.free_target("old-restored", ".jpg", {"old-restored-2.jpg"}) == "old-restored-3.jpg"


def test_the_token_stays_and_is_the_owners(folder):
    assert folder.token() == folder.token() != ""
    assert (folder.own / "token").stat().st_mode & 0o077 == 0
