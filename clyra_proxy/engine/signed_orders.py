"""Orders to the kill switch over HTTP, signed as records are (RFC 9421, `recorder.signature`), on the health listener.

Guarantees: nothing is carried out that is not signed by a key of the folder `halt/keys`; a key's name is the person in
the evidence; a signature counts once, for releases across restarts and replicas too, because nonces are kept where
state is. The answer to a wrong signature says nothing about the key.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from clyra_proxy.enforcement.halt.model import Actor
from clyra_proxy.errors import StartupError
from clyra_proxy.state.store import StateError, StateStore
from recorder import durable, signature

HALT_PATH = "/v0/halt"
RESUME_PATH = "/v0/resume"
MEDIA = "application/json"
FIRST_KEY = "operator"
KEY_BYTES = 32
LARGEST_ORDER = 8192
_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_COMMANDS = {HALT_PATH: "halt", RESUME_PATH: "resume"}

type Carry = Callable[[dict[str, Any], Actor], dict[str, Any]]
"""Carries out an order and answers; may block."""


class SignedOrders:
    """keys: folder of `NAME.key` files, 0600, 64 hexadecimal digits. state: remembers nonces of releases."""

    def __init__(self, keys: Path, state: StateStore, carry: Carry) -> None:
        self._keys = keys
        self._state = state
        self._carry = carry
        self._replays = signature.Replays()
        make_first_key(keys)

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and document of the answer. headers: names in lower case. Never raises; may block."""
        command = _COMMANDS.get(path)
        if command is None:
            return 404, {"try": sorted(_COMMANDS)}
        try:
            name = signature.key_name(headers)
            signature.verify("POST", path, headers, body, read_key(self._keys, name), self._replays)
            order = orjson.loads(body)
            if not isinstance(order, dict) or headers.get("content-type") != MEDIA:
                return 400, {"title": "the body is no order", "status": 400}
            if command == "resume":
                self._spend(signature_of(headers))
        except signature.SignatureRefused as refusal:
            return 401, {"title": str(refusal), "status": 401}
        except StateError:
            return 503, {"title": "the store of nonces does not answer", "status": 503}
        except ValueError:
            return 400, {"title": "the body is no order", "status": 400}
        answer = self._carry({**order, "command": command}, Actor(name, "hmac"))
        return (200 if answer.get("ok") else 409), answer

    def _spend(self, tag: str) -> None:
        """A release counts once, whichever replica hears it and whatever restarts between."""
        mine = secrets.token_hex(8)
        if self._state.put_new(f"halt order {tag}", mine, time.time(), 2 * signature.WINDOW_S) != mine:
            raise signature.SignatureRefused("this request was already made")


def signature_of(headers: Mapping[str, str]) -> str:
    """What names one signed request: its tag."""
    return headers.get("signature", "")[:128]


def make_first_key(folder: Path) -> None:
    """Make the key `operator` unless there is any. Raises StartupError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any(folder.glob("*.key")):
            durable.create(folder / f"{FIRST_KEY}.key", os.urandom(KEY_BYTES).hex().encode() + b"\n", 0o600)
    except OSError as error:
        raise StartupError(
            f"The keys of the kill switch in {folder} cannot be made.",
            f"The system says: {error.strerror}.",
            "Fix the folder's permissions, or choose another with --home or CLYRA_HOME.",
        ) from error


def read_key(folder: Path, name: str) -> bytes | None:
    """The key of that name; None when there is none, or when others may read or write its file."""
    if not _NAME.fullmatch(name):
        return None
    try:
        path = folder / f"{name}.key"
        if path.stat().st_mode & 0o077:
            return None
        key = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None
