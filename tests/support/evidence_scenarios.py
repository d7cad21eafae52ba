"""Random evidence: a sound world, then one or a few things changed as an insider, a forger or an accident would.

Every scenario is a bundle with the files that go with it. Reproducible from a seed.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from recorder import approval, dsse, rotation, statement
from recorder.keys import LocalKey
from recorder.merkle import leaf_hash
from tests.support.approvals import RP_ID, by_passkey, by_token, consume_event
from tests.support.evidence_world import NOW, World, consistency, with_rotation
from tests.support.forged_bundles import Forge, compact, mutated, rechained
from tests.support.go_verifier import Given

_CLIENT: list[tuple[str, Any]] = [
    ("type", "webauthn.create"), ("crossOrigin", True), ("crossOrigin", None), ("origin", "https://approve.example:8443"),
    ("origin", "https://a.approve.example"), ("origin", "http://approve.example"), ("origin", "http://localhost"),
    ("origin", "https://evilapprove.example"), ("challenge", "AAAA"), ("challenge", 7), ("challenge", None),
    ("x", "é😀"), ("x", 1.5), ("x", 2**60), ("x", [[[[1]]]]), ("type", "webauthn.get"),
]  # fmt: skip
_CLAIMS: list[tuple[str, Any]] = [
    ("iss", "other"), ("sub", "bob"), ("sub", 1), ("aud", ["clyra-approvals"]), ("aud", ["clyra-approvals", "x"]),
    ("aud", []), ("aud", None), ("iat", NOW - 91), ("iat", NOW - 90), ("iat", NOW + 661), ("iat", 1.9e9), ("iat", True),
    ("exp", NOW - 100), ("exp", "x"), ("nonce", "x"), ("nonce", 1), ("amr", ["pwd"]), ("amr", "mfa"), ("acr", "1"),
    ("acr", None), ("auth_time", 5), ("auth_time", None), ("x", {"y": [1.5, -0.0, 1e300]}), ("x", 2**70),
]  # fmt: skip


class Scenario:
    """One bundle under construction. chance: where every choice comes from."""

    def __init__(self, world: World, chance: random.Random, folder: Path) -> None:
        self.world = replace(world, forge=_copy(world.forge))
        self.chance = chance
        self.folder = folder
        self.given: dict[str, Any] = {}
        self.start, self.end = 0, 0
        self.edit: Callable[[Any], Any] = lambda value: value
        self.trust_edit: Callable[[Any], Any] = lambda value: value

    @property
    def forge(self) -> Forge:
        return self.world.forge

    def build(self) -> tuple[Path, Given]:
        """Make the changes, then the files."""
        chance = self.chance
        folder = self.folder
        folder.mkdir(parents=True)
        if chance.random() < 0.3:
            self._rotate()
        if chance.random() < 0.2:
            self._records()
        if chance.random() < 0.3:
            chance.choice([self._certificate, self._binding])()
        size = self.world.size
        self.start = chance.choice([0, 0, 0, 1, 2, 3, 8, size // 2])
        self.end = chance.choice([size, size, size, self.start + 1, (self.start + size + 1) // 2])
        for step in chance.sample(
            [self._anchors, self._beside, self._statement, self._trust, self._outside],
            k=chance.choice([0, 1, 1, 1, 2, 3]),
        ):
            step()
        trust = self._file("trust.json", self.forge.trust_file(self.trust_edit))
        if chance.random() < 0.9:
            self.given["trust"] = trust
        bundle = self.forge.write(folder / "bundle", self.start, self.end, self.edit)
        if chance.random() < 0.2:
            self._attest(bundle)
        if chance.random() < 0.15:
            self._damage(bundle)
        level = chance.choice(["L2", "L2", "L2", "L2", "L1", "L0"])
        return bundle, Given(level=level, older=chance.random() < 0.3, **self.given)

    def _file(self, name: str, raw: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(raw)
        return path

    # -- the log ---------------------------------------------------------------------------------------------------

    def _rotate(self) -> None:
        chance = self.chance
        for _ in range(chance.choice([1, 1, 2, 3])):
            kind = chance.choice(["rotation", "rotation", "delegation", "recovery", "revocation"])
            role = "log" if kind == "delegation" else chance.choice(["log", "seal"])
            after = self._free_place()
            changes: dict[str, Any] = {}
            if chance.random() < 0.15:
                changes["signer"] = chance.choice([self.world.auditor, self.forge.root_key, self.forge.seal_key])
            if chance.random() < 0.1:
                changes["possession"] = chance.choice(["", "00" * 64, "zz"])
            if chance.random() < 0.1:
                changes["size"] = chance.choice([0, after + 1, after + 2])
            if kind == "delegation":
                changes["until_size"] = after + chance.choice([0, 1, 5, 1000, 2**32, 2**32 + 1])
            if kind in ("recovery", "revocation") and chance.random() < 0.5:
                changes["compromised_from_size"] = chance.randrange(self.world.size + 3)
            self.world, new = with_rotation(self.world, kind, role, after, **changes)
            if kind != "revocation" and chance.random() < 0.8:
                if role == "log":
                    self.forge.log_key = new
                else:
                    self.forge.seal_key = new
        if chance.random() < 0.2:
            name = "keys/rotations.dsse.jsonl"
            self.forge.members[name] = damaged(chance, self.forge.members[name])

    def _free_place(self) -> int:
        """Where no change of keys is yet: at the end, after all others."""
        raw = self.forge.members.get(rotation.MEMBER, b"")
        first = rotation.parse_member(raw)[-1].seq + 1 if raw else 4
        return self.chance.randrange(first, self.world.size + 1)

    def _records(self) -> None:
        records = [json.loads(line) for line in self.forge.lines]
        for _ in range(self.chance.choice([1, 1, 2])):
            at = self.chance.randrange(len(records))
            records[at] = mutated(self.chance, records[at])
        try:
            self.forge.lines = rechained(records)
        except TypeError:
            self.forge.lines = [compact(one) for one in records]

    def _certificate(self) -> None:
        """One certificate says something else, and its record knows."""
        chance = self.chance
        old = chance.choice(self.world.approvals)
        document = json.loads(approval.parse(old.envelope).envelope.payload)
        if chance.random() < 0.5:
            document["predicate"] = mutated(chance, document["predicate"])
        else:
            document = mutated(chance, document)
        payload = compact(document)
        key = self.forge.seal_key if chance.random() < 0.9 else self.world.auditor
        envelope = dsse.sign(payload, statement.PAYLOAD_TYPE, [key])
        digest = sha256(payload).hexdigest()
        name = approval.member_name(digest) if chance.random() < 0.95 else old.member
        del self.forge.members[old.member]
        self.forge.members[name] = envelope
        records = [json.loads(line.replace(old.digest.encode(), digest.encode())) for line in self.forge.lines]
        for record in records:
            if record.get("typ") == "pef.approval.consume" and chance.random() < 0.2:
                record["data"]["certificates"] = [one.digest for one in chance.sample(self.world.approvals, k=2)]
        self.forge.lines = rechained(records)

    def _binding(self) -> None:
        """A person or a provider really signed, but something odd."""
        chance, world = self.chance, self.world
        by_key = chance.random() < 0.5
        made = by_passkey(NOW, world.alice) if by_key else by_token(NOW, world.provider)
        document = made.predicate()
        if by_key:
            client = dict([chance.choice(_CLIENT)])
            flags, extra = chance.choice([0, 1, 4, 5, 0x45, 0x85, 5, 5]), chance.choice([b"", b"", b"\x00"])
            rp_id = chance.choice([RP_ID, RP_ID, "evil.example"])
            options = {"flags": flags, "extra": extra, "rp_id": rp_id, "client": client}
            document["binding"] = [world.alice.binding(made.challenge.nonce, made.payload, **options)]
        else:
            claims = dict([chance.choice(_CLAIMS)])
            document["binding"] = [world.provider.binding("alice", made.challenge, made.payload, **claims)]
        if chance.random() < 0.5:
            part = chance.choice(["approver", "challenge", "sod", "quorum", "action", "payload", "policy"])
            document[part] = mutated(chance, document[part])
        statement_document = {
            "_type": statement.STATEMENT_TYPE,
            "subject": [
                {"name": "payload", "digest": {"sha256": made.payload.sha256}},
                {"name": "action", "digest": {"sha256": sha256(compact(document["action"])).hexdigest()}},
            ],
            "predicateType": approval.PREDICATE_TYPE,
            "predicate": document,
        }
        payload = compact(statement_document)
        signed = approval.Signed(
            sha256(payload).hexdigest(), dsse.sign(payload, statement.PAYLOAD_TYPE, [self.forge.seal_key])
        )
        self.forge.members[signed.member] = signed.envelope
        records = [json.loads(line) for line in self.forge.lines]
        uses = [one for one in records if one.get("typ") == "pef.approval.consume" and "ts" in records[-1]]
        if not uses or "mono_us" not in records[-1]:
            return
        like = uses[0]
        used = {**like, **consume_event(signed, made), "src": {"id": "extra", "seq": 1}, "ts": records[-1]["ts"]}
        self.forge.lines = rechained([*records, {**used, "mono_us": records[-1]["mono_us"] + 1}])

    # -- what stands beside ----------------------------------------------------------------------------------------

    def _size(self) -> int:
        return self.chance.choice([self.end, self.end, self.start, self.chance.randrange(1, self.world.size + 1)])

    def _anchors(self) -> None:
        chance, world = self.chance, self.world
        members = self.forge.members
        for _ in range(chance.randrange(1, 4)):
            size = max(1, self._size())
            name = size if chance.random() < 0.9 else chance.randrange(1, world.size + 1)
            match chance.randrange(6):
                case 0 | 1 | 2:
                    who = chance.sample([0, 1], k=chance.randrange(3))
                    raw = world.cosigned(size, *who, at=chance.choice([NOW, NOW - 400, NOW + 5, 253_402_300_790]))
                    if chance.random() < 0.2:
                        raw = _misspoken(chance, raw)
                    members[f"anchors/{name}.cosig"] = raw if chance.random() < 0.85 else damaged(chance, raw)
                case 3:
                    raw = world.placed(size)
                    members[f"anchors/{name}.wh.json"] = raw if chance.random() < 0.6 else damaged(chance, raw)
                case 4:
                    members[f"anchors/{name}.tsr"] = b"0"
                case _:
                    raw = consistency(world, chance.randrange(1, self.end + 1), self.end)
                    members["tree/consistency"] = raw if chance.random() < 0.7 else damaged(chance, raw)

    def _beside(self) -> None:
        chance, members = self.chance, self.forge.members
        if chance.random() < 0.5:
            leaves = b"".join(self._leaves())
            members["tree/leaves"] = leaves if chance.random() < 0.7 else damaged(chance, leaves)
        if chance.random() < 0.5:
            seq = chance.randrange(self.world.size + 2)
            salt, value = bytes(range(32)).hex(), base64.b64encode(b"body").decode()
            body = {"v": "def-disclosure/0", "kind": "body", "field": "req", "salt": salt, "value": value}
            field = {"v": "def-disclosure/0", "kind": "sd", "disclosure": "WyJhIiwiYiJd"}
            lines = [body, field, mutated(chance, body), mutated(chance, field)]
            raw = b"".join(compact(line) + b"\n" for line in chance.sample(lines, k=2))
            members[f"disclosures/{seq}.jsonl"] = raw if chance.random() < 0.8 else raw[:-1]
        if chance.random() < 0.3:
            odd = [
                "anchors/1",
                "anchors/01.cosig",
                "disclosures/x.jsonl",
                "attestations/a.json",
                "attestations/a/b.dsse.json",
            ]
            name = chance.choice(odd).rstrip("/")
            members[name] = b"x"
            if chance.random() < 0.5:
                self.edit = lambda value: _without_subject(value, name)

    def _leaves(self) -> list[bytes]:
        return [leaf_hash(line) for line in self.forge.lines[self.start : self.end]]

    def _statement(self) -> None:
        if self.chance.random() < 0.5:
            part = self.chance.random() < 0.7
            chance = self.chance

            def edit(value: Any) -> Any:
                if part:
                    return {**value, "predicate": mutated(chance, value["predicate"])}
                return mutated(chance, value)

            self.edit = edit

    def _trust(self) -> None:
        chance = self.chance
        match chance.randrange(5):
            case 0:
                self.trust_edit = lambda value: mutated(chance, value)
            case 1:
                self.forge.trust_more["witness"] = {"need": chance.randrange(4)}
                for entry in self.forge.extra_keys:
                    if entry["role"] == "witness" and chance.random() < 0.6:
                        entry["same_admin"] = True
            case 2:
                self.forge.trust_more["expires_size"] = chance.choice([self.end, self.end - 1, 0, 10**6])
            case 3:

                def bound(value: Any) -> Any:
                    one = chance.choice(value["keys"])
                    name = chance.choice(["valid_from_size", "valid_until_size", "compromised_from_size"])
                    one[name] = max(0, self._size() + chance.choice([-1, 0, 1]))
                    return value

                self.trust_edit = bound
            case _:
                other = [LocalKey.generate()] if chance.random() < 0.5 else [self.forge.root_key, LocalKey.generate()]
                old = self.forge.trust_file(signers=None if chance.random() < 0.5 else other)
                self.given["trust_from"] = self._file("old.json", old)

    def _outside(self) -> None:
        chance, world = self.chance, self.world
        for number in range(chance.randrange(1, 3)):
            size = max(1, self._size())
            made = chance.randrange(5)
            if made == 0:
                raw = world.placed(
                    size, **chance.choice([{}, {"kind": "git"}, {"root": "0" * 64}, {"origin": "other"}])
                )
                self._add("anchors", f"anchor{number}", raw)
                continue
            key = world.auditor if made == 1 else None
            root = b"\x01" * 32 if made == 2 else None
            raw = self.forge.checkpoint(size, key, root)
            if made == 4:
                raw = world.cosigned(size, 0, 1)
            if chance.random() < 0.15:
                raw = damaged(chance, raw)
            self._add(chance.choice(["checkpoints", "anchors"]), f"note{number}", raw)

    def _add(self, option: str, name: str, raw: bytes) -> None:
        self.given[option] = (*self.given.get(option, ()), self._file(name, raw))

    def _attest(self, bundle: Path) -> None:
        chance = self.chance
        key = chance.choice([self.world.auditor, self.forge.seal_key, LocalKey.generate()])
        changes = chance.choice([{}, {}, {"subject": []}, {"subject": 1}, {"predicateType": "x"}, {"_type": "x"}])
        raw = self.world.attestation(bundle, key, **changes)
        raw = raw if chance.random() < 0.8 else damaged(chance, raw)
        if chance.random() < 0.5:
            (bundle / "attestations").mkdir(exist_ok=True)
            (bundle / "attestations" / "a.dsse.json").write_bytes(raw)
        else:
            self._add("attestations", "attestation", raw)

    def _damage(self, bundle: Path) -> None:
        """A member changes or goes after everything was signed."""
        chance = self.chance
        path = chance.choice(sorted(path for path in bundle.rglob("*") if path.is_file()))
        if chance.random() < 0.3:
            path.unlink()
        else:
            path.write_bytes(damaged(chance, path.read_bytes()))


def _copy(forge: Forge) -> Forge:
    return Forge(
        forge.origin,
        list(forge.lines),
        forge.log_key,
        forge.seal_key,
        forge.root_key,
        dict(forge.members),
        json.loads(json.dumps(forge.extra_keys)),
        dict(forge.trust_more),
    )


def damaged(chance: random.Random, raw: bytes) -> bytes:
    """A byte flipped, lost, doubled or added, or the end gone."""
    changed = bytearray(raw or b"x")
    at = chance.randrange(len(changed))
    match chance.randrange(6):
        case 0 | 1:
            changed[at] ^= 1 << chance.randrange(8)
        case 2:
            del changed[at]
        case 3:
            changed.insert(at, chance.choice(b"\n 0aA={}\xff"))
        case 4:
            del changed[at:]
        case _:
            changed += chance.choice([b"\n", b"x", b"\x00"])
    return bytes(changed)


def _misspoken(chance: random.Random, raw: bytes) -> bytes:
    """A note whose last line still names its key and is not its signature."""
    head, _, line = raw[:-1].rpartition(b" ")
    blob = bytearray(base64.b64decode(line))
    blob[chance.randrange(4, len(blob))] ^= 1 << chance.randrange(8)
    return head + b" " + base64.b64encode(blob) + b"\n"


def _without_subject(value: Any, name: str) -> Any:
    value["subject"] = [one for one in value["subject"] if one["name"] != name] or value["subject"]
    return value
