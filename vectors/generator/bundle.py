"""A bundle made by hand from a hand-made log: correct by default, and wrong in exactly the way a case asks for."""

from __future__ import annotations

import base64
import contextlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import orjson

from recorder import FORMAT, archive, canonical, dsse, note, record, statement
from recorder.keys import SigningKey
from recorder.merkle import leaf_hash
from vectors.generator.case import BUNDLE, TRUST, VERIFY, Case
from vectors.generator.deflate import deflate
from vectors.generator.log import CONFIG, Log

README = b"A bundle of the golden vectors.\n"
INTACT = "an intact bundle of nine records"
KEPT = "an intact bundle and a checkpoint of its end that was kept"


@dataclass(slots=True)
class Bundle:
    """The members of one bundle, made from a log; change them, then sign and pack.

    covered: extra members that the statement lists. detached: extra members that it does not. predicate: changes of
    the signed predicate, None removes a field. lines: other records than the log's. seal_keys: who signs the statement.
    """

    log: Log
    start: int = 0
    end: int = -1
    lines: list[bytes] | None = None
    covered: dict[str, bytes] = field(default_factory=dict)
    detached: dict[str, bytes] = field(default_factory=dict)
    predicate: dict[str, Any] = field(default_factory=dict)
    previous: str = ""
    seal_keys: list[SigningKey] | None = None

    def __post_init__(self) -> None:
        if self.end < 0:
            self.end = self.log.size

    @property
    def window(self) -> list[bytes]:
        return self.log.lines[self.start : self.end] if self.lines is None else self.lines

    def payload(self) -> bytes:
        """The exact bytes of the statement."""
        tally = statement.Tally()
        for line in self.window:
            value = readable(line)
            if value is not None:
                tally.add(value)
        if not tally.last_ts:  # nothing in it can be read
            tally.first_ts = tally.last_ts = "2026-09-21T00:00:00.000000Z"
        roots = (self.log.root(self.start), self.log.root(self.end))
        window = statement.Window(self.log.origin, self.start, self.end, *roots, self.previous)
        digests = {name: sha256(content).hexdigest() for name, content in self._covered().items()}
        made = orjson.loads(statement.make_payload(window, tally, digests, CONFIG, 7))
        for name, value in self.predicate.items():
            if value is None:
                made["predicate"].pop(name)
            else:
                made["predicate"][name] = value
        return compact(made)

    def digest(self) -> str:
        return statement.bundle_digest(self.payload())

    def members(self, payload: bytes | None = None) -> dict[str, bytes]:
        """All members, signed. payload: other statement bytes to sign."""
        signers = [self.log.seal_key] if self.seal_keys is None else self.seal_keys
        body = self.payload() if payload is None else payload
        return {
            **self._covered(),
            statement.TREE_START: self.log.checkpoint(self.start),
            statement.TREE_END: self.log.checkpoint(self.end),
            statement.STATEMENT: dsse.sign(body, statement.PAYLOAD_TYPE, signers),
            **self.detached,
        }

    def resigned(self, change: Callable[[dict[str, Any]], None]) -> dict[str, bytes]:
        """All members with a changed statement, signed again."""
        made = orjson.loads(self.payload())
        change(made)
        return self.members(compact(made))

    def _covered(self) -> dict[str, bytes]:
        nodes = self.log.frontier(self.start).nodes
        return {
            statement.RECORDS: b"".join(line + b"\n" for line in self.window),
            statement.FRONTIER: b"".join(base64.b64encode(node) + b"\n" for node in nodes),
            statement.README: README,
            **self.covered,
        }


def sealed(
    title: str,
    source: Log | Bundle,
    code: str,
    *,
    twin: str | None = None,
    members: Mapping[str, bytes] | None = None,
    trust: bytes | None = None,
    files: Mapping[str, bytes] | None = None,
    more: tuple[str, ...] = (),
    **told: Any,
) -> Case:
    """A case over one zip. members: others than the bundle's own. more: further arguments. told: fields of Case."""
    bundle = Bundle(source) if isinstance(source, Log) else source
    packed = pack(bundle.members() if members is None else members)
    every = {BUNDLE: packed, TRUST: bundle.log.trust() if trust is None else trust, **(files or {})}
    if twin is None:
        twin = "" if code in ("", "P_TAIL_UNANCHORED") else INTACT
    return Case(title, every, code, twin, (*VERIFY, *more), **told)


def without(members: Mapping[str, bytes], *names: str) -> dict[str, bytes]:
    return {name: content for name, content in members.items() if name not in names}


def pack(members: Mapping[str, bytes], *, stored: bool = False) -> bytes:
    """The strict container. Records and long members are deflated, unless all are to be stored."""
    packed = {name: _pack(name, content, stored=stored) for name, content in members.items()}
    listing = "".join(f"{sha256(raw).hexdigest()}  {name}\n" for name, (_, raw) in sorted(packed.items()))
    packed[archive.TRANSPORT] = _pack(archive.TRANSPORT, listing.encode(), stored=True)
    out = directory = b""
    for _, (told, raw) in sorted(packed.items()):
        entry = replace(told, offset=len(out))
        out += entry.local_header() + raw
        directory += entry.central_header()
    return out + directory + archive.end_records(len(packed), len(directory), len(out))


def _pack(name: str, content: bytes, *, stored: bool) -> tuple[archive.Entry, bytes]:
    """A member's entry, not yet in its place, and its packed bytes."""
    compress = not stored and (name == statement.RECORDS or len(content) > 16_384)
    raw = deflate(content) if compress else content
    method = archive.DEFLATED if compress else archive.STORED
    return archive.Entry(name, method, zlib.crc32(content), len(raw), len(content), 0), raw


def relink(lines: Iterable[bytes], first: int, change: Callable[[int, dict[str, Any]], None]) -> list[bytes]:
    """Records from `first` on made anew after a change, chained again: what an insider without other help can do."""
    made: list[bytes] = []
    prev = record.GENESIS_PREV
    for number, line in enumerate(lines):
        if number >= first:
            value = orjson.loads(line)
            change(number, value)
            value["prev"] = prev
            line = compact(value)
        made.append(line)
        prev = leaf_hash(line).hex()
    return made


def compact(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def readable(line: bytes) -> dict[str, Any] | None:
    """The record in a line if it counts in the aggregates."""
    with contextlib.suppress(canonical.CanonicalError, record.RecordError):
        value = canonical.check(line)
        if isinstance(value, dict) and value.get("v") == FORMAT:
            if value.get("typ") in record.TYPES:
                record.validate(value)
                return value
            return value if record.is_enveloped(value) else None
    return None


def signed_note(log: Log, text: bytes, signer: SigningKey | None = None, name: str = "") -> bytes:
    """A note over any text, signed by the log key under the log's name unless said otherwise."""
    by, called = signer or log.log_key, name or log.origin
    blob = note.key_id(called, by.public) + by.sign(text)
    return text + f"\n— {called} {base64.b64encode(blob).decode()}\n".encode()
