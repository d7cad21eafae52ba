"""Asking the recorder about approvals: signed requests over its Unix socket, or over TCP with mutual TLS.

Rule: an answer counts only when it is complete and well formed; everything else is DeskError, and whoever asked does
not release anything. Every request is signed (RFC 9421, the profile of `recorder.signature`) with the ingestion key.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson

from clyra_proxy.errors import PolicyError
from clyra_proxy.evidence.line import KEY_NAME
from clyra_proxy.home import Home
from clyra_proxy.policy.approvals import ApprovalsRecorder
from recorder import signature
from recorder.errors import KeyFileError
from recorder.interface import APPROVAL_CONSUME_PATH, APPROVAL_OPEN_PATH, APPROVAL_STATES_PATH
from recorder.keys import read_source_key

MEDIA = "application/json"
TIMEOUT_S = 10.0
CONNECTIONS = 32
_CODE_LENGTH = 64


class DeskError(Exception):
    """The recorder could not be asked, or gave no usable answer. why: in a few words, never content."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class DeskRefusal(Exception):  # noqa: N818 - an answer, not a fault
    """The recorder said no. code: one of the approval codes (`E_APPROVAL_...`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Place:
    """Where the recorder is. url: base; socket: path of its Unix socket, or None for TCP. local: on this machine's
    data folder, so that its log is the one that exchanges are recorded in."""

    url: str
    key_file: Path
    key_name: str
    socket: Path | None = None
    tls: ssl.SSLContext | None = None

    @property
    def local(self) -> bool:
        return self.socket is not None


def place_of(home: Home, settings: ApprovalsRecorder | None, base_dir: Path) -> Place:
    """The recorder that policy names, by default the one of this data folder. Raises PolicyError."""
    if settings is None:
        return Place("http://recorder", home.source_key, KEY_NAME, socket=home.recorder_socket)
    files = {name: base_dir / getattr(settings, name) for name in ("authority", "certificate", "key")}
    try:
        context = ssl.create_default_context(cafile=str(files["authority"]))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(files["certificate"], files["key"])
    except (OSError, ssl.SSLError) as error:
        raise PolicyError(
            "enforcement.approvals.recorder: a TLS file cannot be used.", f"{type(error).__name__}.", "Check its paths."
        ) from None
    return Place(f"https://{settings.address}", base_dir / settings.source_key, settings.source, tls=context)


@dataclass(slots=True)
class Desk:
    """One worker's hand on one recorder. Lives on one event loop."""

    place: Place
    timeout_s: float = TIMEOUT_S
    _http: httpx.AsyncClient | None = field(default=None, init=False)
    _key: bytes = b""

    async def open(self, document: dict[str, Any]) -> dict[str, Any]:
        """Hand in a packet, or come back for one (`id`); its state. Raises DeskError, DeskRefusal."""
        return await self._ask(APPROVAL_OPEN_PATH, document)

    async def states(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        """The state of packets, by id; unknown ones are left out. Raises DeskError."""
        found = (await self._ask(APPROVAL_STATES_PATH, {"ids": ids})).get("states")
        if not isinstance(found, dict):
            raise DeskError("the answer has no states")
        return found

    async def backlog(self) -> dict[str, Any]:
        """What waits for people: `waiting`, `near_deadline`, `oldest_s`. Raises DeskError."""
        found = (await self._ask(APPROVAL_STATES_PATH, {"ids": []})).get("backlog")
        return found if isinstance(found, dict) else {}

    async def consume(self, document: dict[str, Any]) -> dict[str, Any]:
        """Use a token up; return once that is durable. Raises DeskError (then nobody knows), DeskRefusal (then not)."""
        try:
            return await self._ask(APPROVAL_CONSUME_PATH, document)
        except DeskError:
            await asyncio.sleep(0.05)  # the same attempt again: it is answered as before, and never counted twice
            return await self._ask(APPROVAL_CONSUME_PATH, document)

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _ask(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        body = orjson.dumps(document)
        try:
            headers = self._signed(path, body)
            answer = await self._client().post(f"{self.place.url}{path}", content=body, headers=headers)
        except (httpx.HTTPError, OSError, KeyFileError) as error:
            self._key = b""
            raise DeskError(type(error).__name__) from None
        if answer.status_code == 401:
            self._key = b""
        return _read(answer.status_code, answer.content)

    def _signed(self, path: str, body: bytes) -> dict[str, str]:
        if not self._key:
            self._key = read_source_key(self.place.key_file)
        lines = signature.sign("POST", path, MEDIA, body, self.place.key_name, self._key)
        pairs = (line.partition(": ") for line in lines.strip().split("\r\n"))
        return {name: value for name, _, value in pairs}

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
            verify: ssl.SSLContext | bool = self.place.tls or False
            socket = str(self.place.socket) if self.place.socket is not None else None
            transport = httpx.AsyncHTTPTransport(verify=verify, uds=socket, limits=limits)
            self._http = httpx.AsyncClient(transport=transport, timeout=self.timeout_s)
        return self._http


def _read(status: int, body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise DeskError(f"status {status} without JSON") from None
    if not isinstance(document, dict):
        raise DeskError(f"status {status} without an object")
    code = document.get("code")
    if status == 409 and isinstance(code, str) and code.startswith("E_APPROVAL_"):
        raise DeskRefusal(code[:_CODE_LENGTH])
    if status != 200:
        raise DeskError(f"status {status}")
    return document
