"""One log with everything in it that the format knows, and every key that ever signed something about it.

Records come from the real store, what an operator does to a log now and then (keys, anchors, erasure, clock) is added
as records of their own, and `Forge` seals any window of it. What the two other verifiers are compared on starts here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from recorder import approval, canonical, cosignature, database, dsse, note, rotation, statement
from recorder.keys import LocalKey
from recorder.keys.interface import SigningKey
from recorder.layout import Layout
from recorder.merkle import consistency_proof, leaf_hash
from recorder.record import timestamp
from tests.support.approvals import Authenticator, Provider, by_passkey, by_token, certificate, consume_event
from tests.support.evidence_log import EvidenceLog, denied, exchange
from tests.support.forged_bundles import Forge, compact, key_entry, rechained

NOW = 1_900_000_000
WITNESSES = ("witness.example/one", "witness.example/two")


@dataclass
class World:
    """forge: seals the log. alice, provider: who approved. approvals: the certificates that its records use up."""

    forge: Forge
    witnesses: list[LocalKey]
    auditor: LocalKey
    alice: Authenticator
    provider: Provider
    approvals: list[approval.Signed] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.forge.lines)

    def cosigned(self, size: int, *who: int, at: int = NOW) -> bytes:
        """A checkpoint with cosignatures of witnesses by their place in WITNESSES."""
        made = self.forge.checkpoint(size)
        text = note.parse_checkpoint(made).text
        return made + b"".join(cosignature.cosign(text, WITNESSES[one], self.witnesses[one], at + one) for one in who)

    def placed(self, size: int, **changes: Any) -> bytes:
        """A def-anchor file."""
        document = {
            "v": "def-anchor/0",
            "kind": "warehouse",
            "origin": self.forge.origin,
            "size": size,
            "root": self.forge.frontier(size).root().hex(),
            "location": "db/anchors",
        }
        return canonical.encode(document | changes)

    def attestation(self, bundle: Path, key: SigningKey, **changes: Any) -> bytes:
        """A result about a bundle in a folder."""
        envelope = dsse.parse((bundle / statement.STATEMENT).read_bytes(), statement.PAYLOAD_TYPE)
        document = {
            "_type": statement.STATEMENT_TYPE,
            "subject": [{"name": "bundle", "digest": {"sha256": sha256(envelope.payload).hexdigest()}}],
            "predicateType": "https://in-toto.io/attestation/svr/v0.2",
            "predicate": {"verifier": {"id": "x"}, "properties": ["OK"]},
        }
        return dsse.sign(compact(document | changes), statement.PAYLOAD_TYPE, [key])


def make_world(folder: Path) -> World:
    """Twenty records: exchanges, a gap, approvals by passkey, token and session, erasure, anchors, a clock step."""
    log = EvidenceLog(folder / "home")
    alice, provider = Authenticator("alice"), Provider("ES256")
    seal_key = log.layout.keys.signing_key("seal")
    certificates = [by_passkey(NOW, alice), by_token(NOW, provider), certificate(NOW)]
    signed = [approval.sign(one, seal_key) for one in certificates]
    uses = [consume_event(one, made) for one, made in zip(signed, certificates, strict=True)]
    log.write([exchange(f"x{number}") for number in range(4)] + [denied("d1")])
    log.write([exchange("i", phase="intent"), exchange("i", phase="outcome"), *uses])
    log.write([exchange("y")], source="p2", lost=3)
    lines = rechained(_with_own_records(_at(NOW, _lines(log.close()))))
    forge = Forge.of_log(log.layout, lines)
    forge.members |= {one.member: one.envelope for one in signed}
    world = World(forge, [LocalKey.generate(), LocalKey.generate()], LocalKey.generate(), alice, provider, signed)
    forge.extra_keys = [
        *(key_entry(key, "witness", name=name) for key, name in zip(world.witnesses, WITNESSES, strict=True)),
        key_entry(world.auditor, "auditor"),
        *(_approver_entry(who.key) for who in (alice, provider)),
    ]
    return world


def _approver_entry(key: Any) -> dict[str, Any]:
    said = {name: getattr(key, name) for name in ("iss", "sub_c", "rp_id") if getattr(key, name)}
    entry = {"keyid": key.key_id, "alg": key.alg, "pub": key.public.hex(), "role": "approver_idp"}
    return entry | {"valid_from_size": 0, "state": "active"} | said


def _lines(layout: Layout) -> list[dict[str, Any]]:
    connection = database.open_for_reading(layout.database)
    found = [json.loads(line) for _, _, line in database.read_lines(connection, 0, 1_000_000)]
    connection.close()
    return found


def _at(seconds: int, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same records in the minutes around a fixed time, one a second."""
    return [
        {**one, "ts": _ts(seconds - 20 + number), "mono_us": 1_000_000 * (number + 1)}
        for number, one in enumerate(records)
    ]


def _ts(seconds: int) -> str:
    return timestamp(seconds * 1_000_000)


def own_record(like: dict[str, Any], typ: str, counter: int, data: dict[str, Any]) -> dict[str, Any]:
    """A record the operator's own source adds right after `like`."""
    kept = {name: like[name] for name in ("v", "origin", "ts", "boot")}
    return {
        **kept,
        "typ": typ,
        "mono_us": like["mono_us"] + counter,
        "src": {"id": "own", "seq": counter},
        "data": data,
    }


def _with_own_records(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    anchors = [{"kind": "witness", "sha256": "a" * 64, "name": "w", "time": NOW}]
    anchored = {"size": 3, "root": "b" * 64, "interval_s": 2, "anchors": anchors}
    placed = {"kind": "git", "size": 3, "root": "b" * 64, "location": "repo"}
    erased = {"subject_key": "5" * 32, "from_seq": 1, "to_seq": 4, "basis": "GDPR 17"}
    clock = {"old": records[8]["ts"], "new": records[9]["ts"], "cause": "step"}
    found = list(records)
    added = (
        (4, "sys.anchor", anchored),
        (7, "sys.erasure", erased),
        (9, "sys.clock", clock),
        (9, "def.anchor", placed),
        (12, "sys.anchor", anchored),
        (12, "def.anchor", placed),
    )
    for counter, (after, typ, data) in enumerate(added, start=1):
        found.insert(after + counter, own_record(found[after + counter - 1], typ, counter, data))
    return found


def consistency(world: World, first: int, second: int) -> bytes:
    """A `tree/consistency` member between two sizes."""
    leaves = [leaf_hash(line) for line in world.forge.lines[:second]]
    proof = consistency_proof(leaves, first)
    return b"".join([b"%d\n" % first, *(base64.b64encode(node) + b"\n" for node in proof)])


def with_rotation(world: World, kind: str, role: str, after: int, **changes: Any) -> tuple[World, LocalKey]:
    """The log with a change of keys as record `after`, and the new key.

    changes: `signer`, `possession`, and fields of the statement.
    """
    forge = world.forge
    old = forge.log_key if role == "log" else forge.seal_key
    new = LocalKey.generate()
    signer: SigningKey = {"rotation": old, "delegation": forge.seal_key}.get(kind, forge.root_key)
    signer = changes.pop("signer", signer)
    said: dict[str, Any] = {"size": after, "reason": "yearly", "replaces": old.key_id}
    if kind == "delegation":
        said["until_size"] = after + 1000
    gone = old if kind == "revocation" else new
    if kind == "revocation":
        said["replaces"] = ""
    wrong = changes.pop("possession", None)
    said |= changes
    change = rotation.Change(forge.origin, kind, role, gone.key_id, gone.algorithm, gone.public, **said)
    payload = rotation.make_payload(change)
    possession = (
        ""
        if kind == "revocation"
        else new.sign(rotation.possession_message(forge.origin, new.key_id, change.size)).hex()
    )
    possession = possession if wrong is None else wrong
    envelope = dsse.sign(payload, rotation.PAYLOAD_TYPE, [signer])
    records = [json.loads(line) for line in forge.lines]
    records.insert(
        after, own_record(records[after - 1], "sys.key", 90, rotation.record_data(change, payload, possession))
    )
    records[after]["src"] = {"id": f"keys{after}", "seq": 1}
    again = Forge(
        forge.origin, rechained(records), forge.log_key, forge.seal_key, forge.root_key, dict(forge.members),
        list(forge.extra_keys), dict(forge.trust_more),
    )  # fmt: skip
    entries = [
        *rotation.parse_member(forge.members.get(rotation.MEMBER, b"")),
        rotation.Entry(after, envelope, possession),
    ]
    again.members[rotation.MEMBER] = rotation.make_member(entries)
    return World(again, world.witnesses, world.auditor, world.alice, world.provider, world.approvals), new
