import pytest

from daguerre.tasks.packet import SPACES, read_statements, rewritten, said

RDF, MM, XMP = (SPACES[prefix] for prefix in ("rdf", "xmpMM", "xmp"))


def packet(content, names=f'xmlns:xmpMM="{MM}"'):
    description = f'<rdf:Description rdf:about="" {names}>{content}</rdf:Description>'
    return f'<rdf:RDF xmlns:rdf="{RDF}">{description}</rdf:RDF>'.encode()


def test_what_is_said_of_something_else_in_the_packet_is_neither_read_nor_replaced():
    part = '<rdf:li><rdf:Description xmpMM:InstanceID="xmp.iid:part"/></rdf:li>'
    xmp = packet(f"<xmpMM:Pantry><rdf:Bag>{part}</rdf:Bag></xmpMM:Pantry>")
    assert read_statements(xmp).found == {}
    assert b'<rdf:Description xmpMM:InstanceID="xmp.iid:part">' in rewritten(xmp, {"xmpMM:InstanceID": "xmp.iid:new"})


@pytest.mark.parametrize("content", ["<a:CreatorTool>Scan</a:CreatorTool><a:CreatorTool>Late</a:CreatorTool>"])
def test_the_first_statement_counts_and_all_are_replaced(content):
    xmp = packet(content, f'xmlns:a="{XMP}"')
    assert read_statements(xmp).found == {"xmp:CreatorTool": "Scan"}
    assert read_statements(rewritten(xmp, {"xmp:CreatorTool": "New"})).found == {"xmp:CreatorTool": "New"}
    assert b"Late" not in rewritten(xmp, {"xmp:CreatorTool": "New"})


@pytest.mark.parametrize("history", ["", "<xmpMM:History/>", "<xmpMM:History><rdf:Bag/></xmpMM:History>"])
def test_a_history_that_is_no_list_is_replaced_by_one(history):
    made = rewritten(packet(history), {}, events=[{"stEvt:action": "edited"}])
    assert made.count(b"<xmpMM:History") == 1
    assert read_statements(made).history


def test_prefixes_that_mean_something_else_do_not_confuse_what_is_appended():
    xmp = packet("<stEvt:History><rdf:Seq/></stEvt:History>", f'xmlns:stEvt="{MM}"')
    made = rewritten(xmp, {}, events=[{"stEvt:action": "edited"}])
    assert read_statements(made).history
    assert f'xmlns:stEvt="{SPACES["stEvt"]}"'.encode() in made


def test_an_empty_packet_says_nothing():
    assert not any(map(said, (None, b"", b"\0 \n")))
    assert not read_statements(None).found
