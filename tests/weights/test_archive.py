import dataclasses
import hashlib
import io
import os
import pickle
import time
import zipfile
from pathlib import Path

import pytest
import torch
from weights.archives import DETECTOR, FOLDER, MAPPING, VAE, serving, write_archive

from daguerre import weights
from daguerre.errors import Cancelled, WeightsDamaged, WeightsError, WeightsNotFound
from daguerre.networks.bringing_old_photos.face_generator import FaceGenerator
from daguerre.networks.bringing_old_photos.vae import PhotoVAE
from daguerre.weights.archive import NoRanges, RemoteFile
from daguerre.weights.catalog import catalog
from daguerre.weights.checkpoint import read_header

NAMES = ["microsoft-vae-a-quality", "microsoft-mapping-quality", "microsoft-scratch-detection"]
PARTS = [f"{name}.safetensors" for name in sorted(NAMES)]


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def relist(monkeypatch, **changes):
    """Change what the catalog says of Microsoft's networks; give changes of one under its name."""
    listed = {
        name: dataclasses.replace(
            entry, **{key: value for key, value in changes.items() if key == "url"}, **changes.get(name, {})
        )
        for name, entry in catalog().items()
        if name in NAMES
    }
    for module in ("store", "download"):
        monkeypatch.setattr(f"daguerre.weights.{module}.catalog", lambda: listed)


def pin(monkeypatch, path, **changes):
    """As `relist`, with the SHA-256 of the detector in an archive."""
    with zipfile.ZipFile(path) as archive:
        sha256 = hashlib.sha256(archive.read(f"{FOLDER}/{DETECTOR}")).hexdigest()
    relist(monkeypatch, **{"microsoft-scratch-detection": {"sha256": sha256}}, **changes)


@pytest.fixture
def archive(folder, tmp_path, monkeypatch):
    """A small archive, whose detector has the SHA-256 that the catalog gives."""
    path = write_archive(tmp_path / "global_checkpoints.zip")
    pin(monkeypatch, path)
    return path


@pytest.fixture
def server(archive, monkeypatch):
    with serving(archive, monkeypatch) as server:
        pin(monkeypatch, archive, url=server.url)
        yield server


def test_an_archive_gives_the_networks_that_are_known_and_nothing_else(archive, folder):
    kept = weights.import_archive(archive)
    assert sorted(path.stem for path in kept) == sorted(NAMES)
    assert names(folder) == PARTS
    header = read_header(folder / "microsoft-scratch-detection.safetensors")
    assert (header.licence, header.task, header.network) == ("MIT", "scratches", "ScratchUNet")
    assert weights.load("microsoft-vae-a-quality").network.features == 24


def test_the_archive_of_faces_gives_both_networks_each_with_its_size(folder, tmp_path):
    network = FaceGenerator(features=1, hidden=4)
    for name, layer in list(network.named_modules()):
        if name.rpartition(".")[2] in ("conv_0", "conv_1", "conv_s"):
            torch.nn.utils.spectral_norm(layer)
    network(torch.rand(2, 3, 64, 64))
    path = tmp_path / "face_checkpoints.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for member in ("Setting_9_epoch_100", "FaceSR_512"):
            with archive.open(f"checkpoints/{member}/latest_net_G.pth", "w") as file:
                torch.save(network.state_dict(), file)
    kept = weights.import_archive(path)
    assert [read_header(path).arguments["side"] for path in kept if path.stem.endswith("512")] == [512]
    assert {path.stem: weights.load(path.stem).network.side for path in kept} == {
        "microsoft-face-256": 256,
        "microsoft-face-512": 512,
    }
    face = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        made = weights.load("microsoft-face-256").network(face)
        torch.testing.assert_close(made, network.eval()(face), rtol=0, atol=1e-5)


def test_what_no_checksum_could_verify_is_recorded_as_such(archive, folder):
    weights.import_archive(archive)
    assert "not verified" in weights.load("microsoft-vae-a-quality").header.source
    assert "not verified" not in weights.load("microsoft-scratch-detection").header.source


def test_only_the_wanted_files_of_an_archive_are_read(archive, monkeypatch):
    unpacked = []
    real = zipfile.ZipFile.open
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *a, **n: unpacked.append(a[1].filename) or real(*a, **n))
    weights.import_archive(archive)
    assert sorted(unpacked) == sorted(f"{FOLDER}/{member}" for member in (VAE, MAPPING, DETECTOR))


def test_what_is_there_already_is_left_unless_overwriting_is_asked_for(archive, folder):
    weights.import_archive(archive)
    path = folder / "microsoft-vae-a-quality.safetensors"
    before = path.stat().st_mtime_ns
    weights.import_archive(archive)
    assert path.stat().st_mtime_ns == before
    weights.import_archive(archive, overwrite=True)
    assert path.stat().st_mtime_ns != before


def test_an_archive_of_something_else_names_what_was_looked_for(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "holiday.zip", "w") as archive:
        archive.writestr("notlatest_net_G.pth", b"")
        archive.writestr("VAE_A_quality/latest_net_G.pth", b"")  # the end of a name, but not of the path
    with pytest.raises(WeightsNotFound, match=r"holiday\.zip holds none of .*restoration/VAE_A_quality/latest_net_G"):
        weights.import_archive(tmp_path / "holiday.zip")
    with pytest.raises(WeightsNotFound, match=r"there is no archive .*nowhere\.zip"):
        weights.import_archive(tmp_path / "nowhere.zip")


@pytest.mark.parametrize("kept", [0, 100, -100])
def test_a_truncated_archive_is_refused(archive, folder, kept):
    archive.write_bytes(archive.read_bytes()[:kept])
    with pytest.raises(WeightsDamaged, match=r"global_checkpoints\.zip is no whole zip archive.*get it again"):
        weights.import_archive(archive)
    assert names(folder) == []


@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_altered_byte_in_an_archive_is_noticed(folder, tmp_path, packed):
    path = write_archive(tmp_path / "global_checkpoints.zip", packed=packed)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f"{FOLDER}/{VAE}")
    data[info.header_offset + info.compress_size // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsDamaged, match=r"VAE_A_quality/latest_net_G\.pth in .* cannot be unpacked"):
        weights.import_archive(path)
    assert names(folder) == []


def test_a_file_in_an_archive_that_is_not_the_published_one_is_refused(archive, folder, monkeypatch):
    relist(monkeypatch)  # as the catalog has it
    with pytest.raises(WeightsDamaged, match="its SHA-256 differs"):
        weights.import_archive(archive)


class Hostile:
    """Touches a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def test_a_hostile_pickle_in_an_archive_never_runs(folder, tmp_path):
    marker = tmp_path / "ran"
    content = io.BytesIO()
    torch.save({"encoder.1.weight": Hostile(marker)}, content)
    for evil in (content.getvalue(), pickle.dumps(Hostile(marker))):
        path = write_archive(tmp_path / "global_checkpoints.zip", **{VAE: evil})
        with pytest.raises(WeightsDamaged, match="nothing in it was run"):
            weights.import_archive(path)
    assert not marker.exists()
    assert names(folder) == []


def test_an_archive_put_into_the_folder_is_used_when_a_network_is_asked_for(archive, folder):
    archive.rename(folder / archive.name)
    assert weights.load("microsoft-vae-a-quality").network.features == 24
    assert names(folder) == ["global_checkpoints.zip", "microsoft-vae-a-quality.safetensors"]


def test_a_file_unpacked_by_hand_is_known_by_its_place(folder, tmp_path, monkeypatch):
    path = tmp_path / FOLDER / VAE
    path.parent.mkdir(parents=True)
    torch.save(PhotoVAE(features=4, blocks=1).state_dict(), path)
    monkeypatch.chdir(path.parent)
    assert weights.import_file(Path(path.name)) == folder / "microsoft-vae-a-quality.safetensors"
    assert weights.load("microsoft-vae-a-quality").header.licence == "MIT"
    with pytest.raises(WeightsError, match="called 'microsoft-vae-a-quality' already"):
        weights.import_file(path)
    assert weights.import_file(path, "mine").stem == "mine"
    assert weights.load("mine").header.licence == "unknown"


def test_one_file_is_fetched_out_of_an_archive_without_the_rest(server, folder):
    seen = []
    path = weights.fetch("microsoft-vae-a-quality", progress=seen.append)
    assert path == folder / "microsoft-vae-a-quality.safetensors"
    assert names(folder) == [path.name]
    assert weights.verify(path.stem) == {path.stem: ""}
    span = seen[-1].total
    assert (seen[-1].step, seen[-1].done) == ("fetching microsoft-vae-a-quality", span)
    tail = 1 << 16
    assert sum(stop - start for start, stop in server.asked) == 1 + tail + span < len(server.content)


def test_a_list_of_contents_beyond_the_tail_is_fetched_too(server, monkeypatch):
    monkeypatch.setattr("daguerre.weights.archive.TAIL", 100)
    weights.fetch("microsoft-scratch-detection")
    assert weights.verify("microsoft-scratch-detection") == {"microsoft-scratch-detection": ""}


def test_a_fetch_out_of_an_archive_goes_on_where_it_broke_off(server, folder):
    with zipfile.ZipFile(io.BytesIO(server.content)) as archive:
        begin = archive.getinfo(f"{FOLDER}/{VAE}").header_offset
    server.breaks = begin + 150_000
    with pytest.raises(WeightsError, match=r"run this again to go on.*global_checkpoints|global_checkpoints.*run this"):
        weights.fetch("microsoft-vae-a-quality")
    assert names(folder) == ["microsoft-vae-a-quality.zip.part"]
    have = (folder / "microsoft-vae-a-quality.zip.part").stat().st_size
    assert have > 0
    weights.fetch("microsoft-vae-a-quality")
    assert server.asked[-1][0] == begin + have
    assert weights.verify() == {"microsoft-vae-a-quality": ""}


def test_a_piece_of_another_archive_is_thrown_away(server, folder):
    (folder / "microsoft-vae-a-quality.zip.part").write_bytes(bytes(10))
    with pytest.raises(WeightsDamaged):
        weights.fetch("microsoft-vae-a-quality")
    assert names(folder) == []
    (folder / "microsoft-vae-a-quality.zip.part").write_bytes(bytes(10**7))
    weights.fetch("microsoft-vae-a-quality")
    assert weights.verify() == {"microsoft-vae-a-quality": ""}


@pytest.mark.parametrize("ranges", [False, "first"])
def test_a_server_without_ranges_sends_all_and_all_is_kept(server, folder, ranges):
    server.ranges = ranges
    with pytest.raises(NoRanges):
        RemoteFile(server.url)
    server.ranges = ranges
    assert weights.fetch("microsoft-vae-a-quality") == folder / "microsoft-vae-a-quality.safetensors"
    assert names(folder) == PARTS
    asked = len(server.asked)
    weights.fetch("microsoft-mapping-quality")
    assert len(server.asked) == asked


def test_a_whole_archive_that_is_damaged_is_not_kept(server, folder):
    server.ranges = False
    place = server.content.index(b"latest_net_G.pth") + 5000
    server.content = server.content[:place] + bytes(200) + server.content[place + 200 :]
    with pytest.raises(WeightsDamaged, match="cannot be unpacked"):
        weights.fetch("microsoft-vae-a-quality")
    assert names(folder) == []


def test_an_archive_on_a_server_that_lacks_the_file_is_told(server, monkeypatch):
    relist(monkeypatch, url=server.url, **{"microsoft-vae-a-quality": {"member": "restoration/VAE_X/net.pth"}})
    with pytest.raises(WeightsNotFound, match=r"no restoration/VAE_X/net\.pth in http://127"):
        weights.fetch("microsoft-vae-a-quality")


@pytest.mark.parametrize(("end", "reason"), [("/moved.pth", "answered 404"), (":1/a.zip", "no connection")])
def test_an_archive_that_cannot_be_had_names_the_address_and_the_folder(server, folder, monkeypatch, end, reason):
    address = server.url.rpartition("/")[0] if end.startswith("/") else "http://127.0.0.1"
    relist(monkeypatch, url=address + end)
    with pytest.raises(WeightsError, match=rf"from http://127.*{reason}.*put it into .*weights"):
        weights.fetch("microsoft-vae-a-quality")


def test_a_fetch_out_of_an_archive_can_be_cancelled(server, folder):
    def stop(progress):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        weights.fetch("microsoft-vae-a-quality", progress=stop)
    assert "microsoft-vae-a-quality.safetensors" not in names(folder)


def test_an_archive_that_unpacks_to_far_more_than_it_is_is_refused(folder, tmp_path):
    path = write_archive(tmp_path / "global_checkpoints.zip", **{VAE: bytes(40 << 20)})
    assert path.stat().st_size < 2**20
    with pytest.raises(WeightsDamaged, match=r"would unpack from 0\.0 to 40 MiB, as no weights do"):
        weights.import_archive(path)
    assert names(folder) == []


def test_what_was_being_unpacked_when_the_power_failed_is_removed(archive, folder):
    for name, age in ((".unpacked-old", 7200), (".unpacked-now", 0)):
        (folder / name).mkdir()
        (folder / name / "half.pth").write_bytes(bytes(10))
        os.utime(folder / name, (time.time() - age,) * 2)
    weights.import_archive(archive)
    assert names(folder) == [".unpacked-now", *PARTS]


def test_an_archive_on_a_server_that_claims_too_much_is_not_fetched(server, folder, monkeypatch):
    monkeypatch.setattr("daguerre.weights.archive.LARGEST", 1000)
    with pytest.raises(WeightsDamaged, match="more than any archive of weights"):
        weights.fetch("microsoft-vae-a-quality")
    monkeypatch.undo()


def test_a_list_of_contents_that_would_fill_the_memory_is_not_fetched(server, folder, monkeypatch):
    monkeypatch.setattr("daguerre.weights.archive.MOST", 50)
    with pytest.raises(WeightsDamaged, match="is no archive of weights: it lists"):
        weights.fetch("microsoft-vae-a-quality")
