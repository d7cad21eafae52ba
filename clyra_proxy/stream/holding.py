"""Raw bytes waiting for the checks, and how far decoded watermarks let them go.

An uncoded body leaves byte by byte: raw offset and decoded offset are the same. Of a coded body a chunk leaves when
every decoded byte it contributes to is cleared. For codings that decode eagerly (inflate, brotli) those are the bytes
decoded up to the end of the chunk; otherwise (zstd blocks) they reach to the next chunk that decoded anything.

Edits replace ranges of an uncoded body as it leaves. They come in order, none overlaps another, and each is given
before the watermark reaches it.
"""

from __future__ import annotations

from collections.abc import Iterable

from clyra_proxy.stream.content_coding import Decoder

type ByteEdit = tuple[int, int, bytes]
"""(start, end, replacement): offsets count from the start of the decoded body."""


class Holding:
    """Held raw chunks, each with the decoded offset that must be cleared before it may leave.

    released: raw bytes handed out so far. seen: raw bytes pushed so far.
    """

    __slots__ = ("_chunks", "_decoder", "_edits", "_waiting", "released", "seen")

    def __init__(self, decoder: Decoder | None) -> None:
        self._chunks: list[tuple[bytes, int]] = []
        self._waiting: list[bytes] = []  # chunks of a lazy coding whose last decoded byte is not known yet
        self._decoder = decoder
        self._edits: list[ByteEdit] = []
        self.released = 0
        self.seen = 0

    def push(self, raw: bytes, decoded_before: int) -> None:
        """Hold a chunk just fed to the decoder; decoded_before: decoded bytes before it."""
        self.seen += len(raw)
        decoder = self._decoder
        if decoder is None:
            self._chunks.append((raw, self.seen))
        elif decoder.eager:
            self._chunks.append((raw, decoder.produced))
        else:
            if decoder.produced > decoded_before:
                for earlier in self._waiting:
                    self._chunks.append((earlier, decoder.produced))
                self._waiting.clear()
            self._waiting.append(raw)

    def edit(self, edits: Iterable[ByteEdit]) -> None:
        """Replace these ranges when they leave. Raises ValueError for a coded body, or for what has left already."""
        for start, end, replacement in edits:
            last = self._edits[-1][1] if self._edits else self.released
            if self._decoder is not None or start < last or end < start:
                raise ValueError("an edit that cannot be made any more")
            self._edits.append((start, end, replacement))

    def _leave(self, raw: bytes) -> bytes:
        """`raw`, which begins at `released`, as it leaves."""
        start, end = self.released, self.released + len(raw)
        self.released = end
        if not self._edits or self._edits[0][0] >= end:
            return raw
        parts: list[bytes] = []
        at = start
        while self._edits and self._edits[0][0] < end:
            first, last, replacement = self._edits.pop(0)
            parts += (raw[at - start : first - start], replacement)
            at = min(last, end)
            if last > end:
                self._edits.insert(0, (end, last, b""))
                break
        parts.append(raw[at - start :])
        return b"".join(parts)

    def release(self, cleared: int, hold: int) -> list[bytes]:
        """Take what may leave when decoded bytes up to `cleared` are cleared and `hold` raw bytes stay."""
        leaving: list[bytes] = []
        last = self.seen - hold
        gone = 0
        for raw, needs in self._chunks:
            end = self.released + len(raw)
            allowed = end if needs <= cleared else (cleared if self._decoder is None else self.released)
            allowed = min(allowed, last)
            if allowed < end:
                if allowed > self.released:
                    part = allowed - self.released
                    leaving.append(self._leave(raw[:part]))
                    self._chunks[gone] = (raw[part:], needs)
                break
            gone += 1
            leaving.append(self._leave(raw))
        if gone:
            del self._chunks[:gone]
        return leaving

    def drain(self) -> list[bytes]:
        """Take everything: the body ended well."""
        leaving = [self._leave(raw) for raw, _ in self._chunks]
        leaving += [self._leave(raw) for raw in self._waiting]
        self._chunks.clear()
        self._waiting.clear()
        return leaving

    def drop(self) -> None:
        """Forget what is held: the body is refused."""
        self._chunks.clear()
        self._waiting.clear()
