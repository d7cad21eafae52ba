"""A running recorder with its approvals page, and the signed questions of a proxy to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recorder import signature
from recorder.interface import APPROVAL_CONSUME_PATH, APPROVAL_DESK_PATH, APPROVAL_OPEN_PATH, APPROVAL_STATES_PATH
from recorder.keys import read_source_key
from recorder.layout import Layout
from recorder.main import prepare
from tests.support.approval_desk import PEOPLE, packet, use
from tests.support.recorder_process import UnixHttp

MEDIA = "application/json"


def prepare_home(home: Path, **settings: Any) -> Layout:
    """A data folder whose recorder knows some approvers."""
    layout = Layout(home)
    prepare(layout)
    document = {"approvers": list(PEOPLE), **settings}
    layout.approval_settings.write_text(json.dumps(document))
    return layout


def ask(layout: Layout, path: str, document: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """One signed question, as a proxy asks it."""
    body = json.dumps(document).encode()
    key = read_source_key(layout.keys.path("source"))
    lines = signature.sign("POST", path, MEDIA, body, "source", key).strip().split("\r\n")
    return _post(layout, path, body, dict(line.split(": ", 1) for line in lines))


def desk(layout: Layout, op: str, **wanted: Any) -> dict[str, Any]:
    """One order of who runs the recorder."""
    status, found = _post(layout, APPROVAL_DESK_PATH, json.dumps({"op": op, **wanted}).encode(), {})
    assert status == 200, found
    return found


def refused_desk(layout: Layout, op: str, **wanted: Any) -> dict[str, Any]:
    """The same where it is turned down."""
    status, found = _post(layout, APPROVAL_DESK_PATH, json.dumps({"op": op, **wanted}).encode(), {})
    assert status != 200, found
    return found


def open_packet(layout: Layout, **changes: Any) -> dict[str, Any]:
    status, found = ask(layout, APPROVAL_OPEN_PATH, packet(**changes))
    assert status == 200, found
    return found


def state_of(layout: Layout, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    status, found = ask(layout, APPROVAL_STATES_PATH, {"ids": list(ids)})
    assert status == 200, found
    states: dict[str, dict[str, Any]] = found["states"]
    return states


def consume(layout: Layout, opened: Mapping[str, Any], **changes: Any) -> tuple[int, dict[str, Any]]:
    return ask(layout, APPROVAL_CONSUME_PATH, use(opened, **changes))


def _post(layout: Layout, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    connection = UnixHttp(layout.socket)
    try:
        connection.request("POST", path, body, dict(headers))
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
