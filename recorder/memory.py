"""What a verifier remembers of the logs it has seen: the largest tree it accepted, and whose word it took for it.

Rules. (1) Only what was verified or intact is remembered. (2) The file is replaced in one step, so a crash leaves the
old or the new one. (3) A file that is not of the one form is refused, never repaired: forgetting would let a log be
rolled back. DEF-JSON `def-memory/0`, one newline after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jsonschema_rs

from recorder import canonical, durable, public_key
from recorder.errors import RecorderError
from recorder.trust import Authority, Root, Trust

MAX_BYTES = 16 << 20
_HEX64 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_SIZE = {"type": "integer", "minimum": 1}
_ROOT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["alg", "keyid", "pub"],
    "properties": {
        "alg": {"enum": list(public_key.SIGNING)},
        "keyid": _HEX64,
        "pub": {"type": "string", "pattern": "^([0-9a-f]{2})+$", "maxLength": 130},
    },
}
_LOG = {
    "type": "object",
    "additionalProperties": False,
    "required": ["origin", "size", "root"],
    "properties": {
        "origin": {"type": "string", "minLength": 1, "maxLength": 200},
        "size": _SIZE,
        "root": _HEX64,
        "trust_version": _SIZE,
        "trust_threshold": {"type": "integer", "minimum": 1, "maximum": 16},
        "trust_roots": {"type": "array", "minItems": 1, "maxItems": 256, "items": _ROOT},
    },
}
_SCHEMA = jsonschema_rs.Draft202012Validator(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["v", "logs"],
        "properties": {"v": {"const": "def-memory/0"}, "logs": {"type": "array", "items": _LOG}},
    }
)


class MemoryFileError(RecorderError):
    """The memory file cannot be read or is not one."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The largest tree of one log that was accepted. trusted: the trust file's word it was accepted on."""

    origin: str
    size: int
    root: bytes
    trusted: Authority | None = None


@dataclass(slots=True)
class Memory:
    """Logs by origin."""

    logs: dict[str, Seen] = field(default_factory=dict)
    changed: bool = False

    def of(self, origin: str) -> Seen | None:
        return self.logs.get(origin)

    def remember(self, origin: str, size: int, root: bytes, trust: Trust | None) -> None:
        """Take in an accepted bundle's end, and the trust file it was accepted on."""
        before = self.logs.get(origin)
        seen = before if before is not None and before.size >= size else Seen(origin, size, root)
        authority = before.trusted if before is not None else None
        if trust is not None and trust.origin == origin:
            authority = trust.authority
        seen = replace(seen, trusted=authority)
        self.changed = self.changed or seen != before
        self.logs[origin] = seen

    def to_bytes(self) -> bytes:
        logs = [_document(self.logs[origin]) for origin in sorted(self.logs)]
        return canonical.encode({"v": "def-memory/0", "logs": logs}, MAX_BYTES) + b"\n"


def read(path: Path) -> Memory:
    """The memory in a file; an empty one when there is none. Raises MemoryFileError, OSError."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return Memory()
    return parse(raw, str(path))


def parse(raw: bytes, name: str = "the memory file") -> Memory:
    """Raises MemoryFileError."""
    try:
        document = canonical.check(raw.removesuffix(b"\n"), MAX_BYTES)
    except canonical.CanonicalError as error:
        raise _refused(name, error.detail) from None
    if not _SCHEMA.is_valid(document):
        raise _refused(name, "it does not satisfy its schema")
    logs = [_seen(item) for item in document["logs"]]
    if [log.origin for log in logs] != sorted({log.origin for log in logs}):
        raise _refused(name, "its logs are not sorted and unique")
    return Memory({log.origin: log for log in logs})


def write(path: Path, memory: Memory) -> None:
    """Replace the file in one step, synced to disk. Raises OSError."""
    durable.replace(path, memory.to_bytes())
    memory.changed = False


def _document(seen: Seen) -> dict[str, Any]:
    found: dict[str, Any] = {"origin": seen.origin, "size": seen.size, "root": seen.root.hex()}
    if seen.trusted is not None:
        found["trust_version"] = seen.trusted.version
        found["trust_threshold"] = seen.trusted.threshold
        found["trust_roots"] = [
            {"alg": root.alg, "keyid": root.key_id, "pub": root.public.hex()} for root in seen.trusted.roots
        ]
    return found


def _seen(item: dict[str, Any]) -> Seen:
    trusted = None
    if "trust_roots" in item and "trust_version" in item and "trust_threshold" in item:
        roots = tuple(Root(one["keyid"], one["alg"], bytes.fromhex(one["pub"])) for one in item["trust_roots"])
        trusted = Authority(item["origin"], item["trust_version"], item["trust_threshold"], roots)
    return Seen(item["origin"], item["size"], bytes.fromhex(item["root"]), trusted)


def _refused(name: str, why: str) -> MemoryFileError:
    return MemoryFileError(
        f"{name} is not a verifier's memory.", f"{why[0].upper()}{why[1:]}.", "Restore it, or name another file."
    )
