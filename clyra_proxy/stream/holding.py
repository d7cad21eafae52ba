"""Raw bytes waiting for the checks, and how far decoded watermarks let them go.

An uncoded body leaves byte by byte: raw offset and decoded offset are the same. Of a coded body a chunk leaves when
every decoded byte it contributes to is cleared. For codings that decode eagerly (inflate, brotli) those are the bytes
decoded up to the end of the chunk; otherwise (zstd blocks) they reach to the next chunk that decoded anything.
"""

from __future__ import annotations

from clyra_proxy.stream.content_coding import Decoder


class Holding:
    """Held raw chunks, each with the decoded offset that must be cleared before it may leave.

    released: raw bytes handed out so far. seen: raw bytes pushed so far.
    """

    __slots__ = ("_chunks", "_decoder", "_waiting", "released", "seen")

    def __init__(self, decoder: Decoder | None) -> None:
        self._chunks: list[tuple[bytes, int]] = []
        self._waiting: list[bytes] = []  # chunks of a lazy coding whose last decoded byte is not known yet
        self._decoder = decoder
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
                    leaving.append(raw[:part])
                    self._chunks[gone] = (raw[part:], needs)
                    self.released = allowed
                break
            gone += 1
            leaving.append(raw)
            self.released = end
        if gone:
            del self._chunks[:gone]
        return leaving

    def drain(self) -> list[bytes]:
        """Take everything: the body ended well."""
        leaving = [raw for raw, _ in self._chunks]
        leaving += self._waiting
        self._chunks.clear()
        self._waiting.clear()
        self.released += sum(map(len, leaving))
        return leaving

    def drop(self) -> None:
        """Forget what is held: the body is refused."""
        self._chunks.clear()
        self._waiting.clear()
