import shutil
import subprocess

import pytest
from images.drawn import photo

from daguerre.errors import MissingExtra, OptionError, UnwritablePicture
from daguerre.images import Picture
from daguerre.tasks import signing
from daguerre.tasks.result import records_of
from daguerre.tasks.saving import ResultOptions
from daguerre.tasks.signing import Signature, check_signature
from daguerre.tasks.upscaling.upscaler import Upscaler

EXACT = {"device": "cpu", "precision": "float32"}
EXTENSIONS = """keyUsage=critical,digitalSignature
extendedKeyUsage=emailProtection
basicConstraints=critical,CA:FALSE
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""
ROOT = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A root certificate, a key and its certificate with the root behind it, as openssl makes them."""
    pytest.importorskip("c2pa")
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("keys")

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    curve = ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out")
    openssl(*curve, "root.key")
    openssl(
        "req", "-x509", "-new", "-key", "root.key", "-subj", "/CN=Root/O=Test", "-out", "root.pem", "-days", "30",
        *(word for line in ROOT for word in ("-addext", line)),
    )  # fmt: skip
    openssl(*curve, "leaf.key")
    openssl("req", "-new", "-key", "leaf.key", "-subj", "/CN=Museum/O=Test", "-out", "leaf.csr")
    (folder / "extensions").write_text(EXTENSIONS)
    openssl(
        "x509", "-req", "-in", "leaf.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "20",
        "-extfile", "extensions", "-out", "leaf.pem",
    )  # fmt: skip
    (folder / "chain.pem").write_bytes((folder / "leaf.pem").read_bytes() + (folder / "root.pem").read_bytes())
    return folder


@pytest.fixture
def made(desk):
    return Upscaler(scale=2, **EXACT)(Picture.from_array(photo(16, 20)).save(desk / "a.bmp"))


def signing_with(keys, **changes):
    return ResultOptions(c2pa_certificate=keys / "chain.pem", c2pa_key=keys / "leaf.key", **changes)


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
def test_a_signed_result_is_the_same_picture_and_holds_until_a_byte_changes(made, keys, ending):
    plain, signed = made.save(f"plain.{ending}"), made.save(f"signed.{ending}", options=signing_with(keys))
    assert check_signature(plain) is None
    assert check_signature(signed) == "Valid"
    assert check_signature(signed, trusted=keys / "root.pem") == "Trusted"
    assert (Picture.open(signed).array() == Picture.open(plain).array()).all()
    assert records_of(signed) == records_of(plain)
    assert signed.stat().st_size < plain.stat().st_size + 12_000  # no thumbnails
    data = bytearray(signed.read_bytes())
    data[-30] ^= 1
    signed.write_bytes(data)
    assert check_signature(signed) == "Invalid"


def test_what_was_done_is_listed_after_the_original(made, keys):
    import json

    import c2pa

    with c2pa.Reader(str(made.save("signed.png", options=signing_with(keys)))) as reader:
        told = json.loads(reader.json())
    manifest = told["manifests"][told["active_manifest"]]
    assert manifest["ingredients"][0]["title"] == "a.bmp"
    (listed,) = [entry["data"]["actions"] for entry in manifest["assertions"] if entry["label"] == "c2pa.actions.v2"]
    assert [action["action"] for action in listed] == ["c2pa.opened", "c2pa.resized"]
    assert listed[1]["digitalSourceType"].endswith("algorithmicallyEnhanced")
    assert listed[1]["parameters"]["org.daguerre.models"] == dict(made.record.models)


def test_nothing_is_left_where_no_credentials_can_be(made, keys, desk):
    with pytest.raises(UnwritablePicture, match=r"cannot sign b\.bmp"):
        made.save("b.bmp", options=signing_with(keys))
    assert not (desk / "b.bmp").exists()


@pytest.mark.parametrize(
    ("certificate", "key", "problem"),
    [
        ("nowhere.pem", "leaf.key", "cannot read .*nowhere.pem"),
        ("chain.pem", "extensions", "extensions is no PEM file"),
        ("chain.pem", "root.pem", "root.pem holds no private key"),
    ],
)
def test_what_cannot_sign_is_said_before_any_work(keys, certificate, key, problem):
    with pytest.raises(OptionError, match=problem):
        Signature(keys / certificate, keys / key)


def test_the_extra_is_named_where_it_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "c2pa", None)
    with pytest.raises(MissingExtra, match=r"pip install 'daguerre\[c2pa\]'"):
        signing.check_signature(tmp_path)
