"""The inspector of statements in SQL APIs.

Rules: the dialect is what policy says for the destination, else what the profile knows, else nobody's. A statement that
a profile found is judged whatever else the batch holds. Pure: it needs no state, so nothing can be lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clyra_proxy.activation.inspection import RowInspection, RowInspector, RowSignal, RowWorkshop
from clyra_proxy.activation.rows.selecting import places_of
from clyra_proxy.activation.rows.tables import TableSizes
from clyra_proxy.activation.sql.judge import SqlJudge
from clyra_proxy.activation.sql.parsing import GENERIC
from clyra_proxy.activation.sql.permitting import Circumstances
from clyra_proxy.genai.selecting import Names
from clyra_proxy.policy.sql import DIALECTS, SqlSafety


class SqlInspector:
    """A RowInspector of the family `sql`."""

    id = "sql"

    def __init__(self, settings: SqlSafety, judge: SqlJudge) -> None:
        self._judge = judge
        self._dialects = tuple((Names([place]), dialect) for place, dialect in settings.dialects.items())

    def inspect(self, inspection: RowInspection) -> Iterator[RowSignal]:
        statements = inspection.batch.statements
        if statements:
            where = Circumstances.of(inspection)
            yield from self._judge.judge(statements, self._dialect(inspection), where)

    def _dialect(self, inspection: RowInspection) -> str:
        places = places_of(inspection)
        for names, dialect in self._dialects:
            if any(map(names.match, places)):
                return dialect
        known = inspection.batch.dialect.casefold()
        return known if known in DIALECTS else GENERIC


def compile_inspector(settings: SqlSafety, base_dir: Path, workshop: RowWorkshop) -> RowInspector | None:
    """What looks at statements; None when that is switched off. Raises PolicyError."""
    return SqlInspector(settings, compile_judge(settings, base_dir)) if settings.enabled else None


def compile_judge(settings: SqlSafety, base_dir: Path) -> SqlJudge:
    """The judge of a policy. Raises PolicyError."""
    return SqlJudge(settings, TableSizes.read(settings.table_sizes, settings.table_sizes_file, base_dir))
