"""SQL in the arguments of agents' tool calls.

Rules: a call is judged where it is made (`clyra_proxy.genai.tools`), by the same judge as SQL APIs, and in a stream
before it is complete. In an argument that policy names a statement must be readable; a text that only looks like a
statement and is none in any dialect is left alone. The dialect is what policy says for the tool, what the tool's name
says, or nobody's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clyra_proxy.activation.sql.circumstances import Circumstances
from clyra_proxy.activation.sql.finding_text import LONGEST, Found, statements_in
from clyra_proxy.activation.sql.inspector import NOBODYS, LateJudge
from clyra_proxy.genai.inspection import Inspection, Inspector, Signal
from clyra_proxy.genai.model import Direction, ToolCall
from clyra_proxy.genai.selecting import Names
from clyra_proxy.genai.tools.telling import shown
from clyra_proxy.policy.sql import DIALECTS, SqlSafety

_SERVED = frozenset({"mcp_tool"})
_SPOKEN = {"pg": "postgres", "postgresql": "postgres", "sqlserver": "tsql", "mssql": "tsql", "mariadb": "mysql"}


class SqlToolCalls:
    """Inspector and CallInspector of the family `sql`."""

    id = "sql"

    def __init__(self, settings: SqlSafety, judge: LateJudge) -> None:
        calls = settings.tool_calls
        self._judge = judge
        self._detect = calls.detect
        self._tools = Names(calls.tools, fold=True, empty=False)
        self._arguments = Names(calls.arguments, fold=True, empty=False)
        self._chosen = "tools" in calls.model_fields_set or "arguments" in calls.model_fields_set
        self._dialects = tuple((Names([tool], fold=True), dialect) for tool, dialect in calls.dialects.items())

    def inspect(self, inspection: Inspection) -> Iterator[Signal]:
        conversation = inspection.conversation
        answers = conversation.direction is Direction.RESPONSE
        for call in conversation.calls:
            if not call.history and (answers or call.kind in _SERVED):
                yield from self.judge_call(call, inspection)

    def judge_call(self, call: ToolCall, inspection: Inspection) -> Iterator[Signal]:
        """What is to be said of the statements in one call. Pure."""
        seen: set[str] = set()
        for found in self._found(call):
            for rule, detail in self._judge_one(found, call, inspection):
                if rule not in seen:
                    seen.add(rule)
                    yield Signal(rule, path=call.path, detail={"tool": shown(call.name, call.kind), **detail})

    def statements_of(self, call: ToolCall) -> tuple[list[str], str]:
        """The statements in one call, and their dialect; "" when nobody knows it."""
        return [found.text for found in self._found(call)], self._dialect(call.name)

    def _found(self, call: ToolCall) -> Iterator[Found]:
        arguments: Any = call.arguments if call.arguments is not None else call.raw
        known = self._tools.match(call.name)
        sure = self._chosen or _speaks_sql(call.name)

        def is_named(argument: str) -> bool:
            return known and self._arguments.match(argument) and (sure or _speaks_sql(argument))

        return statements_in(arguments, is_named, detect=self._detect)

    def _judge_one(
        self, found: Found, call: ToolCall, inspection: Inspection
    ) -> Iterator[tuple[str, dict[str, str | int]]]:
        where = Circumstances(inspection.caller, _places(inspection))
        if len(found.text) > LONGEST:
            yield "sql.opaque", {"kind": "size"}
            return
        for signal in self._judge.made().judge((found.text,), self._dialect(call.name), where):
            if found.named or signal.rule != "sql.opaque" or signal.detail.get("kind") not in ("syntax", "statement"):
                yield signal.rule, {name: value for name, value in signal.detail.items() if name != "statement"}

    def _dialect(self, tool: str) -> str:
        for names, dialect in self._dialects:
            if names.match(tool):
                return dialect
        parts = "".join(char if char.isalnum() else " " for char in tool.casefold()).split()
        return next((_SPOKEN.get(part, part) for part in parts if _SPOKEN.get(part, part) in DIALECTS), NOBODYS)


def compile_inspector(settings: SqlSafety, base_dir: Path) -> Inspector | None:
    """The inspector of a policy; None when it is switched off. Raises PolicyError."""
    if not settings.enabled or not settings.tool_calls.enabled:
        return None
    return SqlToolCalls(settings, LateJudge(settings, base_dir))


def _places(inspection: Inspection) -> tuple[str, ...]:
    host, _, _ = inspection.destination.rpartition(":")
    name, _, _ = inspection.route.partition("/")
    return (inspection.destination, host or inspection.destination, inspection.route, name)


def _speaks_sql(name: str) -> bool:
    """Whether a name leaves no doubt: `run_sql`, `postgres.query`; a `query` alone may be a question to people."""
    folded = name.casefold()
    return any(word in folded for word in ("sql", "statement", *DIALECTS))
