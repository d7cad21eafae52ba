"""Rows that must satisfy a JSON Schema, by the same compiler as SchemaLock.

Rule: a finding names the keyword and the place in the row, where a field's name appears only if the schema spells it
out; never a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clyra_proxy.activation.inspection import RowSignal
from clyra_proxy.activation.model import values_of
from clyra_proxy.activation.rows.group import Group
from clyra_proxy.schemalock.compile import CompiledSchema, compile_schema
from clyra_proxy.schemalock.dialect import to_2020_12
from clyra_proxy.schemalock.document import load_document
from clyra_proxy.schemalock.hostile import inspect_schema
from clyra_proxy.schemalock.validate import first_objection, pointer


class RowSchema:
    """The row schema of one rule."""

    def __init__(self, compiled: CompiledSchema, rule: str) -> None:
        self._schema = compiled
        self._rule = rule

    @classmethod
    def load(cls, base_dir: Path, name: str, rule: str) -> RowSchema:
        """Read and compile a file. Raises SchemaError."""
        schema = to_2020_12(load_document(base_dir / name, name=name).value, source=name)
        inspect_schema(schema, source=name)
        return cls(compile_schema(schema, source=name, plan=False, each=True), rule)

    def judge(self, group: Group) -> Iterator[RowSignal]:
        rows = [values if type(values) is dict else dict(values) for values in values_of(group.rows)]
        schema = self._schema
        if schema.each is not None and schema.each.is_valid(rows):
            return  # most batches
        bad: dict[tuple[str, str], list[int]] = {}
        for at, values in enumerate(rows):
            if not schema.whole.is_valid(values):
                found = first_objection(schema.whole, values, branching=schema.branching)
                place = pointer(found.path, schema.names)
                bad.setdefault((place, found.keyword), []).append(group.rows[at].index)
        for (place, keyword), which in bad.items():
            yield RowSignal("rows.invalid", tuple(which), path=place, detail={"keyword": keyword, "by": self._rule})
