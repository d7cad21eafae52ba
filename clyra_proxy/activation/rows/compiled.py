"""From the section `data_platform.activation.rows` to the inspectors of rows."""

from __future__ import annotations

from pathlib import Path

from clyra_proxy.activation.inspection import RowInspector, RowWorkshop
from clyra_proxy.activation.rows.inspector import RowsInspector
from clyra_proxy.activation.rows.plan import Planner
from clyra_proxy.activation.rows.tables import TableSizes
from clyra_proxy.policy.rows import RowLimits


def compile_inspectors(settings: RowLimits, base_dir: Path, workshop: RowWorkshop) -> tuple[RowInspector, ...]:
    """What looks at rows, in order. base_dir: folder that file names start from. Raises PolicyError, SchemaError."""
    if not settings.enabled:
        return ()
    tables = TableSizes.read(settings.table_sizes, settings.table_sizes_file, base_dir)
    return (RowsInspector(settings, Planner(settings, base_dir, workshop, tables), workshop.state),)
