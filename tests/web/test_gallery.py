import re

from daguerre.web.folder import REFERENCE
from daguerre.web.gallery import GALLERY


def test_every_name_can_be_referred_to():
    assert all(re.fullmatch(REFERENCE, f"styles/{name}.png") for name in GALLERY)
