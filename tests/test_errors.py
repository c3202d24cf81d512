import re

import pytest

from daguerre import errors
from daguerre.errors import DaguerreError


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_that_a_user_can_meet_is_a_daguerre_error(name):
    assert issubclass(getattr(errors, name), DaguerreError)


def test_the_tree_that_is_drawn_is_the_tree_that_there_is():
    above, drawn = {}, {}
    for line in errors.__doc__.splitlines():
        if found := re.match(r"    ([│├└─ ]*)(\w+)  ", line):
            depth = len(found[1]) // 4
            above[depth] = found[2]
            drawn[found[2]] = above.get(depth - 1, "Exception")
    assert drawn == {name: getattr(errors, name).__base__.__name__ for name in errors.__all__}
