"""One entry of the quarantine: what was kept back of one request, and what it takes to send it again.

Rule: what a list shows (`Label`) holds no value and no key of a record; values, keys, path and headers are in
`Content`, which is only ever written encrypted. Credentials are never kept: who releases brings his own.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_SECRETIVE = ("auth", "cookie", "token", "secret", "key", "password", "session", "signature", "credential")
_OF_THE_CONNECTION = frozenset(
    {
        "host", "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
        "content-length", "content-encoding", "expect", "accept-encoding", "traceparent", "tracestate", "digest",
        "content-digest", "content-md5",
    }
)  # fmt: skip


class DamagedError(Exception):
    """An entry that cannot be read. kind: `format`, `size` or `seal`."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class KeptRow:
    """One row. index: its position in the request it came with. key, values: as the profile read them."""

    index: int
    rule: str
    reason: str
    operation: str
    key: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Label:
    """What may be told of an entry. at: seconds since the epoch. rules: rule -> rows that were rejected by it."""

    id: str
    at: float
    exchange: str
    profile: str
    destination: str
    target: str
    tenant: str
    agent: str
    sync: str
    run: str
    rows: int
    rules: Mapping[str, int]
    replayable: bool

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, value: Any) -> Label:
        """Raises DamagedError."""
        try:
            return cls(**{name: value[name] for name in cls.__slots__})
        except (KeyError, TypeError) as error:
            raise DamagedError("format") from error


@dataclass(frozen=True, slots=True)
class Request:
    """The request that sends these rows and no others. headers: without credentials and those of the connection."""

    method: str
    scheme: str
    host: str
    port: int
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = {"https": 443, "http": 80}.get(self.scheme)
        return f"{self.scheme}://{host}{'' if self.port == default else f':{self.port}'}{self.path}"


@dataclass(frozen=True, slots=True)
class Content:
    """What is encrypted. request: None when the rows cannot be sent alone."""

    rows: tuple[KeptRow, ...]
    request: Request | None = None

    def as_json(self) -> dict[str, Any]:
        rows = [{name: getattr(row, name) for name in row.__slots__} for row in self.rows]
        if self.request is None:
            return {"rows": rows, "request": None}
        request = {name: getattr(self.request, name) for name in self.request.__slots__}
        return {"rows": rows, "request": {**request, "body": base64.b64encode(self.request.body).decode()}}

    @classmethod
    def from_json(cls, value: Any) -> Content:
        """Raises DamagedError."""
        try:
            rows = tuple(KeptRow(**row) for row in value["rows"])
            kept = value["request"]
            if kept is None:
                return cls(rows)
            headers = tuple((str(name), str(text)) for name, text in kept["headers"])
            return cls(rows, Request(**{**kept, "headers": headers, "body": base64.b64decode(kept["body"])}))
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedError("format") from error


def is_kept(header: str) -> bool:
    """Whether a header field of a request may be kept: no credential, not of the connection, not one of ours."""
    name = header.lower()
    if name in _OF_THE_CONNECTION or name.startswith(("clyra-", "x-clyra-", "proxy-", "x-forwarded-")):
        return False
    return not any(word in name for word in _SECRETIVE)
