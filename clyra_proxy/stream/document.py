"""The JSON value of a request, handed from the check that parses it first to those that read it again.

Guarantees: a value is only given for the very text it was parsed from (all of it is compared, which costs a hundredth
of parsing), and only where every strict parser reads the same: the text was admitted, and holds no integer that one of
them rounds. Nothing is kept where nobody asked. Who is given a value does not change it.
"""

from __future__ import annotations

from typing import Any

from clyra_proxy.exchange import Exchange
from clyra_proxy.schemalock.admission import has_long_integer

KEY = "document"
"""Key of the shelf in `Exchange.extensions`; absent where nobody reads the request again."""


class ReadText(bytes):
    """A JSON text with its value."""

    value: Any


class Shelf:
    """Where one exchange keeps the value of its request between two checks."""

    __slots__ = ("_exact", "_text", "_value")

    def __init__(self) -> None:
        self._exact = False
        self._text: bytes | None = None
        self._value: Any = None

    def put(self, text: bytes, value: Any, *, exact: bool = False) -> None:
        """Keep the value of a text that was admitted. exact: surely none of its integers was rounded."""
        self._text, self._value, self._exact = text, value, exact

    def take(self, text: bytes) -> bytes:
        """`text`, with its value where that is here; the shelf is empty then."""
        kept, value = self._text, self._value
        self._text = self._value = None
        if kept is None or kept != text or not (self._exact or not has_long_integer(text)):
            return text
        read = ReadText(text)
        read.value = value
        return read


def shelf_of(exchange: Exchange) -> Shelf | None:
    """The shelf of an exchange, None where nobody asked for one."""
    shelf: Shelf | None = exchange.extensions.get(KEY)
    return shelf


def open_shelf(exchange: Exchange) -> None:
    """Ask for the value of the request's body, before any of it came."""
    exchange.extensions[KEY] = Shelf()
