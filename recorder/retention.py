"""When evidence may go: bundles past their retention lose their records, not their place in the history.

Rule. A bundle is pruned only when the date its statement names is past, no legal hold is on it, and it verifies; what
stays (statement, checkpoints, frontier, leaf hashes) still proves the tree, so neighbouring bundles keep their proofs
and nobody can fill the hole with other records. Approvals and what is disclosed beside it go too. The pruned copy is
verified before it takes the place of the whole one. A hold names a bundle by its digest and is a file of its own, so it
holds for every copy of the bundle that is pruned from this data folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson

from recorder import dsse, durable, statement, strict_json
from recorder.approval import FOLDER as APPROVALS
from recorder.container import open_container
from recorder.container_form import Container, ContainerError, read_member
from recorder.disclosure_check import FOLDER as DISCLOSURES
from recorder.errors import RecorderError
from recorder.merkle import leaf_hash
from recorder.repack import repack
from recorder.verify.bundle import verify_bundle
from recorder.verify.options import Progress

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


class RetentionError(RecorderError):
    """A bundle may not be pruned, or a hold cannot be placed."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold. bundle: digest. since: UTC text. by: who placed it."""

    bundle: str
    reason: str
    by: str
    since: str

    def document(self) -> dict[str, str]:
        return {"bundle": self.bundle, "reason": self.reason, "by": self.by, "since": self.since}


@dataclass(frozen=True, slots=True)
class Holds:
    """The holds of one data folder, a file each. Raises RetentionError, OSError."""

    folder: Path

    def place(self, bundle: str, reason: str, by: str) -> Hold:
        """Put a hold on a bundle, durably; one that is there already stays as it is."""
        found = self.on(bundle)
        if found is not None:
            return found
        if not reason:
            raise RetentionError("A hold needs a reason.", "", "Say it with --reason.")
        hold = Hold(bundle, reason[:512], by[:128], datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        durable.replace(self._path(bundle), orjson.dumps(hold.document()), 0o644)
        return hold

    def release(self, bundle: str) -> None:
        """Lift a hold."""
        if self.on(bundle) is None:
            raise RetentionError(f"There is no hold on {bundle}.", "", "See them with: clyra evidence holds")
        self._path(bundle).unlink()
        durable.sync_folder(self.folder)

    def on(self, bundle: str) -> Hold | None:
        """The hold on a bundle. A file that cannot be read holds too."""
        path = self._path(bundle)
        return _read(path, bundle) if path.exists() else None

    def every(self) -> Iterator[Hold]:
        for path in sorted(self.folder.glob("*.json")) if self.folder.is_dir() else ():
            yield _read(path, f"sha256:{path.stem}")

    def _path(self, bundle: str) -> Path:
        match = _DIGEST.fullmatch(bundle)
        if match is None:
            raise RetentionError(f"'{bundle}' is not a bundle's digest.", "It is sha256: and 64 hex digits.")
        return self.folder / f"{match[1]}.json"


def _read(path: Path, bundle: str) -> Hold:
    try:
        found: dict[str, Any] = orjson.loads(path.read_bytes())
        return Hold(bundle, str(found["reason"]), str(found["by"]), str(found["since"]))
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return Hold(bundle, "(the note cannot be read)", "", "")


@dataclass(frozen=True, slots=True)
class Pruned:
    """What became of a bundle. left_out: names of the members that are gone."""

    path: Path
    digest: str
    start: int
    end: int
    retain_until: str
    left_out: tuple[str, ...]


def digest_of(bundle: Path) -> str:
    """The digest of a bundle, `sha256:...`. Raises RetentionError, OSError."""
    return statement.bundle_digest(_statement(bundle).payload)


def prune(
    bundle: Path,
    holds: Holds,
    trusted: bytes | None,
    today: date,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Pruned:
    """Take the records out of an expired bundle. out: a new place for what stays; default: the bundle's own.

    today: UTC date. Raises RecorderError, OSError; then the bundle is as it was.
    """
    envelope = _statement(bundle)
    digest = statement.bundle_digest(envelope.payload)
    predicate = _may_go(bundle, envelope, digest, holds, today)
    report = verify_bundle(bundle, trusted, progress=progress)
    if report.verdict == "rejected":
        why = "What cannot be verified is kept, because pruning would hide what is wrong with it."
        raise RetentionError(f"{bundle} is rejected.", why, f"See: clyra verify {bundle} --explain")
    container = open_container(bundle)
    try:
        if statement.RECORDS not in container.names:
            raise RetentionError(f"{bundle} was pruned before.")
        left_out = tuple(name for name in container.names if _goes(name))
        leaves = b"".join(_leaves(container))
    finally:
        container.close()
    if out is None and bundle.is_dir():
        raise RetentionError("A folder is not pruned in place.", "", "Give --out.")
    made = out or bundle.with_name(f".{bundle.name}.pruned")
    if out is None:
        made.unlink(missing_ok=True)  # of a run that was cut short
    repack(bundle, made, {statement.TREE_LEAVES: leaves}, frozenset(left_out))
    again = verify_bundle(made, trusted)
    if again.verdict == "rejected" or again.bundle != digest:
        if out is None:
            made.unlink()
        raise RetentionError(f"The pruned copy {made} does not verify; {bundle} stays as it is.")
    if out is None:
        made.replace(bundle)
        durable.sync_folder(bundle.parent)
    return Pruned(out or bundle, digest, predicate["start"], predicate["end"], predicate["retain_until"], left_out)


def _may_go(bundle: Path, envelope: dsse.Envelope, digest: str, holds: Holds, today: date) -> dict[str, Any]:
    """The predicate of an expired bundle that nobody holds."""
    predicate: dict[str, Any] = strict_json.read(envelope.payload)["predicate"]
    try:
        until = date.fromisoformat(predicate["retain_until"])
    except ValueError:
        raise RetentionError(f"{bundle} does not say until when it must be kept.") from None
    if today <= until:
        raise RetentionError(f"{bundle} must be kept until {until}.", f"Today is {today}.")
    hold = holds.on(digest)
    if hold is not None:
        why = f"Placed by {hold.by or 'somebody'} on {hold.since}: {hold.reason}"
        raise RetentionError(f"{bundle} is under a legal hold.", why, "Lift it with: clyra evidence release")
    return predicate


def _goes(name: str) -> bool:
    """Records, and what says something about the people in them: certificates may hold ID tokens."""
    return name == statement.RECORDS or name.startswith((DISCLOSURES, APPROVALS))


def _leaves(container: Container) -> Iterator[bytes]:
    """Leaf hashes of the records, in order; the bundle was verified, so every line has its end."""
    rest = b""
    for chunk in container.stream(statement.RECORDS):
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        yield from (leaf_hash(line) for line in lines)


def _statement(bundle: Path) -> dsse.Envelope:
    """The bundle's statement, of the one form there is."""
    try:
        container = open_container(bundle)
        try:
            raw = read_member(container, statement.STATEMENT, dsse.MAX_BYTES)
        finally:
            container.close()
        envelope = dsse.parse(raw, statement.PAYLOAD_TYPE)
        if not statement.SCHEMA.is_valid(strict_json.read(envelope.payload)):
            raise RetentionError(f"{bundle} has no statement of a bundle.")
    except (ContainerError, dsse.DsseError, strict_json.StrictJsonError, KeyError) as error:
        raise RetentionError(f"{bundle} is not a bundle.", str(error), "Check it with `clyra verify`.") from None
    return envelope
