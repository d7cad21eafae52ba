"""Cutting a multipart body (RFC 2046 section 5.1, RFC 7578) into part heads and part contents, as they come.

Rule: what one reader takes for content and another for none is refused: text before the first delimiter or after the
closing one, a field or a name that is given twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from email.message import Message

_LARGEST_HEAD = 16 * 1024


class MultipartError(Exception):
    """Not a multipart body with this boundary. The text says why, without content."""


@dataclass(slots=True, eq=False)
class Part:
    """name, filename: of the Content-Disposition. content_type: "" when absent. ended: nothing more will come.

    content: pieces not yet taken by the reader, who may clear it. size: bytes of content so far. start: where the
    content begins in the body. encoded: it stands there in a transfer encoding.
    """

    name: str
    filename: str | None
    content_type: str
    content: list[bytes] = field(default_factory=list)
    size: int = 0
    ended: bool = False
    start: int = 0
    encoded: bool = False


class MultipartSplitter:
    """passed: offset up to which parts are handed out whole or in pieces. done: the closing delimiter has come."""

    def __init__(self, boundary: str) -> None:
        if not boundary or len(boundary) > 70:
            raise MultipartError("boundary")
        self._delimiter = b"\r\n--" + boundary.encode("latin-1")
        self._text = b"\r\n"  # so that the first delimiter has the line end the others have
        self._base = -2
        self._part: Part | None = None
        self._outside = True
        self.done = False

    @property
    def passed(self) -> int:
        return max(self._base, 0)

    @property
    def held(self) -> int:
        return len(self._text)

    def decode(self, data: bytes) -> list[Part]:
        """Parts that began, got content (appended to `Part.content`) or ended. Raises MultipartError."""
        after = data if self.done else b""
        self._text += data
        touched: list[Part] = []
        while not self.done and self._step(touched):
            pass
        if self.done and (after or self._text[len(self._delimiter) + 2 :]).strip(b" \t\r\n"):
            raise MultipartError("epilogue")
        return list(dict.fromkeys(touched))

    def flush(self) -> None:
        """Raises MultipartError when the closing delimiter is missing."""
        if not self.done:
            raise MultipartError("incomplete")

    def _step(self, touched: list[Part]) -> bool:
        text = self._text
        found = text.find(self._delimiter)
        if self._outside and found > 0:
            raise MultipartError("preamble")
        if found < 0:
            if not self._outside:
                keep = len(self._delimiter) - 1
                self._give(text[:-keep] if len(text) > keep else b"", touched)
            elif not self._delimiter.startswith(text[: len(self._delimiter)]):
                raise MultipartError("preamble")
            return False
        head = text.find(b"\r\n\r\n", found + len(self._delimiter))
        after = text[found + len(self._delimiter) : found + len(self._delimiter) + 2]
        if len(after) < 2:
            return self._hold_at(found, touched)
        if after == b"--":
            self._end(found, touched)
            self.done = True
            return False
        if after != b"\r\n":
            raise MultipartError("delimiter")
        if head < 0:
            if len(text) - found > _LARGEST_HEAD:
                raise MultipartError("part head too large")
            return self._hold_at(found, touched)
        self._end(found, touched)
        self._part = _read_head(text[found + len(self._delimiter) + 2 : head])
        self._outside = False
        self._drop(head + 4 - found)
        self._part.start = self._base
        touched.append(self._part)
        return True

    def _hold_at(self, found: int, touched: list[Part]) -> bool:
        """Content up to an unfinished delimiter line is the part's."""
        if not self._outside:
            self._give(self._text[:found], touched)
        return False

    def _give(self, content: bytes, touched: list[Part]) -> None:
        if self._part is not None and content:
            self._part.content.append(content)
            self._part.size += len(content)
            touched.append(self._part)
            self._drop(len(content))

    def _end(self, found: int, touched: list[Part]) -> None:
        if self._part is not None:
            self._give(self._text[:found], touched)
            self._part.ended = True
            touched.append(self._part)
            self._part = None

    def _drop(self, count: int) -> None:
        self._text = self._text[count:]
        self._base += count


def _read_head(head: bytes) -> Part:
    message = Message()
    for line in head.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip() or name[:1] in (b" ", b"\t"):
            raise MultipartError("part head")
        if name.lower().startswith(b"content-") and message.get(name.decode("latin-1")) is not None:
            raise MultipartError("part head repeated")
        message[name.decode("latin-1")] = value.strip().decode("utf-8", "surrogateescape")
    if message.get("Content-Disposition") is None:
        raise MultipartError("no content disposition")
    names = [value for key, value in message.get_params([], "content-disposition")[1:] if key.lower() == "name"]
    if len(names) > 1 or not all(isinstance(name, str) for name in names):
        raise MultipartError("part name")
    filename = message.get_filename()
    coding = str(message.get("Content-Transfer-Encoding", "")).strip().lower()
    encoded = coding not in ("", "binary", "8bit", "7bit")
    return Part("".join(names), filename, message.get("Content-Type", ""), encoded=encoded)
