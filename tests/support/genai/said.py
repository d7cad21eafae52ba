"""What the fake model says, before any provider's wire format, and the framings that streams use."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MODEL = "fake-model-1"


@dataclass(frozen=True, slots=True)
class Use:
    """One tool call the model asks for."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    id: str = "call_0001"

    @property
    def raw(self) -> str:
        return json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Said:
    """One answer. piece: characters of text (and of arguments) in one event of a stream; 0 splits at spaces."""

    text: str = "It rains in Bergen."
    uses: tuple[Use, ...] = ()
    piece: int = 0
    input_tokens: int = 12
    output_tokens: int = 34

    @property
    def pieces(self) -> tuple[str, ...]:
        return split(self.text, self.piece)

    def argument_pieces(self, use: Use) -> tuple[str, ...]:
        return split(use.raw, self.piece or 7)


def split(text: str, size: int) -> tuple[str, ...]:
    """The text in pieces of `size` characters, or (0) before each space; nothing lost."""
    if not text:
        return ()
    if size:
        return tuple(text[at : at + size] for at in range(0, len(text), size))
    first, *rest = text.split(" ")
    return (first, *(f" {word}" for word in rest))


def dump(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def sse(document: object, event: str = "", newline: str = "\n") -> bytes:
    """One server-sent event with one data line."""
    name = f"event: {event}{newline}" if event else ""
    return f"{name}data: {document if isinstance(document, str) else dump(document)}{newline}{newline}".encode()


def line(document: object) -> bytes:
    """One line of NDJSON."""
    return dump(document).encode() + b"\n"


def aws_event(kind: str, payload: bytes, message: str = "event", media: str = "application/json") -> bytes:
    """One message of `application/vnd.amazon.eventstream`: prelude, its CRC, headers, payload, CRC of it all."""
    names = {f":{message}-type": kind, ":content-type": media, ":message-type": message}
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in names.items()
    )
    prelude = struct.pack(">II", 12 + len(headers) + len(payload) + 4, len(headers))
    head = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return head + struct.pack(">I", zlib.crc32(head))
