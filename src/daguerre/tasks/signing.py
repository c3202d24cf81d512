"""Content Credentials (C2PA): a signed statement of what was done, added to a finished file as the last step.

No server is contacted: there is no time stamp, and the certificate is the user's own. Whether to trust it is up to the
reader; the signature proves that the file has not changed since.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from daguerre._version import __version__
from daguerre.errors import MissingExtra, OptionError, UnwritablePicture
from daguerre.files import read_small
from daguerre.images.formats import recognise
from daguerre.images.source import Source
from daguerre.tasks.provenance import SOURCE_TYPES

__all__ = ["Signature", "check_signature"]

MIME = {
    name: f"image/{name.lower().replace(' ', '-')}" for name in ("JPEG", "PNG", "TIFF", "WebP", "AVIF", "GIF", "HEIC")
}
OTHER = "application/octet-stream"
CURVES = {256: "es256", 384: "es384", 521: "es512"}  # algorithm by bits of the key
PARENT = "original"  # label by which the actions refer to the original
ACTIONS = {"upscale": "c2pa.resized", "stylize": "c2pa.filtered"}
SETTINGS = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}


class Signature:
    """Signs files with a key and its certificate.

    Args:
        certificate: PEM file of the signer's certificate, followed by its chain.
        key: PEM file of its private key, without a password: P-256, P-384, P-521, RSA or Ed25519.

    Raises:
        MissingExtra: c2pa-python is not installed.
        OptionError: the files cannot be read or used.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        c2pa = load()
        chain, private = (read_pem(path) for path in (certificate, key))
        try:
            info = c2pa.C2paSignerInfo(algorithm(private, key), chain, private, None)
            self.signer = c2pa.Signer.from_info(info)
        except c2pa.C2paError as error:
            raise OptionError(f"cannot sign with {key} and {certificate}: {error}") from error

    def sign(
        self, source: Path, target: Path, *, title: str, origin: Source | None, steps: Sequence[Mapping[str, object]]
    ) -> None:
        """Write a signed copy of a file.

        Args:
            source, target: files of the same format; an existing `target` is overwritten.
            title: title of the file.
            origin: the file that the picture was made from.
            steps: the records of what was done.

        Raises:
            UnwritablePicture: the format holds no credentials, or the certificate is refused.
        """
        c2pa = load()
        manifest = {
            "claim_generator_info": [{"name": "Daguerre", "version": __version__}],
            "title": title,
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions(steps, origin)}}],
        }
        try:
            with c2pa.Context(settings=c2pa.Settings.from_dict(SETTINGS)) as context:
                builder = c2pa.Builder(manifest, context)
                if origin is not None:
                    parent = {"title": origin.path.name, "relationship": "parentOf", "label": PARENT}
                    kind = recognise(origin.look()[1])
                    with origin.open() as file:
                        builder.add_ingredient(parent, MIME.get(kind.name if kind else "", OTHER), file)
                builder.sign_file(source, target, self.signer)
        except c2pa.C2paError as error:
            raise UnwritablePicture(f"cannot sign {title}: {error}") from error


def actions(steps: Sequence[Mapping[str, Any]], origin: Source | None) -> list[dict[str, Any]]:
    """What was done, as C2PA actions; steps that changed nothing are left out."""
    first: dict[str, Any] = {"action": "c2pa.created"}
    if origin is not None:
        first = {"action": "c2pa.opened", "parameters": {"ingredientIds": [PARENT]}}
    return [first, *(action(step) for step in steps if step.get("source_type"))]


def action(step: Mapping[str, Any]) -> dict[str, Any]:
    made = {name: step[name] for name in ("options", "measured", "models") if step.get(name)}
    return {
        "action": ACTIONS.get(step["task"], "c2pa.edited"),
        "digitalSourceType": f"{SOURCE_TYPES}{step['source_type']}",
        "softwareAgent": {"name": "Daguerre", "version": str(step.get("program", "")).rpartition(" ")[2]},
        "description": step["task"],
        "parameters": {f"org.daguerre.{name}": value for name, value in made.items()},
    }


def check_signature(path: Path, *, trusted: Path | None = None) -> str | None:
    """Validity of a file's credentials: `Trusted`, `Valid`, `Invalid`; empty without credentials.

    Args:
        trusted: PEM file of certificates to trust.

    Raises:
        MissingExtra: c2pa-python is not installed.
    """
    c2pa = load()
    settings: dict[str, Any] = dict(SETTINGS)
    if trusted is not None:
        settings["trust"] = {"user_anchors": read_pem(trusted).decode()}
    with c2pa.Context(settings=c2pa.Settings.from_dict(settings)) as context:
        try:
            reader = c2pa.Reader.try_create(str(path), None, None, context)
        except c2pa.C2paError:
            return "Invalid"
        if reader is None:
            return None
        with reader:
            state: str | None = reader.get_validation_state()
            return state


def load() -> Any:
    """Import the library.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import c2pa
    except ImportError as error:
        raise MissingExtra(
            "Content Credentials need c2pa-python; install it with: pip install 'daguerre[c2pa]'"
        ) from error
    return c2pa


def read_pem(path: Path) -> bytes:
    """Contents of a file of keys or certificates.

    Raises:
        OptionError: the file is missing, or not of this kind.
    """
    try:
        data = read_small(path)
    except OSError as error:
        raise OptionError(f"cannot read {path} ({error.strerror})") from error
    if b"-----BEGIN " not in data:
        raise OptionError(f"{path} is no PEM file; it begins with -----BEGIN")
    return data


def algorithm(key: bytes, path: Path) -> str:
    """The signing algorithm of a private key.

    Raises:
        OptionError: it has a password, or is of another kind.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        loaded = load_pem_private_key(key, password=None)
    except TypeError as error:
        raise OptionError(f"{path} has a password; make a copy without: openssl pkcs8 -topk8 -nocrypt") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise OptionError(f"{path} holds no private key that can be read") from error
    if isinstance(loaded, ec.EllipticCurvePrivateKey) and loaded.key_size in CURVES:
        return CURVES[loaded.key_size]
    if isinstance(loaded, rsa.RSAPrivateKey):
        return "ps256"
    if isinstance(loaded, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise OptionError(f"{path} is of a kind that C2PA does not know; use P-256, P-384, P-521, RSA or Ed25519")
