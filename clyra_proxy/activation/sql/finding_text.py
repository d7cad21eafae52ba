"""Which texts in the arguments of a tool call are statements.

Rules: in an argument that policy names, whatever begins with a verb of SQL is one, and must be readable; in any other,
only what has the structure of one (`DELETE FROM x`, `UPDATE x SET`, ...). Shell commands that hand a text to a database
client hold one in their quotes. Comments, brackets and blanks before the verb do not hide it. Linear time, bounded in
number and size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import re2  # type: ignore[import-untyped]

from clyra_proxy.activation.sql.words import words

MOST = 200
LONGEST = 1 << 20
_DEEPEST = 32
_VERBS = words(
    "SELECT WITH INSERT UPDATE DELETE MERGE REPLACE UPSERT DROP ALTER CREATE TRUNCATE GRANT REVOKE DENY COPY UNLOAD "
    "PUT GET REMOVE CALL EXEC EXECUTE DO DECLARE BEGIN EXPLAIN PREPARE SET USE VACUUM OPTIMIZE RENAME UNDROP LOAD BULK "
    "ATTACH DETACH EXPORT IMPORT COMMENT LOCK KILL REINDEX CLUSTER REFRESH ANALYZE SHOW DESCRIBE VALUES TABLE RESTORE "
    "PRAGMA"
)
_NAME = r"[\w$.\"`\[\]@#{}:-]+"
_STRUCTURE: Any = re2.compile(
    r"(?is)^(?:"
    rf"select\b.*(?:\bfrom\b|\(|[0-9*'])|with\s+(?:recursive\s+)?{_NAME}\s*(?:\([^)]*\)\s*)?as\s*\(|"
    rf"delete\s+(?:from\s+|{_NAME}\s+from\s+){_NAME}|update\s+(?:only\s+)?{_NAME}(?:\s+(?:as\s+)?{_NAME})?\s+set\s+{_NAME}\s*=|"
    rf"(?:insert|replace)\s+(?:overwrite\s+|ignore\s+|or\s+\w+\s+)*into\s+{_NAME}|insert\s+overwrite\s|"
    rf"merge\s+into\s+{_NAME}|truncate\s+(?:table\s+)?{_NAME}(?:\s*;|\s*$|\s+(?:cascade|restart))|"
    r"(?:drop|alter|undrop)\s+(?:table|view|schema|database|index|user|role|function|procedure|column|materialized|"
    r"sequence|warehouse|stage|policy|trigger|type|extension|catalog|account|session|system)\b|"
    r"create\s+(?:or\s+replace\s+)?(?:temp|temporary|transient|external|unique|table|view|schema|database|index|user|role|"
    r"function|procedure|trigger|extension|stage|policy|materialized|sequence|server|publication)\b|"
    rf"(?:grant|revoke)\s+.*\b(?:to|from|on)\s+{_NAME}|copy\s+(?:into\s+)?.*\b(?:from|to)\b|unload\s*\(|"
    rf"call\s+{_NAME}\(|exec(?:ute)?\s+(?:immediate\b|sp_|xp_|{_NAME}\()|exec\s*\(|do\s+\$|"
    r"(?:vacuum|optimize)\s+(?:full\s+|table\s+)?[a-z]\w*(?:\s*;|\s*$)|load\s+data\s"
    r")"
)
_CLIENTS: Any = re2.compile(
    r"(?i)(?:^|[\s;&|/(])(?:psql|mysql|mariadb|snowsql|snow\s+sql|bq\s+query|sqlcmd|duckdb|sqlite3|clickhouse-client|"
    r"clickhouse\s+client|databricks|cockroach\s+sql|trino|presto|spark-sql|beeline|hive|sqlplus|usql|osquery)\b"
)
_COMMENT: Any = re2.compile(r"(?s)/\*.*?\*/|--[^\n]*")
_LOOKED_AT = 16_384
_QUOTED: Any = re2.compile(r"""(?s)"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.|'')*)'""")


@dataclass(frozen=True, slots=True)
class Found:
    """A text that is a statement. named: in an argument that policy names, so that it must be readable."""

    text: str
    named: bool


def statements_in(value: Any, is_named: Any, *, detect: bool) -> Iterator[Found]:
    """The statements in the arguments of a call. is_named: whether policy names an argument, by its name."""
    count = 0
    stack: list[tuple[Any, bool, int]] = [(value, False, 0)]
    while stack and count < MOST:
        node, named, depth = stack.pop()
        if isinstance(node, str):
            count += 1
            yield from _in_text(node[: LONGEST + 1], named, detect)
        elif depth < _DEEPEST and isinstance(node, dict):
            stack.extend((inner, named or is_named(str(name)), depth + 1) for name, inner in node.items())
        elif depth < _DEEPEST and isinstance(node, list):
            stack.extend((inner, named, depth + 1) for inner in node)


def _in_text(text: str, named: bool, detect: bool) -> Iterator[Found]:
    bare = without_lead(text)
    verb = bare[:12].split(None, 1)[0].rstrip("(;").upper() if bare else ""
    if named and verb.partition("(")[0] in _VERBS:
        yield Found(text, named=True)
    elif detect and _has_structure(bare):
        yield Found(text, named=False)
    elif detect and _CLIENTS.search(text[:65_536]):
        for quoted in list(_QUOTED.finditer(text[:65_536]))[:32]:
            inner = next((group for group in quoted.groups() if group), "")
            if _has_structure(without_lead(inner)):
                yield Found(inner, named=False)


def _has_structure(bare: str) -> bool:
    head = bare[:_LOOKED_AT]
    if "/*" in head or "--" in head:
        head = _COMMENT.sub(" ", head)
    return _STRUCTURE.match(head) is not None


def without_lead(text: str) -> str:
    """A text without blanks, comments, brackets and semicolons before its first word."""
    at, size = 0, len(text)
    while at < size:
        if text[at].isspace() or text[at] in "(;\ufeff\u200b":
            at += 1
        elif text.startswith("--", at) or text[at] == "#":
            at = _after(text, "\n", at)
        elif text.startswith("/*", at):
            at = _after(text, "*/", at + 2)
        else:
            return text[at:]
    return ""


def _after(text: str, end: str, at: int) -> int:
    found = text.find(end, at)
    return len(text) if found < 0 else found + len(end)
