"""What a bundle claims: an in-toto Statement v1 with the `def/bundle/v0` predicate, signed as DSSE.

The statement names every member it covers by digest and says which window of which log the bundle holds. Sealing the
same window again gives the same payload bytes, so the bundle digest (SHA-256 of the payload) is a name for the window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import jsonschema_rs
import orjson

from recorder import NAMESPACE, __version__

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = f"{NAMESPACE}/def/bundle/v0"
STATEMENT = "statement.dsse.json"
RECORDS = "records.jsonl"
FRONTIER = "tree/frontier"
TREE_START = "tree/start"
TREE_END = "tree/end"
TREE_CONSISTENCY = "tree/consistency"
TREE_LEAVES = "tree/leaves"
README = "readme.txt"
MEMBER_NAME = "^[a-z0-9._/-]{1,100}$"
_HEX64 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_DIGEST = {"type": "object", "additionalProperties": False, "required": ["sha256"], "properties": {"sha256": _HEX64}}
_COUNT = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
_TS = {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"}


def _closed(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


_PREDICATE = _closed(
    {
        "origin": {"type": "string", "minLength": 1, "maxLength": 200},
        "start": _COUNT,
        "end": _COUNT,
        "start_root": _HEX64,
        "end_root": _HEX64,
        "prev_bundle": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
        "period": _closed({"from": _TS, "to": _TS}),
        "producer": _closed({"name": {"type": "string"}, "version": {"type": "string"}, "config_sha256": _HEX64}),
        "policy": {"type": "array", "items": _closed({"uri": {"type": "string"}, "digest": _DIGEST})},
        "counts": {"type": "object", "additionalProperties": _COUNT},
        "sources": {
            "type": "array",
            "items": _closed({"id": {"type": "string"}, "first": _COUNT, "last": _COUNT, "lost": _COUNT}),
        },
        "retain_until": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
        "profile": {"type": "array", "items": {"type": "string"}},
        "tail": {"enum": ["open", "closed"]},
    },
    optional=("prev_bundle",),
)
SCHEMA = jsonschema_rs.Draft202012Validator(
    _closed(
        {
            "_type": {"const": STATEMENT_TYPE},
            "subject": {
                "type": "array",
                "minItems": 1,
                "maxItems": 65_536,
                "items": _closed({"name": {"type": "string", "pattern": MEMBER_NAME}, "digest": _DIGEST}),
            },
            "predicateType": {"const": PREDICATE_TYPE},
            "predicate": _PREDICATE,
        }
    )
)


@dataclass(slots=True)
class Tally:
    """What a statement says about the records of its window, gathered record by record.

    sources: id -> [first, last, lost]. A window's tally is recomputed by the verifier; the two must agree.
    """

    counts: dict[str, int] = field(default_factory=dict)
    sources: dict[str, list[int]] = field(default_factory=dict)
    policies: set[str] = field(default_factory=set)
    first_ts: str = ""
    last_ts: str = ""
    last_typ: str = ""

    def add(self, record: Mapping[str, Any]) -> None:
        typ = record["typ"]
        self.counts[typ] = self.counts.get(typ, 0) + 1
        src = record["src"]
        known = self.sources.get(src["id"])
        if known is None:
            self.sources[src["id"]] = [src["seq"], src["seq"], 0]
        else:
            known[1] = src["seq"]
        if typ == "sys.gap":
            data = record["data"]
            gap = self.sources.setdefault(data["source"], [data["first"], data["last"], 0])
            gap[1] = max(gap[1], data["last"])
            gap[2] += data["count"]
        verdict = record.get("verdict")
        if verdict is not None:
            self.policies.add(verdict["policy_sha256"])
        self.first_ts = self.first_ts or record["ts"]
        self.last_ts = max(self.last_ts, record["ts"])
        self.last_typ = typ

    def add_block(
        self,
        counts: Mapping[str, int],
        sources: Mapping[str, tuple[int, int]],
        policies: frozenset[str],
        times: tuple[str, str],
        last_typ: str,
    ) -> None:
        """The same for several records at once, none of them `sys.gap`. times: of the first and the last."""
        for typ, count in counts.items():
            self.counts[typ] = self.counts.get(typ, 0) + count
        for name, (first, last) in sources.items():
            self.sources.setdefault(name, [first, last, 0])[1] = last
        self.policies |= policies
        self.first_ts = self.first_ts or times[0]
        self.last_ts = max(self.last_ts, times[1])
        self.last_typ = last_typ

    def predicate_part(self) -> dict[str, Any]:
        """The members of the predicate that follow from the records."""
        return {
            "counts": dict(sorted(self.counts.items())),
            "sources": [
                {"id": name, "first": first, "last": last, "lost": lost}
                for name, (first, last, lost) in sorted(self.sources.items())
            ],
            "policy": [
                {"uri": f"{NAMESPACE}/policy/{digest}", "digest": {"sha256": digest}}
                for digest in sorted(self.policies)
            ],
            "period": {"from": self.first_ts, "to": self.last_ts},
            "tail": "closed" if self.last_typ == "sys.close" else "open",
        }


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one log: records [start, end) and the tree roots at both ends."""

    origin: str
    start: int
    end: int
    start_root: bytes
    end_root: bytes
    prev_bundle: str = ""


def make_payload(
    window: Window, tally: Tally, digests: Mapping[str, str], config_sha256: str, retention_years: int
) -> bytes:
    """The exact statement bytes. digests: member name -> hex SHA-256."""
    predicate: dict[str, Any] = {
        "origin": window.origin,
        "start": window.start,
        "end": window.end,
        "start_root": window.start_root.hex(),
        "end_root": window.end_root.hex(),
        "producer": {"name": "clyra", "version": __version__, "config_sha256": config_sha256},
        "retain_until": _retain_until(tally.last_ts, retention_years),
        "profile": ["core"],
        **tally.predicate_part(),
    }
    if window.prev_bundle:
        predicate["prev_bundle"] = window.prev_bundle
    subject = [{"name": name, "digest": {"sha256": digests[name]}} for name in sorted(digests)]
    document = {
        "_type": STATEMENT_TYPE,
        "subject": subject,
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def contradiction(document: Mapping[str, Any]) -> str:
    """Why a statement of our predicate type cannot be gone by, or "" when it can."""
    if not SCHEMA.is_valid(document):
        return "it does not satisfy its schema"
    if not document["predicate"]["start"] < document["predicate"]["end"]:
        return "the window is empty or backwards"
    if len({item["name"] for item in document["subject"]}) != len(document["subject"]):
        return "a subject is listed twice"
    return ""


def bundle_digest(payload: bytes) -> str:
    """What a bundle is called: the SHA-256 of the statement that was signed."""
    return f"sha256:{sha256(payload).hexdigest()}"


def _retain_until(last_ts: str, years: int) -> str:
    day = datetime.strptime(last_ts[:10], "%Y-%m-%d").date()
    if (day.month, day.day) == (2, 29):
        day = day.replace(day=28)
    return day.replace(year=day.year + years).isoformat()
