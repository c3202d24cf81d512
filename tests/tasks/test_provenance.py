import json
import time
from xml.etree import ElementTree

import pytest

from daguerre.tasks.provenance import IPTC, OURS, RDF, SOURCE_TYPES, Record, add_step, fitted, steps_of

FIRST = Record(task="upscale", options={"scale": 2.0}, models={"compact-x4": "ab12"}, measured={"agreement_db": 61.5})
PAINTED = Record(task="restore", options={}, models={}, source_type="compositeWithTrainedAlgorithmicMedia")
LAST = Record(task="upscale", options={}, models={})


def packet(description="", names="", attributes=""):
    return (
        "<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>\n"
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'
        f'<rdf:Description rdf:about="" {names} {attributes}>{description}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>\n<?xpacket end='w'?>"
    ).encode()


def source_types(xmp):
    """Every digital source type a packet states, as attribute or element."""
    name = f"{{{IPTC}}}DigitalSourceType"
    root = ElementTree.fromstring(xmp)
    stated = [node.get(name) for node in root.iter() if node.get(name)] + [node.text for node in root.iter(name)]
    return [text.removeprefix(SOURCE_TYPES) for text in stated]


def test_a_step_is_read_as_it_was_written():
    (step,) = steps_of(add_step(None, FIRST))
    assert step.pop("program").startswith("daguerre ")
    assert step == {
        "task": "upscale",
        "options": {"scale": 2.0},
        "models": {"compact-x4": "ab12"},
        "measured": {"agreement_db": 61.5},
        "source_type": "algorithmicallyEnhanced",
    }


def test_steps_follow_one_another():
    xmp = add_step(add_step(add_step(None, FIRST), PAINTED), LAST)
    assert [step["task"] for step in steps_of(xmp)] == ["upscale", "restore", "upscale"]


def test_once_painted_always_painted():
    xmp = add_step(None, FIRST)
    assert source_types(xmp) == ["algorithmicallyEnhanced"]
    assert source_types(add_step(add_step(xmp, PAINTED), LAST)) == ["compositeWithTrainedAlgorithmicMedia"]


def test_the_same_step_gives_the_same_bytes():
    assert add_step(packet(), FIRST) == add_step(packet(), FIRST)


@pytest.mark.parametrize("nothing", [None, b"", b"\0\0", packet(), b"<not-rdf/>", b"no xml at all"])
def test_nothing_was_done_to_a_picture_that_says_nothing(nothing):
    assert steps_of(nothing) == []


def test_what_a_packet_says_otherwise_stays_under_its_own_prefixes():
    names = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    title = "<dc:title><rdf:Alt><rdf:li>Großmutter &amp; Hund</rdf:li></rdf:Alt></dc:title>"
    xmp = add_step(packet(title, names, 'tiff:Orientation="6"'), FIRST)
    for said in (title.encode(), b'tiff:Orientation="6"', b"<?xpacket begin=", b"<?xpacket end='w'?>"):
        assert said in xmp
    assert len(steps_of(xmp)) == 1


@pytest.mark.parametrize("element", [True, False])
def test_an_earlier_source_type_is_replaced_however_it_was_written(element):
    names = f'xmlns:Iptc4xmpExt="{IPTC}"'
    earlier = f"{SOURCE_TYPES}digitalCapture"
    xmp = (
        packet(f"<Iptc4xmpExt:DigitalSourceType>{earlier}</Iptc4xmpExt:DigitalSourceType>", names)
        if element
        else packet("", names, f'Iptc4xmpExt:DigitalSourceType="{earlier}"')
    )
    assert source_types(xmp) == ["digitalCapture"]
    assert source_types(add_step(xmp, FIRST)) == ["algorithmicallyEnhanced"]


def test_packets_without_the_outer_element_or_any_description_are_filled():
    for root in (f'<rdf:RDF xmlns:rdf="{RDF}"/>', '<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'):
        assert len(steps_of(add_step(root.encode(), FIRST))) == 1


def test_a_packet_padded_with_zeros_is_read():
    assert len(steps_of(add_step(packet() + b"\0" * 20, FIRST))) == 1


BOMB = b'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaaaaaaaa">'
BOMB += b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 60) for i in range(6)) + b"]><l>&g;</l>"


@pytest.mark.parametrize("broken", [b"<x:xmpmeta", packet()[:-60], BOMB], ids=["torn", "cut", "bomb"])
def test_a_packet_that_is_no_xml_is_replaced_and_the_log_says_so(broken, caplog):
    assert len(steps_of(add_step(broken, FIRST))) == 1
    assert "XMP is not well formed" in caplog.text


@pytest.mark.parametrize(
    "record",
    ["{", "7", '["upscale"]', "[" * 100_000, "1" * 5000, '{"a":' * 50_000],
    ids=["{", "7", "text", "deep", "big", "deep tables"],
)
def test_a_record_that_is_none_is_replaced(record):
    xmp = packet("", f'xmlns:d="{OURS}"', f"d:Steps='{record}'")
    assert [step["task"] for step in steps_of(add_step(xmp, FIRST))] == ["upscale"]


def test_the_record_is_json_for_whoever_wants_to_read_it_without_daguerre():
    root = ElementTree.fromstring(add_step(None, FIRST))
    (text,) = [node.get(f"{{{OURS}}}Steps") for node in root.iter() if node.get(f"{{{OURS}}}Steps")]
    assert json.loads(text)[0]["measured"] == {"agreement_db": 61.5}


def test_names_of_one_packet_are_not_remembered_in_the_next():
    before = dict(ElementTree._namespace_map)
    add_step(packet("", 'xmlns:mine="urn:mine"', 'mine:a="1"'), FIRST)
    assert ElementTree._namespace_map == before
    assert b"mine" not in add_step(packet(), FIRST)


@pytest.mark.parametrize(
    "broken",
    [b'<?xml version="1.0" encoding="shift_jis"?><a/>', b'<?xml version="1.0" encoding="rot13"?><a/>', b"<a>" * 5000],
)
def test_packets_in_no_encoding_or_without_end_are_replaced(broken, caplog):
    assert len(steps_of(add_step(broken, FIRST))) == 1
    assert "XMP is not well formed" in caplog.text


def test_a_packet_of_twenty_thousand_names_takes_a_moment():
    names = " ".join(f'xmlns:n{i}="urn:{i}"' for i in range(20_000))
    began = time.process_time()
    xmp = packet("", names, 'n7:a="1"')
    for _ in range(3):
        xmp = add_step(xmp, FIRST)
    assert time.process_time() - began < 3  # 0.6 s on a quiet machine
    assert b'n7:a="1"' in xmp
    assert len(steps_of(xmp)) == 3


def test_what_is_added_is_about_the_same_as_the_rest():
    xmp = packet().replace(b'rdf:about=""', b'rdf:about="uuid:1 &amp; 2"')
    root = ElementTree.fromstring(add_step(xmp, FIRST))
    assert {node.get(f"{{{RDF}}}about") for node in root.iter(f"{{{RDF}}}Description")} == {"uuid:1 & 2"}


def test_a_file_without_room_for_the_packet_holds_the_record_alone(tmp_path, caplog):
    xmp = add_step(packet(f"<!-- -->{'x' * 70_000}"), FIRST)
    small = fitted(xmp, tmp_path / "a.jpg")
    assert steps_of(small) == steps_of(xmp)
    assert len(small) < 2000
    assert caplog.messages == [
        f"{tmp_path / 'a.jpg'}: of the XMP, which is too large for this format, only the record of steps is kept"
    ]
    assert fitted(xmp, tmp_path / "a.png") == fitted(xmp, tmp_path / "a.bmp") == xmp
