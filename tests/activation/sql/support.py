"""Judging statements in tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from clyra_proxy.activation.inspection import RowSignal
from clyra_proxy.activation.sql.circumstances import Circumstances
from clyra_proxy.activation.sql.inspector import LateJudge
from clyra_proxy.activation.sql.judge import SqlJudge
from clyra_proxy.genai.inspection import Caller
from clyra_proxy.policy.sql import SqlSafety
from clyra_proxy.schemalock.document import parse_document

HERE = Path(__file__).parent


def settings(text: str = "") -> SqlSafety:
    value: Any = parse_document(text.encode(), "sql").value if text else {}
    return SqlSafety.model_validate_json(orjson.dumps(value))


def judge(text: str = "", base_dir: Path = HERE) -> SqlJudge:
    return LateJudge(settings(text), base_dir).made()


def where(agent: str = "dbt", tenant: str = "acme", destination: str = "warehouse") -> Circumstances:
    return Circumstances(Caller(agent=agent, tenant=tenant), (destination,))


def signals(statement: str, dialect: str = "postgres", text: str = "", **who: str) -> list[RowSignal]:
    return list(judge(text).judge([statement], dialect, where(**who)))


def told(statement: str, dialect: str = "postgres", text: str = "", **who: str) -> list[tuple[str, str]]:
    return [(one.rule, str(one.detail.get("kind", ""))) for one in signals(statement, dialect, text, **who)]


def table(name: str, columns: int) -> list[tuple[str, ...]]:
    lines = (HERE / name).read_text().splitlines()
    return [tuple(line.split("|", columns - 1)) for line in lines if line and not line.startswith("#")]
