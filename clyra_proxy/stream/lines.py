"""Cutting a byte stream into lines (NDJSON): LF ends a line, a CR before it belongs to the ending."""

from __future__ import annotations


class LineSplitter:
    """passed: offset just after the last complete line. held: bytes of the line that is not complete yet."""

    def __init__(self) -> None:
        self.passed = 0
        self.held = 0
        self._parts: list[bytes] = []

    def decode(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their endings."""
        end = data.rfind(b"\n") + 1
        if not end:
            self._hold(data)
            return []
        self.passed += self.held + end
        whole = b"".join((*self._parts, data[: end - 1]))
        self._parts, self.held = [], 0
        self._hold(data[end:])
        return [line.removesuffix(b"\r") for line in whole.split(b"\n")]

    def flush(self) -> list[bytes]:
        """The last line, if it had no ending."""
        last = b"".join(self._parts)
        self.passed += self.held
        self._parts, self.held = [], 0
        return [last] if last else []

    def _hold(self, data: bytes) -> None:
        if data:
            self._parts.append(data)
            self.held += len(data)
