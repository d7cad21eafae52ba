"""Amazon's event stream encoding: reading and writing messages with headers and checksums.

Source: AWS SDK documentation "Event stream encoding" (`application/vnd.amazon.eventstream`); Smithy specification. A
message is total length, length of headers, CRC-32 of both, headers, payload, CRC-32 of all before. Rule: a message
whose checksum or lengths are wrong makes the rest unreadable.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zlib import crc32

from clyra_proxy.genai.protocols.framing import Frame
from clyra_proxy.genai.protocols.reading import UnreadableError

MEDIA_TYPE = "application/vnd.amazon.eventstream"

_PRELUDE = struct.Struct(">III")
_CHECKSUM = struct.Struct(">I")
_LONGEST = 24 << 20  # the SDKs accept no longer message
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_LENGTHY = (6, 7)  # bytes and strings have a length of two bytes
_STRING = 7


class EventMessageFraming:
    """Cuts a body into messages. A frame's name is its `:event-type`, or `!` and its `:exception-type`.

    Frames have no span: a payload cannot be changed without the checksums around it (`MessageEnvelope`).
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0

    def feed(self, data: bytes) -> Iterable[Frame]:
        self._buffer += data
        while len(self._buffer) >= _PRELUDE.size:
            total, header_size, checksum = _PRELUDE.unpack_from(self._buffer)
            if crc32(self._buffer[:8]) != checksum or not 16 + header_size <= total <= _LONGEST:
                raise UnreadableError("bad_framing")
            if len(self._buffer) < total:
                return
            message = bytes(self._buffer[:total])
            if crc32(message[:-4]) != _CHECKSUM.unpack_from(message, total - 4)[0]:
                raise UnreadableError("bad_framing")
            del self._buffer[:total]
            start, self._at = self._at, self._at + total
            headers = read_headers(message[12 : 12 + header_size])
            yield Frame(start, self._at, _name(headers), message[12 + header_size : -4])

    def finish(self) -> Iterable[Frame]:
        if self._buffer:
            raise UnreadableError("bad_framing")
        return ()


@dataclass(frozen=True, slots=True)
class MessageEnvelope:
    """The payload of a message; lengths and checksums are worked out anew when it changes."""

    def opened(self, event: bytes) -> bytes:
        return event[_PRELUDE.size + _header_size(event) : -_CHECKSUM.size]

    def sealed(self, event: bytes, text: bytes) -> bytes:
        return _sealed(event[_PRELUDE.size : _PRELUDE.size + _header_size(event)], text)


def _header_size(message: bytes) -> int:
    size: int = _PRELUDE.unpack_from(message)[1]
    return size


def write_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message with string headers."""
    block = b"".join(
        bytes([len(name)]) + name.encode("ascii") + bytes([_STRING]) + struct.pack(">H", len(value.encode())) +
        value.encode()
        for name, value in headers.items()
    )  # fmt: skip
    return _sealed(block, payload)


def _sealed(block: bytes, payload: bytes) -> bytes:
    """A message of a block of headers and a payload."""
    lengths = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    message = lengths + _CHECKSUM.pack(crc32(lengths)) + block + payload
    return message + _CHECKSUM.pack(crc32(message))


def read_headers(block: bytes) -> dict[str, str]:
    """The string headers of a message. Raises UnreadableError."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(block):
            size = block[at]
            name = block[at + 1 : at + 1 + size].decode("ascii")
            kind = block[at + 1 + size]
            at += 2 + size
            length = _SIZES.get(kind, 0)
            if kind in _LENGTHY:
                length = struct.unpack_from(">H", block, at)[0]
                at += 2
            elif kind not in _SIZES:
                raise UnreadableError("bad_framing")
            if kind == _STRING:
                found[name] = block[at : at + length].decode("utf-8")
            at += length
    except (IndexError, struct.error, UnicodeDecodeError):
        raise UnreadableError("bad_framing") from None
    return found


def _name(headers: Mapping[str, str]) -> str:
    if headers.get(":message-type", "event") == "event":
        return headers.get(":event-type", "")
    return "!" + (headers.get(":exception-type") or headers.get(":error-code") or "")
