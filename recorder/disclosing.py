"""A bundle with something disclosed beside it: find the record, add the lines, leave everything that is signed alone.

Rule. The new bundle holds what the old one held and the disclosure, so a reader checks both at once; the old one is not
touched. A disclosure that is already there is not added twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from recorder import dsse, record, statement, strict_json
from recorder.container import open_container
from recorder.container_form import Container, ContainerError, read_member
from recorder.disclosure import DisclosureError
from recorder.disclosure_check import MAX_LINE, member_name
from recorder.repack import repack


@dataclass(frozen=True, slots=True)
class Subject:
    """A record and what its salts hang on. exchange: id the salts were derived for. key_id: of the subject key, "" if
    neither the record nor the one it answers says so."""

    record: dict[str, Any]
    exchange: str
    key_id: str


def find_subject(bundle: Path, seq: int) -> Subject:
    """The record `seq` of a bundle. Raises DisclosureError, OSError."""
    try:
        container = open_container(bundle)
        try:
            start = _start(container)
            found = _lines(container, start, (seq,))
            if seq not in found:
                raise DisclosureError(f"The bundle has no record {seq}.", f"Its first record is {start}.")
            return _subject(container, start, found[seq])
        finally:
            container.close()
    except ContainerError as error:
        raise DisclosureError(f"{bundle} cannot be read.", error.detail, "Check it with `clyra verify`.") from None


def add_disclosures(bundle: Path, target: Path, seq: int, lines: Iterable[bytes]) -> None:
    """Write a copy of the bundle with these lines about one record. Raises RecorderError, OSError."""
    name = member_name(seq)
    container = open_container(bundle)
    try:
        old = read_member(container, name, 2 * MAX_LINE) if name in container.names else b""
    finally:
        container.close()
    every = list(dict.fromkeys([*old.split(b"\n")[:-1], *lines]))
    repack(bundle, target, {name: b"".join(line + b"\n" for line in every)})


def _subject(container: Container, start: int, found: dict[str, Any]) -> Subject:
    data = found["data"]
    exchange = data.get("exchange") or found.get("appr", {}).get("id", "")
    key_id = data.get("subject_key", "")
    if not key_id:  # an outcome leaves it to its intent
        answered = [ref["seq"] for ref in found.get("refs", ()) if ref["rel"] == "answers" and "seq" in ref]
        for intent in _lines(container, start, answered).values():
            key_id = key_id or intent["data"].get("subject_key", "")
    return Subject(found, exchange, key_id)


def _start(container: Container) -> int:
    try:
        raw = read_member(container, statement.STATEMENT, dsse.MAX_BYTES)
        document = strict_json.read(dsse.parse(raw, statement.PAYLOAD_TYPE).payload)
        readable = statement.SCHEMA.is_valid(document)
    except (dsse.DsseError, strict_json.StrictJsonError, KeyError):
        readable = False
    if not readable:
        raise DisclosureError("The bundle has no readable statement.", "", "Check it with `clyra verify`.")
    found: int = document["predicate"]["start"]
    return found


def _lines(container: Container, start: int, wanted: Iterable[int]) -> Mapping[int, dict[str, Any]]:
    """Some records by number, in one pass that ends at the last of them."""
    missing = {seq for seq in wanted if seq >= start}
    found: dict[int, dict[str, Any]] = {}
    rest, seq = b"", start
    for chunk in container.stream(statement.RECORDS) if missing else ():
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        for line in lines:
            if seq in missing:
                found[seq] = _record(line, seq)
                missing.discard(seq)
            seq += 1
        if not missing:
            break
    return found


def _record(line: bytes, seq: int) -> dict[str, Any]:
    """A record as the recorder writes it. Raises DisclosureError: a bundle may come from anybody."""
    try:
        found: dict[str, Any] = orjson.loads(line)
        record.validate(found)
    except (orjson.JSONDecodeError, record.RecordError, KeyError, TypeError):
        raise DisclosureError(f"Record {seq} of the bundle is damaged.", "", "Check it with `clyra verify`.") from None
    return found
