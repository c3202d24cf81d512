import re

import pytest

from daguerre.weights.catalog import catalog
from daguerre.weights.registry import NETWORKS


@pytest.mark.parametrize("entry", catalog().values(), ids=lambda entry: entry.name)
def test_every_catalog_entry_can_be_fetched_checked_and_loaded(entry):
    assert entry.url.startswith("https://")
    pinned = re.fullmatch(r"[0-9a-f]{8,64}", entry.sha256)
    # What is not pinned says so, and lies in an archive, whose CRC-32 tells at least damage.
    assert pinned or (entry.sha256 == "" and entry.filename.endswith(".zip") and "no SHA-256" in entry.note)
    assert bool(entry.member) == entry.filename.endswith(".zip")
    assert entry.network in NETWORKS
    assert entry.licence
    assert entry.note
    assert re.fullmatch(r"[a-z0-9][a-z0-9._+-]*", entry.name)
    assert not entry.installed


def test_a_published_file_name_that_states_its_checksum_agrees_with_it():
    stated = {e.name: e for e in catalog().values() if re.search(r"-[0-9a-f]{8}\.pth$", e.filename)}
    assert "esrgan-x4" in stated
    for entry in stated.values():
        assert entry.sha256.startswith(entry.filename.removesuffix(".pth")[-8:])
