"""Signed orders: what is carried out, and everything that is not."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from clyra_proxy.enforcement.halt.model import Actor
from clyra_proxy.engine.signed_orders import FIRST_KEY, HALT_PATH, MEDIA, RESUME_PATH, SignedOrders, read_key
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.state.store import StateError
from recorder import signature

ORDER = json.dumps({"scope": "global", "reason": "r"}).encode()


class Desk:
    """Takes orders and remembers them."""

    def __init__(self, folder: Path, state: Any = None) -> None:
        self.carried: list[tuple[dict[str, Any], Actor]] = []
        self.ok = True
        self.orders = SignedOrders(folder, state or MemoryState(), self._carry)
        self.key = read_key(folder, FIRST_KEY) or b""

    def _carry(self, order: dict[str, Any], actor: Actor) -> dict[str, Any]:
        self.carried.append((order, actor))
        return {"ok": self.ok}

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        return self.orders.answer(path, headers, body)[0]


def signed(path: str, body: bytes, key: bytes, name: str = FIRST_KEY, now: float | None = None) -> dict[str, str]:
    lines = signature.sign("POST", path, MEDIA, body, name, key, now)
    return dict(line.split(": ", 1) for line in lines.split("\r\n") if line)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "keys")


def test_a_signed_order_is_carried_out_in_the_name_of_its_key(desk: Desk) -> None:
    assert desk.post(HALT_PATH, ORDER, signed(HALT_PATH, ORDER, desk.key)) == 200
    assert desk.carried == [({"scope": "global", "reason": "r", "command": "halt"}, Actor(FIRST_KEY, "hmac"))]
    desk.ok = False
    assert desk.post(RESUME_PATH, ORDER, signed(RESUME_PATH, ORDER, desk.key)) == 409


def test_the_path_says_what_to_do_not_the_body(desk: Desk) -> None:
    body = json.dumps({"scope": "global", "reason": "r", "command": "resume"}).encode()
    desk.post(HALT_PATH, body, signed(HALT_PATH, body, desk.key))
    assert desk.carried[0][0]["command"] == "halt"


@pytest.mark.parametrize("path", [HALT_PATH, RESUME_PATH])
def test_what_is_not_signed_rightly_does_nothing(desk: Desk, path: str) -> None:
    good = signed(path, ORDER, desk.key)
    other = RESUME_PATH if path == HALT_PATH else HALT_PATH
    wrong: list[tuple[bytes, dict[str, str]]] = [
        (ORDER, {}),
        (ORDER, signed(path, ORDER, b"x" * 32)),
        (ORDER, signed(path, ORDER, desk.key, "nobody")),
        (ORDER, signed(path, ORDER, desk.key, "../keys/operator")),
        (ORDER, signed(other, ORDER, desk.key)),
        (ORDER + b" ", good),
        (ORDER, signed(path, ORDER, desk.key, now=time.time() - 3600)),
        (ORDER, {**good, "content-type": "text/plain"}),
    ]
    assert [desk.post(path, body, headers) for body, headers in wrong] == [401] * len(wrong)
    assert desk.carried == []


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff"])
def test_what_is_no_order_does_nothing(desk: Desk, body: bytes) -> None:
    assert desk.post(HALT_PATH, body, signed(HALT_PATH, body, desk.key)) == 400
    assert desk.carried == []


def test_other_paths_are_not_there(desk: Desk) -> None:
    assert desk.post("/v0/other", ORDER, signed("/v0/other", ORDER, desk.key)) == 404


def test_a_release_counts_once_across_restarts(tmp_path: Path) -> None:
    state = MemoryState()
    first = Desk(tmp_path, state)
    headers = signed(RESUME_PATH, ORDER, first.key)
    assert [first.post(RESUME_PATH, ORDER, headers) for _ in range(2)] == [200, 401]
    again = Desk(tmp_path, state)
    assert again.post(RESUME_PATH, ORDER, headers) == 401
    assert again.carried == []


def test_without_a_store_halting_works_and_releasing_does_not(tmp_path: Path) -> None:
    class Gone:
        def put_new(self, *_: object) -> str:
            raise StateError("gone")

    desk = Desk(tmp_path, Gone())
    assert desk.post(HALT_PATH, ORDER, signed(HALT_PATH, ORDER, desk.key)) == 200
    assert desk.post(RESUME_PATH, ORDER, signed(RESUME_PATH, ORDER, desk.key)) == 503
    assert len(desk.carried) == 1


def test_keys_that_others_may_read_are_none(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    path = tmp_path / f"{FIRST_KEY}.key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    assert desk.post(HALT_PATH, ORDER, signed(HALT_PATH, ORDER, desk.key)) == 401
    (tmp_path / "short.key").write_text("00")
    (tmp_path / "short.key").chmod(0o600)
    assert read_key(tmp_path, "short") is None


def test_a_key_is_made_once(tmp_path: Path) -> None:
    key = Desk(tmp_path).key
    assert len(key) == 32
    assert Desk(tmp_path).key == key
