import time

import pytest

from daguerre.images.xmp import Listener, check_xmp, read_xmp


@pytest.mark.parametrize(
    "packet",
    [
        b"<a " + b" ".join(b'xmlns:n%d="u:%d"' % (i, i) for i in range(40_000)) + b"/>",
        b"<a>" + b"".join(b'<n%d:b xmlns:n%d="u:%d"/>' % (i, i, i) for i in range(25_000)) + b"</a>",
        b"<a>" + b"<b/>" * 250_000 + b"</a>",
        b"<a " + b" ".join(b'b%d=""' % i for i in range(90_000)) + b"/>",
        b"<a>" + b"&lt;" * 250_000 + b"</a>",
    ],
    ids=["namespaces", "namespaces apart", "elements", "attributes", "references"],
)
def test_xmp_full_of_names_takes_a_moment(packet):
    assert 500_000 < len(packet) <= 2**20
    began = time.process_time()
    check_xmp(packet)
    assert time.process_time() - began < 2  # 0.1 to 0.4 s on a quiet machine


class Names(Listener):
    def __init__(self):
        super().__init__()
        self.heard = []

    def begin(self, name, full, attributes, names):
        self.heard += [(name, full), *((key, names[key]) for key in attributes)]

    def end(self, name, full):
        self.heard.append(("/" + name, full))


def test_names_mean_what_the_nearest_declaration_says():
    listener = Names()
    read_xmp(b"<a xmlns='u:1' xmlns:p='u:2' p:b='' c=''><p:d xmlns:p='u:3' p:e=''/><p:f xml:lang=''/></a>", listener)
    assert [pair for pair in listener.heard if "xmlns" not in pair[0]] == [
        ("a", "{u:1}a"),
        ("p:b", "{u:2}b"),
        ("c", "c"),
        ("p:d", "{u:3}d"),
        ("p:e", "{u:3}e"),
        ("/p:d", "{u:3}d"),
        ("p:f", "{u:2}f"),
        ("xml:lang", "{http://www.w3.org/XML/1998/namespace}lang"),
        ("/p:f", "{u:2}f"),
        ("/a", "{u:1}a"),
    ]
    with pytest.raises(ValueError, match="what the prefix p means is not said"):
        check_xmp(b"<a><b xmlns:p='u:1'/><p:c/></a>")
