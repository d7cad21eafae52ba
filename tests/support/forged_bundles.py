"""Bundles as an insider with every key could make them: any lines, any statement, any trust file, all well signed.

What is wrong with such a bundle is then exactly what was changed, and the verifiers have to see that alone. A bundle is
a folder; `Forge.write` fills it.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from recorder import dsse, note, record, statement, strict_json, trust
from recorder.keys import LocalKey, SigningKey
from recorder.layout import Layout
from recorder.merkle import Frontier, leaf_hash
from recorder.strict_json import StrictJsonError

type Edit = Callable[[Any], Any]
"""Takes a JSON value (which it may change) and gives the one to use instead."""

_SOME_DAY = "2026-01-01T00:00:00.000000Z"
CONFIG = sha256(b"forged").hexdigest()


def unchanged(value: Any) -> Any:
    return value


def compact(value: Any) -> bytes:
    """Compact JSON where there is such a form, else the nearest thing."""
    try:
        return strict_json.write(value)
    except StrictJsonError:
        return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")


def rechained(records: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """Lines of records whose numbers and hashes follow each other again."""
    lines: list[bytes] = []
    previous = "0" * 64
    for number, one in enumerate(records):
        lines.append(orjson.dumps({**one, "seq": number, "prev": previous}, option=orjson.OPT_SORT_KEYS))
        previous = leaf_hash(lines[-1]).hex()
    return lines


@dataclass
class Forge:
    """One log and its keys. members: further members by name; those that are no detached kind become subjects."""

    origin: str
    lines: list[bytes]
    log_key: SigningKey
    seal_key: SigningKey
    root_key: SigningKey
    members: dict[str, bytes] = field(default_factory=dict)
    extra_keys: list[dict[str, Any]] = field(default_factory=list)
    trust_more: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_log(cls, layout: Layout, lines: Sequence[bytes]) -> Forge:
        keys = [layout.keys.signing_key(role) for role in ("log", "seal", "root")]
        return cls(json.loads(lines[0])["origin"], list(lines), *keys)

    def frontier(self, size: int) -> Frontier:
        frontier = Frontier()
        for line in self.lines[:size]:
            frontier.append(leaf_hash(line))
        return frontier

    def checkpoint(self, size: int, key: SigningKey | None = None, root: bytes | None = None) -> bytes:
        found = self.frontier(size).root() if root is None else root
        return note.sign_checkpoint(self.origin, size, found, key or self.log_key)

    def trust_file(self, edit: Edit = unchanged, signers: Sequence[SigningKey] | None = None) -> bytes:
        """A trust file; `edit` changes its document before it is signed."""
        made = trust.make(self.origin, self.log_key, self.seal_key, [self.root_key])
        document = json.loads(dsse.parse(made, trust.PAYLOAD_TYPE).payload)
        document["keys"] += json.loads(json.dumps(self.extra_keys))
        document = edit(document | self.trust_more)
        return dsse.sign(compact(document), trust.PAYLOAD_TYPE, [self.root_key] if signers is None else signers)

    def write(
        self, folder: Path, start: int = 0, end: int | None = None, edit: Edit = unchanged, raw: Edit = unchanged
    ) -> Path:
        """Fill `folder`. edit: of the statement's document. raw: of its payload bytes."""
        last = len(self.lines) if end is None else end
        parts = {
            statement.RECORDS: b"".join(line + b"\n" for line in self.lines[start:last]),
            statement.FRONTIER: b"".join(base64.b64encode(node) + b"\n" for node in self.frontier(start).nodes),
            statement.TREE_START: self.checkpoint(start),
            statement.TREE_END: self.checkpoint(last),
            **self.members,
        }
        subjects = {name: sha256(raw).hexdigest() for name, raw in parts.items() if not _is_detached(name)}
        roots = self.frontier(start).root(), self.frontier(last).root()
        window = statement.Window(self.origin, start, last, *roots)
        tally = _tally(self.lines[start:last])
        document = json.loads(statement.make_payload(window, statement.Tally(last_ts=_SOME_DAY), subjects, CONFIG, 7))
        document["predicate"] |= tally.predicate_part()
        payload = raw(compact(edit(document)))
        parts[statement.STATEMENT] = dsse.sign(payload, statement.PAYLOAD_TYPE, [self.seal_key])
        return write_folder(folder, parts)


def write_folder(folder: Path, parts: Mapping[str, bytes]) -> Path:
    for name, raw in parts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    return folder


def _is_detached(name: str) -> bool:
    return name.startswith(("anchors/", "disclosures/", "attestations/")) or name in (
        statement.TREE_START,
        statement.TREE_END,
        "tree/consistency",
        "tree/leaves",
    )


def _tally(lines: Sequence[bytes]) -> statement.Tally:
    """Of the sound records; the others make the bundle wrong anyway."""
    tally = statement.Tally()
    for line in lines:
        sound = record.read_sound(line)
        if sound is not None:
            tally.add(sound)
    tally.first_ts, tally.last_ts = tally.first_ts or _SOME_DAY, tally.last_ts or _SOME_DAY
    return tally


_POOL: list[Any] = [
    0, 1, -1, 2, 7, 65, 2**53 - 1, 2**53, 2**63, 1.0, 1.5, True, False, None, "", "x", "a" * 70, "a" * 1100, "0" * 64,
    "f" * 64, "é😀\x00", "2026-01-01T00:00:00.000000Z", "0000-00-00T00:00:00.000000Z", "9999-99-99T99:99:99.999999Z",
    [], {}, [1], {"a": 1}, ["x", "x"], "def/0", "def/1", "pef.unknown", "sys.close", "consumed", "ed25519",
    "log", "seal",
]  # fmt: skip


def mutated(chance: random.Random, value: Any) -> Any:
    """The JSON value with one thing changed somewhere."""
    again = json.loads(json.dumps(value))
    places = list(_places(again))
    holder, key = chance.choice(places)
    old = holder[key]
    match chance.randrange(8):
        case 0 if isinstance(holder, dict):
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[chance.choice(["zz", "a", "A", "", "name", "size", "v", "é", "until_size"])] = chance.choice(_POOL)
        case 2 if isinstance(holder, list):
            holder.insert(key, old)
        case 3 if isinstance(old, int) and not isinstance(old, bool):
            holder[key] = old + chance.choice([-1, 1, 2, 1000, 10**6, 4 * 10**9])
        case 4 if isinstance(old, str) and old:
            at = chance.randrange(len(old))
            holder[key] = old[:at] + chance.choice("0af9.Z\\é") + old[at + 1 :]
        case 5:
            other, name = chance.choice(places)
            if name in (other if isinstance(other, dict) else range(len(other))):
                holder[key] = json.loads(json.dumps(other[name]))
        case _:
            holder[key] = chance.choice(_POOL)
    return again


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inner:
        found.append((value, key))
        if isinstance(item, dict | list):
            found += _places(item)
    return found


def key_entry(key: LocalKey, role: str, **said: Any) -> dict[str, Any]:
    """A key as the trust file lists it."""
    entry = {"keyid": key.key_id, "alg": key.algorithm, "pub": key.public.hex(), "role": role}
    return entry | {"valid_from_size": 0, "state": "active"} | said
