"""A body that is refused for what its head says, the moment it has a byte."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from clyra_proxy.checks import EVERYTHING
from clyra_proxy.schemalock.judge import CHECK_ID, Judge, Unreadable
from clyra_proxy.verdict.model import Coverage, Mode, Seen
from clyra_proxy.verdict.reasons import Reason


class StillbornSession:
    """Objects to the first byte; an empty body is none of its business, unless `even_empty`."""

    check_id = CHECK_ID
    resumable = True

    def __init__(
        self, judge: Judge, reason: Reason, detail: Mapping[str, str | int], *, even_empty: bool = False
    ) -> None:
        self.mode: Mode = judge.mode
        self.coverage = Coverage(Seen.SKIPPED, str(reason))
        self._judge = judge
        self._reason = reason
        self._detail = detail
        self._even_empty = even_empty
        self._said = False

    def feed(self, data: bytes) -> int:
        return self._object() if data else self._rest()

    def finish(self) -> int:
        return self._object() if self._even_empty else self._rest()

    def _object(self) -> int:
        if not self._said:
            self._said = True
            with suppress(Unreadable):
                self._judge.object_to(self._reason, "", self._detail, fatal=True)
        return self._rest()

    def _rest(self) -> int:
        self._judge.raise_notes()
        return EVERYTHING
