"""Rotation statements: one form each way, everything else refused; public keys of every algorithm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from recorder import dsse, public_key, rotation
from recorder.keys import LocalKey
from recorder.rotation import Change

OLD, NEW = (LocalKey.of(Ed25519PrivateKey.generate()) for _ in range(2))
_P256 = ec.generate_private_key(ec.SECP256R1())
_POINT = _P256.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
CHANGE = Change(
    "example.org/log", "rotation", "log", NEW.key_id, "ed25519", NEW.public, 7, "yearly", replaces=OLD.key_id
)
P256_CHANGE = replace(
    CHANGE, role="seal", key_id=public_key.key_id(public_key.P256, _POINT), algorithm=public_key.P256, public=_POINT
)
GOOD = [
    CHANGE,
    P256_CHANGE,
    replace(CHANGE, kind="recovery", compromised_from_size=3),
    replace(CHANGE, kind="recovery"),
    replace(CHANGE, kind="revocation", replaces=""),
    replace(CHANGE, kind="revocation", replaces="", compromised_from_size=0),
    replace(CHANGE, kind="delegation", until_size=900),
]


@pytest.mark.parametrize("change", GOOD, ids=lambda change: f"{change.kind}-{change.algorithm}")
def test_a_statement_reads_back_as_it_was_written(change: Change) -> None:
    assert rotation.parse_payload(rotation.make_payload(change)) == change


@pytest.mark.parametrize(
    "change",
    [
        replace(CHANGE, kind="promotion"),
        replace(CHANGE, role="root"),
        replace(CHANGE, key_id=OLD.key_id),
        replace(CHANGE, replaces=""),
        replace(CHANGE, replaces=NEW.key_id),
        replace(CHANGE, until_size=9),
        replace(CHANGE, compromised_from_size=9),
        replace(CHANGE, reason=""),
        replace(CHANGE, reason="x" * (rotation.MAX_REASON + 1)),
        replace(CHANGE, size=-1),
        replace(CHANGE, public=bytes(32)),
        replace(CHANGE, kind="revocation"),
        replace(CHANGE, kind="delegation"),
        replace(CHANGE, kind="delegation", until_size=9, role="seal"),
        replace(CHANGE, kind="delegation", until_size=9, compromised_from_size=1),
        replace(P256_CHANGE, role="log"),
        replace(P256_CHANGE, public=_POINT[:-1] + bytes([_POINT[-1] ^ 1])),
        replace(P256_CHANGE, algorithm=public_key.RSA),
    ],
)
def test_a_change_that_breaks_a_rule_has_no_statement(change: Change) -> None:
    with pytest.raises(rotation.RotationError):
        rotation.make_payload(change)


def _with(**changes: Any) -> bytes:
    document = orjson.loads(rotation.make_payload(CHANGE))
    document["predicate"].update(changes)
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"\xff",
        rotation.make_payload(CHANGE) + b"\n",
        rotation.make_payload(CHANGE).replace(b'"size":7', b'"size":7.0'),
        _with(extra=1),
        _with(pub=NEW.public.hex() + "0"),
        _with(pub=NEW.public.hex().upper()),
        rotation.make_payload(CHANGE).replace(b'"role":"log"', b'"role":"log","role":"log"'),
    ],
)
def test_a_statement_in_another_form_is_refused(payload: bytes) -> None:
    with pytest.raises(rotation.RotationError):
        rotation.parse_payload(payload)
    rotation.parse_payload(_with())


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for read in (rotation.parse_payload, rotation.parse_member):
        try:
            read(raw)
        except rotation.RotationError:
            continue
        assert raw == b""


@pytest.mark.parametrize("change", GOOD, ids=lambda change: f"{change.kind}-{change.algorithm}")
def test_possession_is_bound_to_log_key_and_size(change: Change) -> None:
    message = rotation.possession_message(change.origin, change.key_id, change.size)
    if change.kind == "revocation":
        assert rotation.proves_possession(change, "")
        assert not rotation.proves_possession(change, NEW.sign(message).hex())
        return
    made = _P256.sign(message, ec.ECDSA(hashes.SHA256())) if change is P256_CHANGE else NEW.sign(message)
    assert rotation.proves_possession(change, made.hex())
    for other in (
        "",
        "zz",
        made.hex().upper(),
        OLD.sign(message).hex(),
        NEW.sign(rotation.possession_message(change.origin, change.key_id, change.size + 1)).hex(),
        NEW.sign(rotation.possession_message("example.org/other", change.key_id, change.size)).hex(),
    ):
        assert not rotation.proves_possession(change, other)


def test_the_record_of_a_change_satisfies_its_schema() -> None:
    from recorder import record

    validator = record._validator("sys.key")  # the schema alone: a whole record needs a chain
    for change in GOOD:
        possession = "" if change.kind == "revocation" else "ab" * 64
        data = rotation.record_data(change, rotation.make_payload(change), possession)
        assert [str(error) for error in validator.iter_errors({"data": data}) if error.instance_path] == []


def _entry(seq: int, change: Change = CHANGE) -> rotation.Entry:
    return rotation.Entry(seq, dsse.sign(rotation.make_payload(change), rotation.PAYLOAD_TYPE, [OLD]), "ab" * 64)


def test_the_member_reads_back_in_order() -> None:
    entries = [_entry(9), _entry(2, GOOD[2])]
    raw = rotation.make_member(entries)
    assert rotation.parse_member(raw) == [entries[1], entries[0]]
    assert rotation.parse_member(b"") == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\n", b""),
        (b'"seq":2', b'"seq":-2'),
        (b'"seq":2', b'"seq":2.0'),
        (b'"seq":2', b'"seq":true'),
        (b'"seq":2', b'"seq": 2'),
        (b'"seq":2', b'"seq":2,"x":1'),
        (b'"possession":"', b'"possession":"' + b"ab" * 81),
        (b'"payloadType":"application/vnd.in-toto+json"', b'"payloadType":"text/plain"'),
    ],
)
def test_a_member_in_another_form_is_refused(old: bytes, new: bytes) -> None:
    raw = rotation.make_member([_entry(2)])
    rotation.parse_member(raw)
    with pytest.raises(rotation.RotationError):
        rotation.parse_member(raw.replace(old, new))
    with pytest.raises(rotation.RotationError):
        rotation.parse_member(raw + raw)


def test_p256_signatures_have_one_form() -> None:
    signature = _P256.sign(b"m", ec.ECDSA(hashes.SHA256()))
    check = public_key.verifies
    assert check(public_key.P256, _POINT, signature, b"m")
    assert not check(public_key.P256, _POINT, signature, b"n")
    assert not check(public_key.P256, _POINT, signature + b"\x00", b"m")
    assert not check(public_key.P256, _POINT, b"", b"m")
    r, s = decode_dss_signature(signature)
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    assert not check(public_key.P256, _POINT, encode_dss_signature(r + order, s), b"m")
    assert not check(public_key.P256, _POINT, encode_dss_signature(0, s), b"m")
    assert not check("unknown", _POINT, signature, b"m")
    assert public_key.is_weak(public_key.P256, bytes(65))
    assert public_key.is_weak(public_key.P256, _POINT[:33])


@pytest.mark.parametrize(("bits", "weak"), [(1024, True), (2048, False)])
def test_rsa_keys_have_bounds(bits: int, weak: bool) -> None:
    private = rsa.generate_private_key(65_537, bits)
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert public_key.is_weak(public_key.RSA, public) is weak
    signature = private.sign(b"m", padding.PKCS1v15(), hashes.SHA256())
    assert public_key.verifies(public_key.RSA, public, signature, b"m") is not weak
    assert not public_key.verifies(public_key.RSA, public, signature, b"n")
    assert public_key.is_weak(public_key.RSA, public + b"\x00")


def test_key_ids_are_the_digest_of_the_spki() -> None:
    from hashlib import sha256

    for key, algorithm, public in (
        (NEW.private.public_key(), public_key.ED25519, NEW.public),
        (_P256.public_key(), public_key.P256, _POINT),
    ):
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        assert public_key.key_id(algorithm, public) == sha256(der).hexdigest()
