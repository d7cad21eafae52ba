"""What a raw client got, judged by the answer's own framing."""

from __future__ import annotations

from dataclasses import dataclass, field

type Address = tuple[str, int]


@dataclass(slots=True)
class Answer:
    """One response. complete: its framing was satisfied. raw: the bytes as they came (HTTP/1.1). reset: HTTP/2 code."""

    status: int = 0
    reason: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    complete: bool = False
    trailers: list[tuple[str, str]] = field(default_factory=list)
    informational: list[int] = field(default_factory=list)
    raw: bytes = b""
    reset: int | None = None

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.fields if key.lower() == name.lower()), None)


class SocketEnded(Exception):
    """The peer closed (or reset) while bytes were still wanted."""
