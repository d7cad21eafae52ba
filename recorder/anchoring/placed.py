"""What is placed, and what comes back: a log's tip, the proof that it was placed, and the receipt a verifier reads.

A receipt is DEF-JSON `def-anchor/0`: kind, origin, size, root, location, and what the place itself said (version,
time). It is worth what its way to the verifier is worth: fetched by the verifier himself from a place the log's
operator cannot rewrite, it is an anchor; found in a bundle, it is only a hint.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

from recorder import canonical, note, record
from recorder.anchoring.errors import AnchorError

VERSION = "def-anchor/0"
MAX_VERSION = 256
KINDS = ("warehouse", "git", "object")
_HEX64 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_SLUG = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Tip:
    """A signed checkpoint of the log. raw: the complete note. text: its body, what time stamps are about."""

    origin: str
    size: int
    root: bytes
    raw: bytes
    text: bytes

    @classmethod
    def of(cls, raw: bytes) -> Tip:
        """Raises NoteError."""
        found = note.parse_checkpoint(raw)
        return cls(found.origin, found.size, found.root, raw, found.text)


@dataclass(frozen=True, slots=True)
class Placed:
    """One success. content: cosignature line, time stamp response, or receipt; its digest goes into the log.

    at: POSIX seconds as the other side said, or the clock here when it said nothing. kind: as in `sys.anchor`.
    """

    kind: str
    content: bytes
    at: int
    location: str = ""
    version: str = ""

    @property
    def digest(self) -> str:
        return sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Receipt:
    """A `def-anchor/0` document. written_at: `YYYY-MM-DDTHH:MM:SS.ffffffZ` or ""."""

    kind: str
    origin: str
    size: int
    root: bytes
    location: str
    version: str = ""
    written_at: str = ""

    def to_bytes(self) -> bytes:
        document: dict[str, object] = {
            "v": VERSION,
            "kind": self.kind,
            "origin": self.origin,
            "size": self.size,
            "root": self.root.hex(),
            "location": self.location,
        }
        if self.version:
            document["version"] = self.version
        if self.written_at:
            document["written_at"] = self.written_at
        return canonical.encode(document)

    @classmethod
    def parse(cls, raw: bytes) -> Receipt:
        """Read a receipt strictly. Raises AnchorError."""
        try:
            found = canonical.check(raw)
        except canonical.CanonicalError as error:
            raise AnchorError("This is not an anchor receipt.", f"{error.detail}.") from None
        if not isinstance(found, dict) or not _is_receipt(found):
            raise AnchorError("This is not an anchor receipt.", "Its fields are not those of def-anchor/0.")
        return cls(
            found["kind"],
            found["origin"],
            found["size"],
            bytes.fromhex(found["root"]),
            found["location"],
            found.get("version", ""),
            found.get("written_at", ""),
        )


def read_tip(raw: bytes, origin: str) -> Tip:
    """A checkpoint that came back from a place. Raises AnchorError when it is none, or of another log."""
    try:
        tip = Tip.of(raw)
    except note.NoteError as error:
        raise AnchorError("What is stored there is not a checkpoint.", f"{error.detail}.") from None
    if tip.origin != origin:
        raise AnchorError(f"The checkpoint stored there is of {tip.origin}, not of {origin}.")
    return tip


def receipt_of(kind: str, tip: Tip, location: str, version: str = "", at_us: int | None = None) -> Receipt:
    """The receipt of a tip. at_us: microseconds since the epoch, as the place said."""
    written = record.timestamp(at_us) if at_us is not None else ""
    kept = version if len(version) <= MAX_VERSION else ""
    return Receipt(kind, tip.origin, tip.size, tip.root, location, kept, written)


def place_name(origin: str) -> str:
    """A name for files of a log: its origin in a safe form, and a digest so that two logs never share one."""
    safe = _SLUG.sub("-", origin.lower()).strip("-.")[:60] or "log"
    return f"{safe}-{sha256(origin.encode()).hexdigest()[:8]}"


def _is_receipt(found: dict[str, object]) -> bool:
    optional = {"version", "written_at"}
    required = {"v", "kind", "origin", "size", "root", "location"}
    if not required <= found.keys() <= required | optional or found["v"] != VERSION or found["kind"] not in KINDS:
        return False
    texts = [found[name] for name in ("origin", "location", *sorted(optional & found.keys()))]
    size, root = found["size"], found["root"]
    return (
        all(isinstance(text, str) and 0 < len(text) <= 1024 for text in texts)
        and isinstance(size, int)
        and not isinstance(size, bool)
        and size > 0
        and isinstance(root, str)
        and _HEX64.fullmatch(root) is not None
        and ("written_at" not in found or _TIME.fullmatch(str(found["written_at"])) is not None)
    )
