"""Anchors as members of a bundle: what was placed at sizes inside its window travels along with it.

`anchors/<size>.cosig` is a complete checkpoint with the log's signature and the witnesses' lines, `.tsr` an RFC 3161
response, `.wh.json` a receipt. `tree/end` gains the cosignatures made at its size. No statement covers these members:
they are signed by others, may be added later, and cannot change what the bundle says. At most 256 sizes are taken: the
newest, and of the others every so-many-th.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from recorder import note, statement
from recorder.anchoring.shelf import Kept, Shelf

MAX_SIZES = 256
COSIGNED, STAMPED, RECEIPT = ".cosig", ".tsr", ".wh.json"
_RECEIPT_ORDER = ("warehouse", "object", "git")


@dataclass(slots=True)
class SizeAnchors:
    """What is known at one size. checkpoint: a signed note of it; lines: signature lines to add."""

    checkpoint: bytes = b""
    lines: list[bytes] = field(default_factory=list)
    token: bytes = b""
    receipt: bytes = b""

    def members(self, size: int) -> dict[str, bytes]:
        """Member name -> bytes."""
        found: dict[str, bytes] = {}
        if self.checkpoint and self.lines:
            found[name_of(size, COSIGNED)] = with_lines(self.checkpoint, self.lines)
        if self.token:
            found[name_of(size, STAMPED)] = self.token
        if self.receipt:
            found[name_of(size, RECEIPT)] = self.receipt
        return found


def name_of(size: int, suffix: str) -> str:
    """Member name of an anchor."""
    return f"anchors/{size}{suffix}"


def with_lines(raw: bytes, lines: Iterable[bytes]) -> bytes:
    """A signed note with further signature lines; those it has are not repeated, and it stays within its bounds."""
    present = set(raw.partition(b"\n\n")[2].splitlines(keepends=True))
    for line in lines:
        if line not in present and len(present) < note.MAX_SIGNATURES:
            raw += line
            present.add(line)
    return raw


def thinned(sizes: list[int], limit: int = MAX_SIZES) -> list[int]:
    """At most `limit` of ascending sizes: the newest, and evenly many of the rest."""
    if len(sizes) <= limit:
        return sizes
    step = -(-len(sizes) // limit)
    return sizes[::-1][::step][::-1]


def anchor_members(shelf: Shelf | None, start: int, end: int, tree_end: bytes) -> dict[str, bytes]:
    """Members for a window [start, end), `tree/end` among them when it gains lines.

    tree_end: the signed checkpoint at `end`. A cosignature over another text than that is left out.
    """
    if shelf is None:
        return {}
    members: dict[str, bytes] = {}
    for size in thinned(shelf.sizes(start, end)):
        found = _gather(shelf.note(size), shelf.at_size(size))
        members |= found.members(size)
        if size == end and found.lines and found.checkpoint.partition(b"\n\n")[0] == tree_end.partition(b"\n\n")[0]:
            members[statement.TREE_END] = with_lines(tree_end, found.lines)
    return members


def merged(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> dict[str, bytes]:
    """Old members with new ones: notes of one text unite their lines, anything else that is there already stays."""
    found = dict(old)
    for name, content in new.items():
        before = found.get(name)
        if before is None:
            found[name] = content
        elif name.endswith(COSIGNED) or name == statement.TREE_END:
            text, _, lines = content.partition(b"\n\n")
            if text == before.partition(b"\n\n")[0]:
                found[name] = with_lines(before, lines.splitlines(keepends=True))
    return found


def _gather(checkpoint: bytes, kept: Iterable[Kept]) -> SizeAnchors:
    found = SizeAnchors(checkpoint)
    receipts: dict[str, bytes] = {}
    for one in kept:
        if one.placed.kind == "witness":
            found.lines.append(one.placed.content)
        elif one.placed.kind == "rfc3161":
            found.token = found.token or one.placed.content
        else:
            receipts.setdefault(one.placed.kind, one.placed.content)
    found.receipt = next((receipts[kind] for kind in _RECEIPT_ORDER if kind in receipts), b"")
    return found
