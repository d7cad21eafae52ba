"""The quarantine on disk: sealed, bounded, crash-safe, and without credentials."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.activation.inspection import RowInspection
from clyra_proxy.activation.model import Rejection
from clyra_proxy.activation.quarantine.entry import Content, DamagedError, KeptRow, Label, Request, is_kept
from clyra_proxy.activation.quarantine.sealing import open_sealed, seal
from clyra_proxy.activation.quarantine.store import KEY_FILE, RELEASE, Quarantine, is_id
from clyra_proxy.exchange import Destination, Exchange, RequestHead
from tests.activation.rows.support import NOW, people, written

SECRET_VALUE = "jane.doe@example.com"


def exchange(headers: Mapping[str, str] | None = None) -> Exchange:
    fields = tuple((name.encode(), text.encode()) for name, text in (headers or {}).items())
    head = RequestHead(fields, "POST", "/crm/v3/objects/contacts/batch/upsert?hapikey=topsecret", "HTTP/1.1")
    where = Destination("api.hubapi.com", 443, "https")
    made: Any = object.__new__(Exchange)
    made.id, made.request, made.destination = "01a2", head, where
    return made  # type: ignore[no-any-return]


def rejected(*indices: int, rule: str = "rows.field") -> list[Rejection]:
    return [Rejection(index, rule, "field_denied", "no") for index in indices]


def inspection(now: float = NOW) -> RowInspection:
    return written([*people(2), {"id": "u9", "email": SECRET_VALUE}], now=now)


def keep(store: Quarantine, now: float = NOW, headers: Mapping[str, str] | None = None) -> str:
    return store.keep(inspection(now), "hubspot", rejected(2), exchange(headers), b'{"inputs":[{"id":"u9"}]}')


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    store = Quarantine(tmp_path)
    entry = keep(store, headers={"Content-Type": "application/json", "Authorization": "Bearer x"})
    (label,) = store.labels()
    assert isinstance(label, Label)
    assert (label.id, label.target, label.rows, label.rules) == (entry, "contacts", 1, {"rows.field": 1})
    assert (label.tenant, label.agent, label.sync, label.run) == ("acme", "retl", "s1", "r1")
    opened, content = Quarantine(tmp_path).open(entry)
    assert opened == label
    (row,) = content.rows
    assert (row.index, row.key, row.values["email"]) == (2, "u9", SECRET_VALUE)
    assert content.request is not None
    assert content.request.url == "https://api.hubapi.com/crm/v3/objects/contacts/batch/upsert?hapikey=topsecret"
    assert content.request.headers == (("Content-Type", "application/json"),)


def test_files_are_private_and_hold_nothing_readable(tmp_path: Path) -> None:
    store = Quarantine(tmp_path)
    keep(store)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 2
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        data = path.read_bytes()
        for secret in (SECRET_VALUE.encode(), b"u9", b"topsecret"):
            assert secret not in data
    assert stat.S_IMODE((tmp_path / "quarantine").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ("Content-Type", True),
        ("Accept", True),
        ("revision", True),
        ("User-Agent", True),
        ("Authorization", False),
        ("Proxy-Authorization", False),
        ("Cookie", False),
        ("X-Api-Key", False),
        ("api_key", False),
        ("X-SFDC-Session", False),
        ("X-Auth-Token", False),
        ("Idempotency-Key", False),
        ("Host", False),
        ("Content-Length", False),
        ("Content-Encoding", False),
        ("Clyra-Release", False),
        ("X-Clyra-Run", False),
        ("traceparent", False),
    ],
)
def test_credentials_are_not_kept(header: str, kept: bool) -> None:
    assert is_kept(header) is kept


@pytest.mark.parametrize("place", ["label", "content", "cut", "other key", "other name", "magic"])
def test_damage_is_found(tmp_path: Path, place: str) -> None:
    store = Quarantine(tmp_path)
    entry = keep(store)
    path = tmp_path / "quarantine" / f"{entry}.sealed"
    data = path.read_bytes()
    if place == "label":
        path.write_bytes(data.replace(b"acme", b"evil"))
    elif place == "content":
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif place == "cut":
        path.write_bytes(data[:-20])
    elif place == "magic":
        path.write_bytes(b"x" + data)
    elif place == "other key":
        (tmp_path / KEY_FILE).write_bytes(os.urandom(32))
        store = Quarantine(tmp_path)
    else:
        entry = f"q-{'0' * 20}"
        path.rename(path.with_name(f"{entry}.sealed"))
    with pytest.raises(DamagedError):
        store.open(entry)


def test_a_damaged_file_is_told_in_the_list(tmp_path: Path) -> None:
    store = Quarantine(tmp_path)
    entry = keep(store)
    (tmp_path / "quarantine" / f"q-{'f' * 20}.sealed").write_bytes(b"nothing")
    first, second = store.labels()
    assert isinstance(first, Label)
    assert first.id == entry
    assert isinstance(second, tuple)
    assert second[0] == f"q-{'f' * 20}"


@pytest.mark.parametrize("name", ["", "q-", "../../etc/passwd", "q-" + "0" * 19, "q-" + "g" * 20, "q-../" + "0" * 17])
def test_names_that_are_no_ids_lead_nowhere(tmp_path: Path, name: str) -> None:
    store = Quarantine(tmp_path)
    assert not is_id(name)
    assert not store.drop(name)
    with pytest.raises(KeyError):
        store.open(name)


def test_drop(tmp_path: Path) -> None:
    store = Quarantine(tmp_path)
    entry = keep(store)
    assert store.drop(entry)
    assert not store.drop(entry)
    assert list(store.labels()) == []


def test_reduce_keeps_what_is_left(tmp_path: Path) -> None:
    store = Quarantine(tmp_path)
    entry = store.keep(inspection(), "hubspot", rejected(0, 2), exchange(), b"both")
    label, content = store.open(entry)
    store.reduce(label, content, frozenset({2}), b"one")
    label, content = store.open(entry)
    assert (label.rows, label.rules, [row.index for row in content.rows]) == (1, {"rows.field": 1}, [2])
    assert content.request is not None
    assert content.request.body == b"one"
    store.reduce(label, content, frozenset({2}), None)
    label, content = store.open(entry)
    assert (label.replayable, content.request) == (False, None)
    store.reduce(label, content, frozenset(), None)
    assert list(store.labels()) == []


def test_what_is_rejected_again_stays_in_its_entry(tmp_path: Path) -> None:
    store = Quarantine(tmp_path)
    entry = keep(store)
    assert keep(store, headers={RELEASE: entry}) == entry
    assert len(list(store.labels())) == 1
    assert keep(store, headers={RELEASE: "q-" + "0" * 20}) != entry
    assert len(list(store.labels())) == 2


def test_the_folder_stays_bounded_and_the_oldest_go_first(tmp_path: Path) -> None:
    store = Quarantine(tmp_path, most_bytes=20_000)
    kept = [keep(store, NOW + number) for number in range(200)]
    size = sum(path.stat().st_size for path in (tmp_path / "quarantine").iterdir())
    assert size <= 20_000 + 20_000 // 16 + 2000
    left = [label.id for label in store.labels() if isinstance(label, Label)]
    assert left == kept[-len(left) :]
    assert len(left) > 5


def test_old_entries_and_abandoned_files_go(tmp_path: Path) -> None:
    store = Quarantine(tmp_path)
    old, folder = keep(store), tmp_path / "quarantine"
    os.utime(folder / f"{old}.sealed", (NOW - 40 * 86_400,) * 2)
    abandoned, fresh = folder / ".q-x.sealed.1", folder / ".q-y.sealed.1"
    abandoned.write_bytes(b"")
    fresh.write_bytes(b"")
    os.utime(abandoned, (NOW - 40 * 86_400,) * 2)
    new = keep(Quarantine(tmp_path), NOW + 1)
    assert sorted(path.name for path in folder.iterdir()) == [".q-y.sealed.1", f"{new}.sealed"]


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=6)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=100)
@given(st.dictionaries(st.text(max_size=6), _JSON, max_size=4), st.binary(max_size=60), st.text(max_size=10))
def test_whatever_rows_hold_comes_back(values: dict[str, Any], body: bytes, key: str) -> None:
    secret = bytes(32)
    label = Label("q-" + "0" * 20, 1.0, "x", "p", "h:443", key, "", "", "", "", 1, {"rows.field": 1}, True)
    content = Content(
        (KeptRow(0, "rows.field", "field_denied", "upsert", key, values),),
        Request("POST", "https", "h", 443, "/", (("a", "b"),), body),
    )
    assert open_sealed(secret, seal(secret, label, content)) == (label, content)


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_no_file_makes_reading_fail_otherwise(data: bytes) -> None:
    for text in (data, b"clyra-quarantine-1\n" + data, b"clyra-quarantine-1\n{}\n" + data):
        with pytest.raises(DamagedError):
            open_sealed(bytes(32), text)
