"""Approvals before three verifiers: every refusal with its twin, and answers of people that nobody would send."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from recorder import approval, canonical, dsse, trust
from recorder.admission import parse_batch
from recorder.approval import Certificate, Signed, sign
from recorder.approval_binding import challenge_of, oidc_binding, webauthn_binding
from recorder.approval_store import ApprovalStore
from recorder.layout import Layout
from recorder.main import prepare
from recorder.seal import seal_window
from recorder.store import Store
from recorder.verify.bundle import verify_bundle
from recorder.web_encoding import to_base64url
from tests.recorder import test_approval as cases
from tests.support.approvals import (
    RP_ID,
    SALT,
    Authenticator,
    Provider,
    by_passkey,
    certificate,
    consume_event,
)
from tests.support.recorder_process import batch_body

ROOT = Path(__file__).parents[2]
TYPESCRIPT = ROOT / "verifiers" / "ts" / "dist" / "clyra-verify.mjs"
PADDING = {"policy_sha256": "a" * 64, "kind": "shadows", "rules": ["r"], "severity": "info", "state": "open"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A log's keys, its seal key being the one that the cases are signed with."""
    layout = Layout(tmp_path_factory.mktemp("proto") / "home")
    layout.create()
    encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = layout.keys.path("seal")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cases.SEAL.private.private_bytes(*encoding))
    path.chmod(0o600)
    prepare(layout)
    assert layout.keys.signing_key("seal").key_id == cases.SEAL.key_id
    return layout


def _entry(key: trust.TrustedKey) -> dict[str, Any]:
    entry: dict[str, Any] = {"keyid": key.key_id, "alg": key.alg, "pub": key.public.hex(), "role": key.role}
    entry |= {"valid_from_size": key.valid_from, "state": "active"}
    entry |= {name: getattr(key, name) for name in ("iss", "sub_c", "rp_id") if getattr(key, name)}
    if key.until is not None:
        entry["valid_until_size"] = key.until
    if key.compromised_from is not None:
        entry |= {"state": "compromised", "compromised_from_size": key.compromised_from}
    return entry


def _trust(layout: Layout, keys: Sequence[trust.TrustedKey]) -> bytes:
    """The log's trust file with `keys` in place of its seal key."""
    document = canonical.check(dsse.parse(layout.trust.read_bytes(), trust.PAYLOAD_TYPE).payload, trust.MAX_BYTES)
    kept = [key for key in document["keys"] if key["role"] != "seal"]
    document["keys"] = [*kept, *(_entry(key) for key in keys)]
    return dsse.sign(canonical.encode(document, trust.MAX_BYTES), trust.PAYLOAD_TYPE, [layout.keys.signing_key("root")])


def _bundle(prepared: Layout, home: Path, told: cases.Story) -> tuple[Path, bytes]:
    """A real log in which this happened, sealed; its trust file."""
    shutil.copytree(prepared.root, home)
    layout = Layout(home)

    def clock() -> tuple[int, int]:
        return told.at * 1_000_000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000

    keys = layout.keys
    store = Store(layout, keys.signing_key("log"), keys.signing_key("seal"), clock=clock)
    for one in told.members:
        ApprovalStore(layout.approvals).keep(one)
    named = [_grant(one) for one in told.members]
    batch = [{"typ": "pef.contradiction", "data": PADDING}, *told.events, *named]
    rejected = store.commit([parse_batch(batch_body("p", 1, batch), "source", "a" * 64)]).results[0].rejected
    assert rejected == []
    store.shut()
    return seal_window(layout).path, _trust(layout, told.keys or ())


def _grant(signed: Signed) -> dict[str, Any]:
    """A record that names a certificate, so that the bundle carries it."""
    parsed = approval.parse(signed.envelope)
    data = {"payload_sha256": "b" * 64, "approver_c": "c" * 64, "binding": ["session"]}
    return {
        "typ": "pef.approval.grant",
        "appr": {"id": parsed.id, "cert_sha256": signed.digest, "state": "granted"},
        "data": data,
    }


@pytest.fixture(scope="module")
def others(go: Any) -> list[list[str]]:
    """How to call the verifiers in other languages."""
    node = shutil.which("node")
    if node is None or not TYPESCRIPT.exists():
        pytest.skip("node or the built TypeScript verifier is missing")
    return [[str(go.program)], [node, str(TYPESCRIPT)]]


def _agree(bundle: Path, trusted: bytes, others: list[list[str]]) -> dict[str, Any]:
    """The report, which all three give byte for byte."""
    path = bundle.with_suffix(".trust")
    path.write_bytes(trusted)
    ours = verify_bundle(bundle, trusted)
    for command in others:
        words = [*command, "verify", str(bundle), "--trust", str(path), "--json"]
        done = subprocess.run(words, capture_output=True, check=False)
        assert done.stdout.rstrip(b"\n").decode() == ours.to_bytes().decode(), done.stderr.decode()
        assert done.returncode == ours.exit_code
    return ours.document()


def _is_kept(told: cases.Story) -> bool:
    """Whether a recorder would keep all its certificates: it takes none that is malformed."""
    for one in told.members:
        try:
            approval.parse(one.envelope)
        except approval.ApprovalError:
            return False
    return all(approval.parse(one.envelope).digest == one.digest for one in told.members)


@pytest.mark.comprehensive
@pytest.mark.parametrize("kind", ["refused", "accepted"])
@pytest.mark.parametrize("at", range(len(cases.REFUSED)), ids=cases.IDS)
def test_refusals_and_twins(prepared: Layout, tmp_path: Path, others: list[list[str]], at: int, kind: str) -> None:
    code, _, bad, good = cases.REFUSED[at]
    told = bad() if kind == "refused" else good()
    if not _is_kept(told):
        pytest.skip("the recorder does not keep such a certificate")
    report = _agree(*_bundle(prepared, tmp_path / "home", told), others)
    found = {one["code"] for one in report["codes"] if one["code"].startswith("E_APPROVAL_")}
    assert found == ({f"E_APPROVAL_{code}"} if kind == "refused" else set())


ODD = [
    "1800000005.0",
    "1.800000005e9",
    "1800000005e0",
    "-0",
    "0",
    "9007199254740991",
    "9007199254740992",
    "1" + "0" * 400,
    "1e999",
    "NaN",
    "Infinity",
    "true",
    "null",
    '""',
    '"1800000005"',
    "[]",
    "{}",
    "[1800000005]",
    '["clyra-approvals"]',
    '["clyra-approvals","x"]',
    '["pwd","mfa"]',
    '["mfa","pwd"]',
    '"mfa"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\ud83d\\ude00"',
    '"\\u0000"',
    '"\u0001"',
    "[" * 14 + "]" * 14,
    "[" * 15 + "]" * 15,
    "[" * 16 + "]" * 16,
    '{"a":1,"a":1}',
    "01",
    "+1",
    ".5",
    "1.",
    "tru",
    "'x'",
    "1 ",
    '"https://approve.example"',
    '"https://approve.example:0"',
    '"https://approve.example:123456"',
    '"https://APPROVE.example"',
    '"https://approve.example/"',
    '"https://approve.example."',
    '"https://xapprove.example"',
    '"http://approve.example"',
    '"http://localhost"',
    '"webauthn.\\u0067et"',
]
AROUND = [("", ""), (" ", "\n"), ("\ufeff", ""), ("", ","), ("[", "]"), ("", "\u00a0"), ("\t\r", " "), ("", "\x00")]


def _text(members: dict[str, str], chance: random.Random) -> bytes:
    """A JSON object as text, now and then with something odd in it."""
    parts = [f'"{name}":{value}' for name, value in members.items()]
    if chance.random() < 0.1:
        parts.append(parts[0])
    if chance.random() < 0.2:
        parts.insert(0, f'"{chance.choice(["x", "\\u0069at", "crit", "amr", "é"])}":{chance.choice(ODD)}')
    before, after = chance.choice(AROUND) if chance.random() < 0.2 else ("", "")
    space = " " if chance.random() < 0.2 else ""
    raw = f"{before}{{{space}{f',{space}'.join(parts)}{space}}}{after}".encode("utf-8", "surrogatepass")
    return raw + (b"\xff" if chance.random() < 0.03 else b"")


def _odd_members(members: dict[str, str], chance: random.Random) -> dict[str, str]:
    again = dict(members)
    for _ in range(chance.randint(0, 1)):
        name = chance.choice(list(again))
        if chance.random() < 0.2:
            del again[name]
        else:
            again[name] = chance.choice(ODD)
    return again


def _odd_passkey(person: Authenticator, chance: random.Random) -> Certificate:
    made = by_passkey(cases.NOW, person)
    challenge = challenge_of(made.challenge.nonce, made.payload.sha256)
    plain = {"type": "webauthn.get", "challenge": challenge, "origin": f"https://{RP_ID}", "crossOrigin": False}
    client = _text(_odd_members({name: json.dumps(value) for name, value in plain.items()}, chance), chance)
    flags = chance.choice([0x05, 0x05, 0x01, 0x04, 0x45, 0x85, 0xFF])
    _, data, _ = person.answer(challenge, flags=flags, extra=chance.choice([b"", b"", b"\xa0", bytes(20)]))
    data = chance.choice([data, data, data, data[:36], data[:-1], b""]) or b"\x00"
    message = data + sha256(client).digest()
    if isinstance(person.private, ec.EllipticCurvePrivateKey):
        signature = person.private.sign(message, ec.ECDSA(hashes.SHA256()))
        signature = chance.choice([signature] * 6 + [signature + b"\x00", signature[:-1], b"\x30\x00"])
    else:
        signature = person.private.sign(message)
        signature = chance.choice([signature] * 6 + [signature[:-1], signature + b"\x00"])
    return replace(made, bindings=(webauthn_binding(person.key.key_id, client, data, signature),))


def _odd_token(provider: Provider, chance: random.Random) -> Certificate:
    made = certificate(cases.NOW)
    claims = provider.claims("alice", made.challenge, made.payload, auth_time=cases.NOW - 5, acr="2")
    made = replace(made, approver=replace(made.approver, auth_time=cases.NOW - 5, context="2"))
    head = _text(_odd_members({"alg": json.dumps(provider.algorithm), "typ": '"JWT"'}, chance), chance)
    body = _text(_odd_members({name: json.dumps(value) for name, value in claims.items()}, chance), chance)
    signed = f"{to_base64url(head)}.{to_base64url(body)}"
    private = provider.private
    if provider.algorithm == "RS256":
        signature = private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    elif provider.algorithm == "ES256":
        r, s = decode_dss_signature(private.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32) + s.to_bytes(32)
    else:
        signature = private.sign(signed.encode())
    signature = chance.choice([signature] * 8 + [signature[:-1], signature + b"\x00", bytes(len(signature))])
    token = f"{signed}.{to_base64url(signature)}"
    return replace(made, bindings=(oidc_binding(provider.key.key_id, token, b"{}", SALT),))


def _odd_story(seed: int) -> cases.Story:
    chance = random.Random(seed)
    made: list[Certificate] = []
    for _ in range(60):
        kind = chance.randrange(5)
        if kind < 2:
            made.append(_odd_passkey((cases.ALICE, cases.BOB)[kind], chance))
        else:
            made.append(_odd_token(list(cases.LOGIN.values())[kind - 2], chance))
    signed = []
    for one in made:
        try:
            signed.append((sign(one, cases.SEAL), one))
        except approval.ApprovalError:
            continue
    return cases.Story([one for one, _ in signed], [consume_event(*pair) for pair in signed])


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(n, marks=pytest.mark.comprehensive) for n in range(3, 40))])
def test_odd_answers(prepared: Layout, tmp_path: Path, others: list[list[str]], seed: int) -> None:
    """Properly signed by the right key, and strange inside: the same count of every code."""
    report = _agree(*_bundle(prepared, tmp_path / "home", _odd_story(seed)), others)
    assert 0 < report["approvals"]["valid"] < report["approvals"]["consumed"]
