"""Deterministic sealing: the same window of the same log gives the same statement bytes, whatever is in the log."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder import approval, dsse, record_schemas, statement
from recorder.admission import parse_batch
from recorder.approval_store import ApprovalStore
from recorder.container import open_container
from recorder.container_form import read_member
from recorder.layout import Layout
from recorder.main import prepare
from recorder.seal import seal_window
from recorder.store import Store
from recorder.verify.bundle import verify_bundle
from tests.support.approvals import certificate, consume_event
from tests.support.recorder_process import batch_body, intent, outcome


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Keys and trust, made once: what is random about a log must not be what differs."""
    layout = Layout(tmp_path_factory.mktemp("home"))
    prepare(layout)
    return layout


def _payload(path: Path) -> bytes:
    container = open_container(path)
    try:
        raw = read_member(container, statement.STATEMENT, dsse.MAX_BYTES)
    finally:
        container.close()
    return dsse.parse(raw, statement.PAYLOAD_TYPE).payload


def _subjects(payload: bytes) -> set[str]:
    return {item["name"] for item in orjson.loads(payload)["subject"]}


STEP = st.one_of(
    st.tuples(st.just("call"), st.integers(1, 4)),
    st.tuples(st.just("gap"), st.integers(1, 50)),
    st.tuples(st.just("approval"), st.booleans()),
    st.tuples(st.just("spool"), st.integers(1, 3)),
)


def _write(layout: Layout, steps: list[tuple[str, Any]]) -> int:
    keys = layout.keys
    seal_key = keys.signing_key("seal")
    store = Store(layout, keys.signing_key("log"), seal_key)
    number = 1
    for at, (what, detail) in enumerate(steps):
        if what == "gap":
            number += detail
            continue
        header: dict[str, Any] = {"cause": "overflow"}
        if what == "approval":
            made = certificate(time.time())
            signed = approval.sign(made, seal_key)
            if detail:
                ApprovalStore(layout.approvals).keep(signed)
            events = [consume_event(signed, made)]
        else:
            events = [event for n in range(detail) for event in (intent(f"{at}-{n}"), outcome(f"{at}-{n}"))]
            header |= {"spooled": True} if what == "spool" else {}
        store.commit([parse_batch(batch_body("p", number, events, **header), "source", "a" * 64)])
        number += len(events)
    size = store.size
    store.shut()
    return size


@given(st.lists(STEP, max_size=8), st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_window_gives_the_same_statement(
    prepared: Layout, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, Any]], data: st.DataObject
) -> None:
    layout = Layout(tmp_path_factory.mktemp("log") / "home")
    shutil.copytree(prepared.root, layout.root)
    size = _write(layout, steps)
    start = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(start + 1, size))
    first = seal_window(layout, start, end)
    payload = _payload(first.path)
    first.path.unlink()
    _write(layout, [("call", 1)])  # the log goes on, by another run of the recorder
    second = seal_window(layout, start, end)
    assert _payload(second.path) == payload
    assert second.digest == first.digest
    report = verify_bundle(second.path, layout.trust.read_bytes())
    unkept = any(what == "approval" and not detail for what, detail in steps)
    assert report.verdict == "prefix" or (unkept and report.document()["first"] == "E_APPROVAL_MISSING")


def test_a_bundle_carries_the_schemas_and_approvals_of_its_window_only(prepared: Layout, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    shutil.copytree(prepared.root, layout.root)
    size = _write(layout, [("approval", True), ("call", 1), ("approval", True), ("approval", False)])
    assert size == 9  # genesis, two keys, configuration, then five events
    every = _subjects(_payload(seal_window(layout, 0, size).path))
    assert sum(name.startswith("approvals/") for name in every) == 2
    schemas = {name for name in every if name.startswith("schemas/")}
    types = ("sys.genesis", "sys.key", "sys.config", "pef.approval.consume", "pef.http_call")
    assert schemas == {f"schemas/{typ}.json" for typ in types}
    calls = _subjects(_payload(seal_window(layout, 5, 7).path))
    assert {name for name in calls if "/" in name} == {"schemas/pef.http_call.json", "tree/frontier"}
    container = open_container(seal_window(layout, 5, 7).path)
    packaged = record_schemas.packaged("pef.http_call")
    assert read_member(container, "schemas/pef.http_call.json", 1 << 20) == packaged
    container.close()
