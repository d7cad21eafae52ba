"""A change of the recorder's keys inside one log: the signed statement about it, and how it is kept.

Rules. (1) A key comes into force by a `sys.key` record whose statement someone entitled has signed: the key it replaces
(`rotation`), a quorum of root keys (`recovery`, `revocation`), or a seal key (`delegation`, for a bounded range of tree
sizes). (2) The new key proves that its owner has it, by signing the log's name, its own id and the statement's size.
(3) Validity is counted in tree size: from the record on, never by a clock. (4) A statement says nothing that is not in
its closed schema; another form is refused. References: in-toto Statement v1, DSSE, C2SP tlog-checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import jsonschema_rs
import orjson

from recorder import NAMESPACE, dsse, public_key, statement, strict_json

PREDICATE_TYPE: Final = f"{NAMESPACE}/def/key-rotation/v0"
PAYLOAD_TYPE: Final = statement.PAYLOAD_TYPE
MEMBER: Final = "keys/rotations.dsse.jsonl"
MAX_MEMBER_BYTES: Final = 64 << 20
MAX_DELEGATION: Final = 2**32
"""Most records a delegated log key may sign for, whatever a day's traffic is."""
MAX_REASON: Final = 256

ROTATION, RECOVERY, REVOCATION, DELEGATION = "rotation", "recovery", "revocation", "delegation"
_HEX64 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_SIZE = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
_PREDICATE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["origin", "kind", "role", "keyid", "alg", "pub", "size", "reason"],
    "properties": {
        "origin": {"type": "string", "minLength": 1, "maxLength": 200},
        "kind": {"enum": [ROTATION, RECOVERY, REVOCATION, DELEGATION]},
        "role": {"enum": ["log", "seal"]},
        "keyid": _HEX64,
        "alg": {"enum": list(public_key.SIGNING)},
        "pub": {"type": "string", "pattern": "^[0-9a-f]{64,130}$"},
        "replaces": _HEX64,
        "size": _SIZE,
        "until_size": _SIZE,
        "compromised_from_size": _SIZE,
        "reason": {"type": "string", "minLength": 1, "maxLength": MAX_REASON},
    },
}
_SCHEMA = jsonschema_rs.Draft202012Validator(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["_type", "subject", "predicateType", "predicate"],
        "properties": {
            "_type": {"const": statement.STATEMENT_TYPE},
            "subject": {
                "type": "array",
                "minItems": 1,
                "maxItems": 1,
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["name", "digest"],
                    "properties": {
                        "name": {"const": "key"},
                        "digest": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["sha256"],
                            "properties": {"sha256": _HEX64},
                        },
                    },
                },
            },
            "predicateType": {"const": PREDICATE_TYPE},
            "predicate": _PREDICATE,
        },
    }
)


class RotationError(ValueError):
    """A rotation statement, or the member that holds them, is not of the one form there is."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Change:
    """What a rotation statement says.

    key_id, algorithm, public: of the key that comes (of the key that goes, in a revocation). replaces: id of the key
    that goes, "" in a revocation. size: tree size when the statement was made. until_size: last size a delegated key
    may sign. compromised_from_size: first size at which the key that goes proves nothing any more.
    """

    origin: str
    kind: str
    role: str
    key_id: str
    algorithm: str
    public: bytes
    size: int
    reason: str
    replaces: str = ""
    until_size: int | None = None
    compromised_from_size: int | None = None

    @property
    def revoked(self) -> str:
        """Id of the key this change ends."""
        return self.key_id if self.kind == REVOCATION else self.replaces


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the member: the record's number, the statement's envelope, and the proof of possession (hex)."""

    seq: int
    envelope: bytes
    possession: str


def make_payload(change: Change) -> bytes:
    """The exact bytes that are signed. Raises RotationError when the change breaks a rule."""
    predicate: dict[str, Any] = {
        "origin": change.origin,
        "kind": change.kind,
        "role": change.role,
        "keyid": change.key_id,
        "alg": change.algorithm,
        "pub": change.public.hex(),
        "size": change.size,
        "reason": change.reason,
    }
    if change.replaces:
        predicate["replaces"] = change.replaces
    if change.until_size is not None:
        predicate["until_size"] = change.until_size
    if change.compromised_from_size is not None:
        predicate["compromised_from_size"] = change.compromised_from_size
    document = {
        "_type": statement.STATEMENT_TYPE,
        "subject": [{"name": "key", "digest": {"sha256": change.key_id}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }
    payload = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    parse_payload(payload)
    return payload


def parse_payload(payload: bytes) -> Change:
    """Read a statement strictly: compact JSON with sorted, unique keys, closed schema. Raises RotationError."""
    try:
        document = strict_json.read(payload)
    except strict_json.StrictJsonError as error:
        raise RotationError(f"the statement: {error.detail}") from None
    if not _SCHEMA.is_valid(document):
        raise RotationError("the statement does not satisfy its schema")
    told = document["predicate"]
    change = Change(
        told["origin"],
        told["kind"],
        told["role"],
        told["keyid"],
        told["alg"],
        _public(told["pub"]),
        told["size"],
        told["reason"],
        told.get("replaces", ""),
        told.get("until_size"),
        told.get("compromised_from_size"),
    )
    _check(change, document["subject"][0]["digest"]["sha256"])
    return change


def _public(text: str) -> bytes:
    if len(text) % 2:
        raise RotationError("the public key is not whole bytes")
    return bytes.fromhex(text)


def _check(change: Change, subject: str) -> None:
    """What the schema cannot say."""
    if subject != change.key_id:
        raise RotationError("the subject is not the key")
    if public_key.is_weak(change.algorithm, change.public):
        raise RotationError("the public key is weak or malformed")
    if public_key.key_id(change.algorithm, change.public) != change.key_id:
        raise RotationError("the key id is not the digest of the key")
    if change.role == "log" and change.algorithm != public_key.ED25519:
        raise RotationError("a log key is an Ed25519 key")
    if bool(change.replaces) == (change.kind == REVOCATION) or change.replaces == change.key_id:
        raise RotationError("`replaces` names the other key that goes, in every kind but a revocation")
    if (change.until_size is not None) != (change.kind == DELEGATION):
        raise RotationError("`until_size` belongs to a delegation, and to nothing else")
    if change.compromised_from_size is not None and change.kind not in (RECOVERY, REVOCATION):
        raise RotationError("`compromised_from_size` belongs to a recovery or a revocation")
    if change.kind == DELEGATION and change.role != "log":
        raise RotationError("only a log key is delegated")


def possession_message(origin: str, key_id: str, size: int) -> bytes:
    """What the new key signs to show that it is there. size: of the statement."""
    return b"def/0 possession\x00" + origin.encode() + b"\x00" + key_id.encode() + b"\x00" + str(size).encode()


def proves_possession(change: Change, possession: str) -> bool:
    """Whether `possession` (hex) is the new key's own signature. A revocation brings no key and has none."""
    if change.kind == REVOCATION:
        return possession == ""
    try:
        signature = bytes.fromhex(possession)
    except ValueError:
        return False
    message = possession_message(change.origin, change.key_id, change.size)
    return signature.hex() == possession and public_key.verifies(change.algorithm, change.public, signature, message)


def state_of(change: Change) -> str:
    """`state` of the record that carries the change."""
    if change.kind != REVOCATION:
        return "active"
    return "retired" if change.compromised_from_size is None else "compromised"


def record_data(change: Change, payload: bytes, possession: str) -> dict[str, Any]:
    """`data` of the `sys.key` record that carries the change."""
    data: dict[str, Any] = {
        "role": change.role,
        "keyid": change.key_id,
        "alg": change.algorithm,
        "pub": change.public.hex(),
        "state": state_of(change),
        "kind": change.kind,
        "size": change.size,
        "statement_sha256": sha256(payload).hexdigest(),
    }
    optional = {
        "replaces": change.replaces or None,
        "possession": possession or None,
        "until_size": change.until_size,
        "compromised_from_size": change.compromised_from_size,
    }
    return data | {name: value for name, value in optional.items() if value is not None}


def make_member(entries: Sequence[Entry]) -> bytes:
    """The bytes of `keys/rotations.dsse.jsonl`, in order of record numbers."""
    lines = [
        orjson.dumps(
            {"envelope": orjson.loads(entry.envelope), "possession": entry.possession, "seq": entry.seq},
            option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE,
        )
        for entry in sorted(entries, key=lambda entry: entry.seq)
    ]
    return b"".join(lines)


def parse_member(raw: bytes) -> list[Entry]:
    """Lines of the member, strictly: compact JSON, ascending record numbers. Raises RotationError."""
    if raw and not raw.endswith(b"\n"):
        raise RotationError("the last line has no end")
    entries: list[Entry] = []
    for line in raw.split(b"\n")[:-1]:
        entry = parse_line(line)
        if entries and entry.seq <= entries[-1].seq:
            raise RotationError("record numbers do not ascend")
        entries.append(entry)
    return entries


def parse_line(line: bytes) -> Entry:
    """One line, without its newline, strictly. Raises RotationError."""
    try:
        found = strict_json.read(line)
    except strict_json.StrictJsonError as error:
        raise RotationError(f"a line: {error.detail}") from None
    if not isinstance(found, dict) or set(found) != {"envelope", "possession", "seq"}:
        raise RotationError("a line has envelope, possession and seq")
    seq, possession = found["seq"], found["possession"]
    if type(seq) is not int or not 0 <= seq < 2**53 or not isinstance(possession, str) or len(possession) > 160:
        raise RotationError("a line has a bad record number or proof of possession")
    envelope = orjson.dumps(found["envelope"], option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
    try:
        dsse.parse(envelope, PAYLOAD_TYPE)
    except dsse.DsseError as error:
        raise RotationError(f"an envelope is malformed: {error.detail}") from None
    return Entry(seq, envelope, possession)
