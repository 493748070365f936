"""C2PA manifests of generated films, where the library ``c2pa-python`` is installed; without it nothing changes.

A manifest ("Content Credentials", the specification of the Coalition for Content Provenance and Authenticity) says
that a film was generated, and is signed. With no certificate of a user's own it is signed with one that is made for
that film alone: that shows whether the film was changed since, and names nobody.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ...core.errors import UserError

CERTIFICATE, KEY = "COSPEECH_C2PA_CERTIFICATE", "COSPEECH_C2PA_KEY"
FILM = "video/mp4"  # mov and m4v are made of the same boxes
SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED, EDITED = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"
EPHEMERAL = "cospeech: made for this film alone"  # common name of the certificate without a user's own
_DAYS = 30  # that it is valid
_OFFLINE = {"verify": {"remote_manifest_fetch": False}}
_LABEL = "cospeech.record"


@dataclass(frozen=True)
class Manifest:
    """What a C2PA manifest in a file says.

    Attributes:
        generator: the program that wrote it.
        source: kind of source of the first action that names one, as "trainedAlgorithmicMedia"; "" if none does.
        signer: common name of the signer's certificate; anybody can choose one.
        intact: whether the file and the manifest are as they were signed.
        trusted: whether the library knows who issued the certificate.
    """

    generator: str
    source: str
    signer: str
    intact: bool
    trusted: bool

    @property
    def generated(self) -> bool:
        """Whether it says, unchanged, that the file was generated or holds something generated."""
        return self.intact and self.source in (GENERATED, EDITED)

    def line(self) -> str:
        """The manifest in words."""
        if not self.intact:
            return f"C2PA manifest: the file was changed after {self.generator} signed it"
        if self.signer == EPHEMERAL:
            signed = "signed with a certificate made for this film alone, which names nobody"
        else:
            signed = f"signed by {self.signer!r}" + ("" if self.trusted else ", whom nobody vouches for here")
        return f"C2PA manifest: {self.source or 'no source named'}, by {self.generator}, {signed}"


def installed() -> bool:
    """Whether the library is there."""
    try:
        importlib.metadata.version("c2pa-python")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def credentials() -> tuple[str, str] | None:
    """PEM of the user's certificates and of the key, from the files that two environment variables name.

    Returns:
        None if neither variable is set.
    Raises:
        UserError: one of them without the other, or a file that cannot be read.
    """
    names = os.environ.get(CERTIFICATE, ""), os.environ.get(KEY, "")
    if not any(names):
        return None
    if not all(names):
        raise UserError(f"a C2PA certificate needs its key: set both {CERTIFICATE} and {KEY}, or neither")
    texts = []
    for variable, name in zip((CERTIFICATE, KEY), names, strict=True):
        try:
            texts.append(Path(name).read_text("ascii"))
        except (OSError, ValueError) as error:
            raise UserError(f"cannot read {name}: {variable} names no PEM file; check the name") from error
    return texts[0], texts[1]


def check_credentials() -> None:
    """Find before a film is drawn whether the user's certificate can sign it.

    Raises:
        UserError: as ``credentials``, or a certificate or key that the library does not take.
    """
    if installed() and credentials() is not None:
        _signer().close()


def add_manifest(film: Path, record: Mapping[str, Any]) -> None:
    """Add a signed manifest to a film, in place, if the library is installed.

    Args:
        film: mp4, mov or m4v.
        record: fields of the record of provenance, as its JSON has them.
    Raises:
        UserError: a certificate that cannot sign.
    """
    if not installed():
        return
    import c2pa

    signed = film.with_name(f"{film.stem}-signed{film.suffix}")
    try:
        with (
            _signer() as signer,
            c2pa.Builder(json.dumps(_claim(record))) as builder,
            film.open("rb") as source,
            signed.open("w+b") as target,
        ):
            builder.sign(signer, FILM, source, target)
        os.replace(signed, film)
    except c2pa.C2paError as error:
        raise UserError(f"the film cannot be signed: {error}; check {CERTIFICATE} and {KEY}") from error
    finally:
        signed.unlink(missing_ok=True)


def read_manifest(file: Path) -> Manifest | None:
    """The manifest in a film or picture; None if there is none, or none that can be read, or no library."""
    if not installed():
        return None
    import c2pa

    try:
        with c2pa.Context.from_dict(_OFFLINE) as offline:
            reader = c2pa.Reader.try_create(file, context=offline)
            if reader is None:
                return None
            with reader:
                active, state = reader.get_active_manifest() or {}, reader.get_validation_state()
    except (c2pa.C2paError, OSError, ValueError):
        return None
    programs = active.get("claim_generator_info") or [{}]
    return Manifest(
        generator=" ".join(str(programs[0][name]) for name in ("name", "version") if programs[0].get(name)) or "?",
        source=_source(active),
        signer=str((active.get("signature_info") or {}).get("common_name") or "?"),
        intact=state in ("Valid", "Trusted"),
        trusted=state == "Trusted",
    )


def _claim(record: Mapping[str, Any]) -> Mapping[str, Any]:
    program = {name: record[key] for name, key in (("name", "generator"), ("version", "version"))}
    source = SOURCES + (EDITED if record["method"].startswith("edit") else GENERATED)
    created = {"action": "c2pa.created", "digitalSourceType": source, "softwareAgent": program}
    return {
        "claim_generator_info": [program],
        "title": f"{record['method']}, generated by AI: {record['generator']}",
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [{**created, "when": record["created"]}]}},
            {"label": _LABEL, "data": record},
        ],
    }


def _source(manifest: Mapping[str, Any]) -> str:
    for assertion in manifest.get("assertions", ()):
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            for action in assertion.get("data", {}).get("actions", ()):
                if action.get("digitalSourceType"):
                    return str(action["digitalSourceType"]).rsplit("/", 1)[-1]
    return ""


def _signer() -> Any:
    import c2pa

    chain, key = credentials() or _ephemeral()
    try:
        return c2pa.Signer.from_info(c2pa.C2paSignerInfo(_algorithm(key), chain.encode(), key.encode(), None))
    except c2pa.C2paError as error:
        raise UserError(f"the C2PA certificate cannot sign: {error}; check {CERTIFICATE} and {KEY}") from error


def _algorithm(key: str) -> str:
    """Name in C2PA of the signature that a key makes."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        found = load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError) as error:
        raise UserError(f"{KEY} names no private key in PEM without a password; give one") from error
    if isinstance(found, ec.EllipticCurvePrivateKey) and found.key_size in (256, 384, 521):
        return {256: "es256", 384: "es384", 521: "es512"}[found.key_size]
    if isinstance(found, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(found, rsa.RSAPrivateKey):
        return "ps256"
    raise UserError(f"{KEY} names a key of a kind that C2PA does not know; give one of P-256, P-384, Ed25519 or RSA")


def _ephemeral() -> tuple[str, str]:
    """PEM of a certificate that signs itself, and of its key, which is forgotten after the film."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    names = (x509.oid.NameOID.ORGANIZATION_NAME, "cospeech"), (x509.oid.NameOID.COMMON_NAME, EPHEMERAL)
    name = x509.Name([x509.NameAttribute(kind, text) for kind, text in names])
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(usage, True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.EMAIL_PROTECTION]), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(encoding).decode(), private.decode()
