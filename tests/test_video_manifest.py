"""C2PA manifests: written where the library is installed, with the user's certificate or one for the film alone."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from corpus_data import gesturing
from cospeech.avatar.film import write_video
from cospeech.cli import main
from cospeech.core.errors import UserError
from cospeech.video.films.animate import animate_portrait
from cospeech.video.films.portrait import Portrait
from cospeech.video.provenance import manifest
from cospeech.video.provenance.record import Record, marked, sign, verify
from portrait_data import draw_figure, figure_points
from test_video_watermark import moving

real = pytest.mark.skipif(not manifest.installed(), reason="c2pa-python is not installed")


def record(method: str = "portrait") -> Record:
    return Record(method, {"portrait": "0" * 64}, "portrait")


def film(folder: Path, made: Record, suffix: str = ".mp4") -> Path:
    path = folder / f"film{suffix}"
    frames, tags = marked(iter(moving(1, 8)), (256, 256), made)
    write_video(path, frames, 8, 30, (256, 256), metadata=tags)
    return path


@pytest.fixture(autouse=True)
def _without_certificate(monkeypatch):
    monkeypatch.delenv(manifest.CERTIFICATE, raising=False)
    monkeypatch.delenv(manifest.KEY, raising=False)


class Library(types.ModuleType):
    """As much of c2pa-python as is used; what is signed stands behind the film's own bytes."""

    C2paError = type("C2paError", (Exception,), {})
    C2paSignerInfo = staticmethod(lambda *given: given)

    class _Open:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def close(self):
            return None

    class Signer(_Open):
        @classmethod
        def from_info(cls, info):
            if b"refused" in info[1]:
                raise Library.C2paError("the certificate is invalid")
            made = cls()
            made.info = info
            return made

    class Builder(_Open):
        def __init__(self, claim):
            self.claim = json.loads(claim)

        def sign(self, signer, kind, source, target):
            target.write(source.read())
            target.write(b"signed" + json.dumps({"claim": self.claim, "kind": kind, "by": signer.info[0]}).encode())

    class Context(_Open):
        @classmethod
        def from_dict(cls, settings):
            assert settings["verify"]["remote_manifest_fetch"] is False
            return cls()

    class Reader(_Open):
        @classmethod
        def try_create(cls, path, context):
            _, _, after = Path(path).read_bytes().partition(b"signed{")
            if not after:
                return None
            made = cls()
            made.said = json.loads(b"{" + after)["claim"]
            return made

        def get_active_manifest(self):
            return {**self.said, "signature_info": {"common_name": "A Studio"}}

        def get_validation_state(self):
            return "Valid"


@pytest.fixture
def library(monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", Library("c2pa"))
    monkeypatch.setattr(manifest, "installed", lambda: True)
    monkeypatch.setattr(manifest, "_ephemeral", lambda: ("made for this film", "key"))
    monkeypatch.setattr(manifest, "_algorithm", lambda key: "es256")


def test_without_the_library_nothing_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "installed", lambda: False)
    path = film(tmp_path, record())
    before = path.read_bytes()
    sign(path, record().metadata())
    assert path.read_bytes() == before
    assert verify(path).manifest is None


@pytest.mark.parametrize(("method", "source"), [("portrait", manifest.GENERATED), ("edit of 0:1", manifest.EDITED)])
def test_a_manifest_says_what_was_generated(tmp_path, library, method, source):
    made = record(method)
    path = film(tmp_path, made)
    sign(path, made.metadata())
    said = json.loads(path.read_bytes().partition(b"signed")[2])
    assert said["kind"] == "video/mp4"
    actions, own = said["claim"]["assertions"]
    assert actions["label"] == "c2pa.actions.v2"
    assert actions["data"]["actions"][0]["action"] == "c2pa.created"
    assert actions["data"]["actions"][0]["digitalSourceType"].endswith("/digitalsourcetype/" + source)
    assert Record.from_json(json.dumps(own["data"])) == made
    verdict = verify(path)
    assert verdict.record == made
    assert (verdict.manifest.source, verdict.manifest.signer) == (source, "A Studio")
    assert not list(tmp_path.glob("*-signed*"))


@pytest.mark.parametrize("mark", [True, False])
def test_a_portrait_that_speaks_is_signed(tmp_path, library, mark):
    points = figure_points("down") / 2
    picture, person = draw_figure(points, 128, 128)
    portrait = Portrait(picture, points, np.ones(116), person)
    path = animate_portrait(
        portrait, gesturing(1, seed=2), tmp_path / "talk.mp4", refine="none", mark=mark, workers=1, quiet=True
    )
    verdict = verify(path)
    assert (verdict.manifest is not None, verdict.marked) == (mark, mark)
    if mark:
        assert verdict.manifest.source == "trainedAlgorithmicMedia"
        assert verdict.agree


def test_a_manifest_alone_marks_a_film(tmp_path, library, capsys):
    path = tmp_path / "film.mp4"
    write_video(path, iter(moving(1, 8)), 8, 30, (256, 256))
    assert not verify(path).marked
    sign(path, record().metadata())
    main(["verify", str(path)])
    assert "C2PA manifest: trainedAlgorithmicMedia, by cospeech" in capsys.readouterr().out


def test_without_a_record_there_is_no_manifest(tmp_path, library):
    path = film(tmp_path, record())
    before = path.read_bytes()
    for tags in ({}, {"comment": "a holiday"}):
        sign(path, tags)
    assert path.read_bytes() == before


def test_certificates_are_looked_at_before_a_film_is_drawn(tmp_path, library, monkeypatch):
    frames = iter(np.zeros((0, 256, 256, 3), np.uint8))
    monkeypatch.setenv(manifest.CERTIFICATE, str(tmp_path / "chain.pem"))
    with pytest.raises(UserError, match="set both"):
        marked(frames, (256, 256), record())
    monkeypatch.setenv(manifest.KEY, str(tmp_path / "key.pem"))
    with pytest.raises(UserError, match="names no PEM file"):
        marked(frames, (256, 256), record())
    (tmp_path / "chain.pem").write_text("refused")
    (tmp_path / "key.pem").write_text("key")
    with pytest.raises(UserError, match="cannot sign"):
        marked(frames, (256, 256), record())


@real
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v"])
def test_a_film_is_signed_with_a_certificate_of_its_own(tmp_path, capsys, suffix):
    path = film(tmp_path, record(), suffix)
    sign(path, record().metadata())
    found = verify(path)
    assert found.manifest.source == "trainedAlgorithmicMedia"
    assert (found.manifest.intact, found.manifest.trusted) == (True, False)
    assert found.record is not None
    assert found.watermark.found
    main(["verify", str(path)])
    assert "made for this film alone, which names nobody" in capsys.readouterr().out


@real
def test_a_changed_film_is_said_to_be_changed(tmp_path, capsys):
    path = film(tmp_path, record())
    sign(path, record().metadata())
    data = bytearray(path.read_bytes())
    data[data.index(b"mdat") + 2000] ^= 1
    path.write_bytes(data)
    assert not verify(path).manifest.generated
    assert "the file was changed" in "\n".join(verify(path).lines())


@real
@pytest.mark.parametrize("kind", ["P-256", "P-384", "Ed25519", "RSA"])
def test_a_users_certificate_signs(tmp_path, monkeypatch, kind):
    chain, key = certificate(kind)
    (tmp_path / "chain.pem").write_text(chain)
    (tmp_path / "key.pem").write_text(key)
    monkeypatch.setenv(manifest.CERTIFICATE, str(tmp_path / "chain.pem"))
    monkeypatch.setenv(manifest.KEY, str(tmp_path / "key.pem"))
    path = film(tmp_path, record())
    sign(path, record().metadata())
    assert verify(path).manifest.signer == "A Studio"
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(UserError, match="no private key"):
        marked(iter(()), (256, 256), record())


def certificate(kind: str) -> tuple[str, str]:
    """PEM of a chain (the studio's, and the authority's that issued it) and of the key."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    makers = {
        "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
        "RSA": lambda: rsa.generate_private_key(65537, 2048),
    }
    root, own, now = ec.generate_private_key(ec.SECP256R1()), makers[kind](), datetime.now(UTC)

    def issue(name: str, key, authority: bool) -> str:
        def called(text: str) -> x509.Name:
            kinds = x509.oid.NameOID.ORGANIZATION_NAME, x509.oid.NameOID.COMMON_NAME
            return x509.Name([x509.NameAttribute(one, text) for one in kinds])

        usage = x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False)
        builder = (
            x509.CertificateBuilder(called("An Authority"), called(name), key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(x509.BasicConstraints(authority, None), True)
            .add_extension(usage, True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), False)
        )
        if not authority:
            allowed = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(allowed, True)
        return builder.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    private = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return issue("A Studio", own, False) + issue("An Authority", root, True), private.decode()
