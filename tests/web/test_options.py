import pytest

from daguerre.errors import OptionError
from daguerre.web.options import PASSWORD, WebOptions


def test_others_get_in_only_with_a_password_over_a_stated_origin(monkeypatch):
    monkeypatch.delenv(PASSWORD, raising=False)
    for host in ("127.0.0.1", "::1", "localhost", "127.0.0.7"):
        assert WebOptions(host=host).local
    with pytest.raises(OptionError, match="password"):
        WebOptions(host="0.0.0.0", origin="https://photos.example")
    monkeypatch.setenv(PASSWORD, "rosebud")
    with pytest.raises(OptionError, match="--origin"):
        WebOptions(host="0.0.0.0")
    assert not WebOptions(host="0.0.0.0", origin="https://photos.example").local


@pytest.mark.parametrize("wrong", [{"port": -1}, {"origin": "photos.example"}, {"max_megabytes": 0}])
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(OptionError):
        WebOptions(**wrong)
