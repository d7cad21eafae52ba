"""The inspector of statements in SQL APIs.

Rules: the dialect is what policy says for the destination, else what the profile knows, else nobody's. A statement that
a profile found is judged whatever else the batch holds. It needs no state, so nothing can be lost. The parser is
imported when the first statement comes, because it takes memory that a worker without SQL need not have; what of a
policy can only be read with it (maintenance statements) is read when the policy is loaded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from clyra_proxy.activation.inspection import RowInspection, RowInspector, RowSignal, RowWorkshop
from clyra_proxy.activation.rows.selecting import places_of
from clyra_proxy.activation.rows.tables import TableSizes
from clyra_proxy.activation.sql.circumstances import Circumstances
from clyra_proxy.genai.selecting import Names
from clyra_proxy.policy.sql import DIALECTS, SqlSafety

if TYPE_CHECKING:
    from clyra_proxy.activation.sql.judge import SqlJudge

NOBODYS = ""
"""The dialect of a destination that nobody knows."""


class LateJudge:
    """The judge of a policy, made when it is first asked for."""

    def __init__(self, settings: SqlSafety, base_dir: Path) -> None:
        self._settings = settings
        self._sizes = TableSizes.read(settings.table_sizes, settings.table_sizes_file, base_dir)
        self._lock = threading.Lock()
        self._judge: SqlJudge | None = None
        if settings.maintenance:
            self.made()

    def made(self) -> SqlJudge:
        """The judge. Raises PolicyError for a maintenance statement that is none."""
        with self._lock:
            if self._judge is None:
                from clyra_proxy.activation.sql.judge import SqlJudge

                self._judge = SqlJudge(self._settings, self._sizes)
            return self._judge


class SqlInspector:
    """A RowInspector of the family `sql`."""

    id = "sql"

    def __init__(self, settings: SqlSafety, judge: LateJudge) -> None:
        self._judge = judge
        self._dialects = tuple((Names([place]), dialect) for place, dialect in settings.dialects.items())

    def inspect(self, inspection: RowInspection) -> Iterator[RowSignal]:
        statements = inspection.batch.statements
        if statements:
            where = Circumstances.of(inspection)
            yield from self._judge.made().judge(statements, self._dialect(inspection), where)

    def _dialect(self, inspection: RowInspection) -> str:
        places = places_of(inspection)
        for names, dialect in self._dialects:
            if any(map(names.match, places)):
                return dialect
        known = inspection.batch.dialect.casefold()
        return known if known in DIALECTS else NOBODYS


def compile_inspector(settings: SqlSafety, base_dir: Path, workshop: RowWorkshop) -> RowInspector | None:
    """What looks at statements; None when that is switched off. Raises PolicyError."""
    return SqlInspector(settings, LateJudge(settings, base_dir)) if settings.enabled else None
