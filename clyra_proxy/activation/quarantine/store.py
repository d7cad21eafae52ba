"""The folder `quarantine` of the data folder: one encrypted file an entry.

Guarantees: an entry is there whole or not at all, also after the power fails; files are 0600 in a folder 0700; entries
older than `KEPT_S` go, and past `MOST_BYTES` the oldest go first, so that the folder stays bounded whatever is
rejected; several workers write without a lock, because every entry has a name of its own. Calls write to disk: they are
made in scanning threads.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from clyra_proxy.activation.inspection import RowInspection
from clyra_proxy.activation.model import Rejection
from clyra_proxy.activation.quarantine.entry import Content, DamagedError, KeptRow, Label, Request, is_kept
from clyra_proxy.activation.quarantine.sealing import LONGEST_LABEL, MAGIC, open_sealed, read_label, seal
from clyra_proxy.exchange import Exchange
from clyra_proxy.state.secret import shared_secret
from recorder.durable import replace, sync_folder

FOLDER = "quarantine"
KEY_FILE = "quarantine.key"
RELEASE = "clyra-release"
"""Header of a request that sends an entry again: what is rejected then stays in that entry."""

KEPT_S = 30 * 86_400
MOST_BYTES = 256 << 20
SWEEP_S = 60.0
_ABANDONED_S = 3600.0
_END = ".sealed"

log = logging.getLogger("clyra.quarantine")


class Quarantine:
    """Keeps, lists and gives back. folder: the data folder. Raises StartupError without a key that can be used."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES, kept_s: float = KEPT_S) -> None:
        self._folder = folder / FOLDER
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key = shared_secret(folder / KEY_FILE)
        self._most_bytes = most_bytes
        self._kept_s = kept_s
        self._swept = 0.0
        self._written = 0

    def keep(
        self,
        inspection: RowInspection,
        profile: str,
        rejections: Sequence[Rejection],
        exchange: Exchange,
        body: bytes | None = None,
    ) -> str:
        """Keep rejected rows; the id of the entry. body: of a request with these rows alone. Raises OSError."""
        released = exchange.request.get(RELEASE) or ""
        if is_id(released) and self._path(released).exists():
            return released
        entry = _new_id(inspection.now)
        content = Content(_rows(inspection, rejections), None if body is None else _request(exchange, body))
        self._write(_label(entry, inspection, profile, content, exchange), content)
        return entry

    def labels(self) -> Iterator[Label | tuple[str, DamagedError]]:
        """The labels of all entries, oldest first; of a damaged one its id and what is wrong."""
        for path in sorted(self._folder.glob(f"*{_END}")):
            try:
                with path.open("rb") as file:
                    yield read_label(file.read(len(MAGIC) + LONGEST_LABEL))
            except FileNotFoundError:
                continue
            except DamagedError as error:
                yield path.name.removesuffix(_END), error

    def open(self, entry: str) -> tuple[Label, Content]:
        """One entry. Raises KeyError when there is none, DamagedError."""
        if not is_id(entry):
            raise KeyError(entry)
        try:
            data = self._path(entry).read_bytes()
        except FileNotFoundError as error:
            raise KeyError(entry) from error
        label, content = open_sealed(self._key, data)
        if label.id != entry:
            raise DamagedError("seal")
        return label, content

    def reduce(self, label: Label, content: Content, left: frozenset[int], body: bytes | None) -> None:
        """Keep only the rows at those indices, with the body that sends them; nothing left drops the entry."""
        rows = tuple(row for row in content.rows if row.index in left)
        if not rows:
            self.drop(label.id)
            return
        request = content.request
        if request is not None:
            request = None if body is None else dataclasses.replace(request, body=body)
        rules = dict(Counter(row.rule for row in rows))
        values = {**label.as_json(), "rows": len(rows), "rules": rules, "replayable": request is not None}
        self._write(Label.from_json(values), Content(rows, request))

    def drop(self, entry: str) -> bool:
        """Remove an entry; false when there was none."""
        if not is_id(entry):
            return False
        try:
            self._path(entry).unlink()
        except FileNotFoundError:
            return False
        sync_folder(self._folder)
        return True

    def _write(self, label: Label, content: Content) -> None:
        data = seal(self._key, label, content)
        replace(self._path(label.id), data)
        self._written += len(data)
        now = time.time()
        if now - self._swept > SWEEP_S or self._written > self._most_bytes // 16:
            self._sweep(now)

    def _sweep(self, now: float) -> None:
        self._swept, self._written = now, 0
        total = gone = 0
        for path in sorted(self._folder.iterdir(), reverse=True):
            with contextlib.suppress(FileNotFoundError):
                state = path.stat()
                if path.name.startswith("."):
                    if now - state.st_mtime > _ABANDONED_S:
                        path.unlink()
                    continue
                total += state.st_size
                if total > self._most_bytes or now - state.st_mtime > self._kept_s:
                    path.unlink()
                    gone += 1
        if gone:
            log.warning("Quarantine: %d entries were dropped, too old or past %d bytes.", gone, self._most_bytes)

    def _path(self, entry: str) -> Path:
        return self._folder / f"{entry}{_END}"


def is_id(text: str) -> bool:
    """Whether a text has the form of an entry's id; nothing else is ever made part of a path."""
    return len(text) == 22 and text.startswith("q-") and all(char in "0123456789abcdef" for char in text[2:])


def _new_id(now: float) -> str:
    return f"q-{int(now * 1000) & ((1 << 48) - 1):012x}{secrets.token_hex(4)}"


def _rows(inspection: RowInspection, rejections: Sequence[Rejection]) -> tuple[KeptRow, ...]:
    rows = {row.index: row for row in inspection.batch.rows}
    found = ((one, rows[one.index]) for one in rejections if one.index in rows)
    return tuple(
        KeptRow(one.index, one.rule, one.reason, row.operation.value, row.key, dict(row.values)) for one, row in found
    )


def _request(exchange: Exchange, body: bytes) -> Request:
    head, where = exchange.request, exchange.destination
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in head.fields
        if is_kept(name.decode("latin-1"))
    )
    return Request(head.method, where.scheme, where.host, where.port, head.path, headers, body)


def _label(entry: str, inspection: RowInspection, profile: str, content: Content, exchange: Exchange) -> Label:
    batch, caller = inspection.batch, inspection.caller
    return Label(
        entry,
        inspection.now,
        exchange.id,
        profile,
        inspection.destination,
        batch.target[:256],
        caller.tenant,
        caller.agent,
        batch.attribution.sync[:256],
        (batch.attribution.run or caller.run)[:256],
        len(content.rows),
        dict(Counter(row.rule for row in content.rows)),
        content.request is not None,
    )
