"""Keys, notes, DSSE, trust files: strict, weak keys refused, every changed byte noticed."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as OracleEnvelope

from recorder import canonical, dsse, ed25519, note, trust
from recorder.errors import KeyFileError
from recorder.keys import FileKeys, LocalKey

LOG, SEAL, ROOT, OTHER = (LocalKey.of(Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in range(1, 5))
ORIGIN = "log.example/test"
_INDEX = st.integers(0, 10_000)


@pytest.mark.shared
def test_small_order_keys_of_cctv_are_weak(shared_data: Path) -> None:
    cases = json.loads((shared_data / "suites/cctv/ed25519vectors.json").read_bytes())
    low_order = {case["key"] for case in cases if "low_order_A" in (case["flags"] or [])}
    assert len(low_order) >= 5
    assert all(ed25519.is_weak(bytes.fromhex(key)) for key in low_order)


@pytest.mark.parametrize(
    "public", [b"", b"\x00" * 32, b"\x01" + b"\x00" * 31, b"\xee" + b"\xff" * 30 + b"\x7f", b"\xff" * 32, b"\x01" * 31]
)
def test_weak_keys(public: bytes) -> None:
    assert ed25519.is_weak(public)
    assert not ed25519.is_weak(LOG.public)


def test_a_checkpoint_reads_back() -> None:
    raw = note.sign_checkpoint(ORIGIN, 7, b"\x07" * 32, LOG)
    found = note.parse_checkpoint(raw)
    assert (found.origin, found.size, found.root) == (ORIGIN, 7, b"\x07" * 32)
    assert note.signed_by(found, ORIGIN, [(b"a", OTHER.public), (b"b", LOG.public)]) == b"b"
    assert note.signed_by(found, ORIGIN, [(b"a", OTHER.public)]) is None
    assert note.signed_by(found, "another.example", [(b"b", LOG.public)]) is None


@given(_INDEX, st.integers(1, 255))
def test_any_changed_byte_of_a_checkpoint_is_noticed(index: int, change: int) -> None:
    raw = bytearray(note.sign_checkpoint(ORIGIN, 7, b"\x07" * 32, LOG))
    raw[index % len(raw)] ^= change
    try:
        found = note.parse_checkpoint(bytes(raw))
    except note.NoteError:
        return
    assert note.signed_by(found, ORIGIN, [(b"log", LOG.public)]) is None


_GOOD = f"{ORIGIN}\n7\n{base64.b64encode(bytes(32)).decode()}\n"
_LINE = f"\n— {ORIGIN} {base64.b64encode(bytes(68)).decode()}\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (_GOOD + "extension\n" + _LINE, "E_CKPT_EXT"),
        (_GOOD.replace("\n7\n", "\n07\n") + _LINE, "E_CKPT_FORMAT"),
        (_GOOD.replace("\n7\n", "\n-7\n") + _LINE, "E_CKPT_FORMAT"),
        (_GOOD.replace("\n7\n", "\n99999999999999999999\n") + _LINE, "E_CKPT_FORMAT"),
        (_GOOD.replace("AAAA=", "AAAB=") + _LINE, "E_CKPT_FORMAT"),
        (_GOOD, "E_CKPT_FORMAT"),
        (_GOOD + _LINE.rstrip("\n"), "E_CKPT_FORMAT"),
        (_GOOD + _LINE.replace("— ", "- "), "E_CKPT_FORMAT"),
        (_GOOD + "\n" + _LINE.strip() + "\n" * 2, "E_CKPT_FORMAT"),
        (_GOOD + _LINE * 20, "E_CKPT_EXT"),
        (_GOOD.replace("\n7\n", "\n7\r\n") + _LINE, "E_CKPT_FORMAT"),
        ("\n" + _GOOD + _LINE, "E_CKPT_EXT"),
    ],
)
def test_malformed_checkpoints(text: str, code: str) -> None:
    with pytest.raises(note.NoteError) as refused:
        note.parse_checkpoint(text.encode())
    assert refused.value.code == code
    note.parse_checkpoint((_GOOD + _LINE).encode())


@pytest.mark.shared
def test_the_encoding_of_the_dsse_specification(shared_data: Path) -> None:
    text = (shared_data / "suites/dsse/protocol.md").read_text()
    assert dsse.pae("http://example.com/HelloWorld", b"hello world").decode() in text


def test_an_independent_implementation_reads_our_envelope() -> None:
    raw = dsse.sign(b'{"a":1}', "application/x", [SEAL])
    oracle = OracleEnvelope.from_dict(json.loads(raw))
    assert oracle.pae() == dsse.pae("application/x", b'{"a":1}')
    envelope = dsse.parse(raw, "application/x")
    assert envelope.signers({SEAL.key_id: trust.Root(SEAL.key_id, "ed25519", SEAL.public)}) == [SEAL.key_id]


@given(_INDEX, st.integers(1, 255))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_changed_byte_of_an_envelope_is_noticed(index: int, change: int) -> None:
    raw = bytearray(dsse.sign(b'{"a":1}', "application/x", [SEAL]))
    raw[index % len(raw)] ^= change
    try:
        envelope = dsse.parse(bytes(raw), "application/x")
    except dsse.DsseError:
        return
    assert envelope.signers({SEAL.key_id: trust.Root(SEAL.key_id, "ed25519", SEAL.public)}) == []


def test_a_trust_file_reads_back() -> None:
    found = trust.load(trust.make(ORIGIN, LOG, SEAL, [ROOT]))
    assert found.origin == ORIGIN
    assert [key.public for key in found.of_role("log")] == [LOG.public]


@given(_INDEX, st.integers(1, 255))
def test_any_changed_byte_of_a_trust_file_is_noticed(index: int, change: int) -> None:
    raw = bytearray(trust.make(ORIGIN, LOG, SEAL, [ROOT]))
    raw[index % len(raw)] ^= change
    with pytest.raises(trust.TrustError):
        trust.load(bytes(raw))


def _trust_with(change: dict[str, object], key_change: dict[str, object], signers: list[LocalKey]) -> bytes:
    raw = trust.make(ORIGIN, LOG, SEAL, [ROOT])
    document = json.loads(dsse.parse(raw, trust.PAYLOAD_TYPE).payload) | change
    document["keys"][0] |= key_change
    return dsse.sign(canonical.encode(document), trust.PAYLOAD_TYPE, signers)


@pytest.mark.parametrize(
    ("change", "key_change", "signers", "code"),
    [
        ({"threshold": 2}, {}, [ROOT], "E_TRUST_THRESHOLD"),
        ({"threshold": 2}, {}, [ROOT, ROOT], "E_TRUST_THRESHOLD"),
        ({}, {}, [OTHER], "E_TRUST_THRESHOLD"),
        ({"threshold": 2}, {}, [ROOT, OTHER], "E_TRUST_THRESHOLD"),
        ({"extra": 1}, {}, [ROOT], "E_TRUST_SIG"),
        ({}, {"pub": SEAL.public.hex(), "keyid": SEAL.key_id}, [ROOT], "E_KEY_DUP"),
        ({}, {"pub": "00" * 32}, [ROOT], "E_KEY_WEAK"),
        ({}, {"alg": "rsa"}, [ROOT], "E_KEY_ALG"),
        ({}, {"keyid": "0" * 64}, [ROOT], "E_TRUST_SIG"),
    ],
)
def test_trust_files_that_must_not_be_used(
    change: dict[str, object], key_change: dict[str, object], signers: list[LocalKey], code: str
) -> None:
    with pytest.raises(trust.TrustError) as refused:
        trust.load(_trust_with(change, key_change, signers))
    assert refused.value.code == code
    trust.load(_trust_with({}, {}, [ROOT]))


def test_key_files_are_private_and_kept(tmp_path: Path) -> None:
    keys = FileKeys(tmp_path / "keys")
    assert set(keys.create_missing()) == {"log", "seal", "root", "source"}
    assert keys.create_missing() == []
    assert {path.stat().st_mode & 0o777 for path in keys.folder.iterdir()} == {0o600}
    key = keys.signing_key("log")
    assert ed25519.verifies(key.public, key.sign(b"x"), b"x")
    keys.path("log").chmod(0o640)
    with pytest.raises(KeyFileError, match="read by others"):
        keys.signing_key("log")


@pytest.mark.parametrize("content", [b"", b"zz" * 32, b"00" * 31, b"\xff" * 10])
def test_a_bad_source_key_is_named(tmp_path: Path, content: bytes) -> None:
    keys = FileKeys(tmp_path)
    keys.path("source").write_bytes(content)
    keys.path("source").chmod(0o600)
    with pytest.raises(KeyFileError):
        keys.source_key("source")
    assert keys.source_key("../source") is None
