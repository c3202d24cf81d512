import json
import time
from xml.etree import ElementTree

import pytest

from daguerre.tasks.packet import SPACES
from daguerre.tasks.provenance import (
    COMPOSITE,
    ENHANCED,
    SOURCE_TYPES,
    TRAINED,
    Input,
    Record,
    add_step,
    fitted,
    source_type_of,
    steps_of,
    strongest,
    with_saving,
)

RDF, IPTC, OURS = (SPACES[prefix] for prefix in ("rdf", "Iptc4xmpExt", "daguerre"))

FIRST = Record(task="upscale", options={"scale": 2.0}, models={"compact-x4": "ab12"}, measured={"agreement_db": 61.5})
PAINTED = Record(task="restore", options={}, models={}, source_type="compositeWithTrainedAlgorithmicMedia")
LAST = Record(task="upscale", options={}, models={})


FILE = Input(name="old & torn.tif", sha256="f" * 64, page=2)
OPENED = Record(task="restore", options={"strength": 0.5}, models={}, input=FILE)
NOTHING = Record(task="faces", options={}, models={}, source_type=None)


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


@pytest.mark.parametrize(
    ("earlier", "step", "now"),
    [
        (None, NOTHING, None),
        (None, FIRST, ENHANCED),
        ("digitalCapture", FIRST, ENHANCED),
        ("print", NOTHING, "print"),
        ("compositeSynthetic", FIRST, "compositeSynthetic"),
        ("what comes next year", FIRST, "what comes next year"),
        ("compositeSynthetic", PAINTED, COMPOSITE),
        (TRAINED, PAINTED, TRAINED),
        (COMPOSITE, NOTHING, COMPOSITE),
    ],
)
def test_the_source_type_is_never_weaker_than_the_inputs_and_nothing_claims_nothing(earlier, step, now):
    attributes = f'xmlns:i="{IPTC}" i:DigitalSourceType="{SOURCE_TYPES}{earlier}"' if earlier else ""
    xmp = add_step(packet("", attributes), step)
    assert source_type_of(xmp) == now
    assert source_types(xmp) == [now] * bool(now)


def test_of_source_types_the_strongest_counts():
    assert strongest([ENHANCED, None, TRAINED, COMPOSITE]) == TRAINED
    assert strongest([None]) is None
    assert source_type_of(b"no xml") is None


def node(xmp, prefix, name):
    return ElementTree.fromstring(xmp).find(f".//{{{SPACES[prefix]}}}{name}")


def fields(node, prefix):
    return {key.removeprefix(f"{{{SPACES[prefix]}}}"): value for key, value in node.attrib.items()}


def test_the_picture_that_it_was_made_from_is_referred_to():
    derived = fields(node(add_step(None, OPENED), "xmpMM", "DerivedFrom"), "stRef")
    assert derived["filePath"] == "old & torn.tif"
    assert derived["documentID"].startswith("xmp.did:")
    names = f'xmlns:mm="{SPACES["xmpMM"]}"'
    ids = 'mm:DocumentID="xmp.did:scan" mm:InstanceID="xmp.iid:second" mm:OriginalDocumentID="xmp.did:raw"'
    xmp = add_step(packet("", names, ids), OPENED)
    derived = fields(node(xmp, "xmpMM", "DerivedFrom"), "stRef")
    assert (derived["documentID"], derived["instanceID"]) == ("xmp.did:scan", "xmp.iid:second")
    picture = fields(node(xmp, "rdf", "RDF")[-1], "xmpMM")
    assert picture["OriginalDocumentID"] == "xmp.did:raw"
    assert picture["DocumentID"].startswith("xmp.did:")
    assert picture["DocumentID"] != "xmp.did:scan"


def test_a_second_step_keeps_the_reference_and_a_second_file_replaces_it():
    once = add_step(None, OPENED)
    twice = add_step(once, LAST)
    assert fields(node(twice, "xmpMM", "DerivedFrom"), "stRef") == fields(node(once, "xmpMM", "DerivedFrom"), "stRef")
    again = add_step(
        twice, Record(task="upscale", options={}, models={}, input=Input(name="made.png", sha256="a" * 64))
    )
    assert again.count(b"<xmpMM:DerivedFrom") == 1
    derived = fields(node(again, "xmpMM", "DerivedFrom"), "stRef")
    assert derived["filePath"] == "made.png"
    assert derived["instanceID"] == fields(node(twice, "rdf", "RDF")[-1], "xmpMM")["InstanceID"]


def test_two_pictures_have_two_identities_and_one_picture_has_one():
    other = Record(task="restore", options={"strength": 0.6}, models={}, input=FILE)
    mine, yours, again = (
        fields(node(add_step(None, step), "rdf", "RDF")[-1], "xmpMM") for step in (OPENED, other, OPENED)
    )
    assert mine == again
    assert mine["InstanceID"] != yours["InstanceID"]
    assert "InstanceID" not in fields(node(add_step(None, FIRST), "rdf", "RDF")[-1], "xmpMM")  # of no file


def test_the_history_goes_on_where_other_programs_left_it():
    names = " ".join(f'xmlns:{prefix}="{SPACES[prefix]}"' for prefix in ("xmpMM", "stEvt"))
    earlier = '<xmpMM:History><rdf:Seq><rdf:li stEvt:action="saved" stEvt:when="2020-02-02"/></rdf:Seq></xmpMM:History>'
    xmp = add_step(add_step(packet(earlier, names), OPENED), FIRST)
    (history,) = ElementTree.fromstring(xmp).iter(f"{{{SPACES['xmpMM']}}}History")
    events = [fields(entry, "stEvt") for entry in history[0]]
    assert [event["action"] for event in events] == ["saved", "derived", "edited", "resized"]
    assert events[0]["when"] == "2020-02-02"
    assert events[1]["parameters"] == f"from old & torn.tif, page 2, SHA-256 {'f' * 64}"
    assert events[2]["parameters"] == "restore; strength 0.5"
    assert events[3]["parameters"] == "upscale; scale 2.0; agreement_db 61.5"
    assert all(event["softwareAgent"].startswith("Daguerre ") for event in events[1:])


def test_the_scanner_is_still_named_as_what_made_the_file_first():
    xmp = add_step(packet("", f'xmlns:x="{SPACES["xmp"]}"', 'x:CreatorTool="VueScan 9"'), FIRST)
    assert xmp.count(b"CreatorTool") == 1
    assert b"VueScan 9" in xmp
    assert b'xmp:CreatorTool="Daguerre ' in add_step(None, FIRST)


def test_how_it_was_saved_is_told_if_not_as_by_default():
    xmp = add_step(packet(), OPENED)
    assert with_saving(xmp, {}) == xmp
    saved = with_saving(xmp, {"quality": 80})
    assert steps_of(saved)[-1]["saving"] == {"quality": 80}
    assert saved.count(b"<xmpMM:History>") == saved.count(b"<xmpMM:DerivedFrom") == 1
    assert with_saving(packet(), {"quality": 80}) == packet()


def test_a_name_that_xml_cannot_hold_is_told_as_far_as_it_can():
    xmp = add_step(None, Record(task="faces", options={}, models={}, input=Input(name="a\x01\udce9b.png", sha256="0")))
    assert fields(node(xmp, "xmpMM", "DerivedFrom"), "stRef")["filePath"] == "a??b.png"
    assert steps_of(xmp)[0]["input"]["name"] == "a\x01\udce9b.png"
