"""A text that grows piece by piece, put together only when it is asked for."""

from __future__ import annotations


class Growing:
    """A text that comes in pieces; adding one costs the piece, not the text."""

    __slots__ = ("_pieces",)

    def __init__(self, text: str = "") -> None:
        self._pieces: list[str] = [text] if text else []

    def add(self, piece: str) -> None:
        self._pieces.append(piece)

    @property
    def text(self) -> str:
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""
