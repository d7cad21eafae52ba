"""The section `data_platform.activation.sql`: which statements may pass."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from clyra_proxy.policy.genai.selecting import NamePattern, Selection
from clyra_proxy.policy.section import FilePath, Name, Section

DIALECTS: frozenset[str] = frozenset(
    re.findall(
        r"\w+",
        "athena bigquery clickhouse databricks doris dremio drill duckdb exasol fabric hive materialize mysql oracle "
        "postgres presto redshift risingwave singlestore snowflake spark sqlite starrocks teradata trino tsql",
    )
)


def _dialect(name: str) -> str:
    if name not in DIALECTS:
        raise PydanticCustomError(
            "dialect", "no SQL dialect `{name}`; one of: {known}", {"name": name, "known": ", ".join(sorted(DIALECTS))}
        )
    return name


Dialect = Annotated[str, AfterValidator(_dialect)]
Rows = Annotated[int, Field(ge=0, le=1 << 53)]


class SqlRule(StrEnum):
    """What a permission may allow."""

    MASS_WRITE = "sql.mass_write"
    DEFINITION = "sql.definition"
    GRANT = "sql.grant"
    TRUNCATE = "sql.truncate"
    EXPORT = "sql.export"
    ROWS = "sql.rows"


class SqlPermission(Selection):
    """What some callers may do to some objects although a rule is against it."""

    name: Name = Field(description="Name of the permission.")
    rules: list[SqlRule] = Field(
        min_length=1,
        description="What is allowed: `sql.mass_write`, `sql.definition`, `sql.grant`, `sql.truncate`, `sql.export`, "
        "`sql.rows`.",
    )
    objects: list[NamePattern] = Field(
        min_length=1,
        description="Tables, views, schemas it is for, as far as statements name them (`analytics.dbt_*`), whatever "
        "their case; `*` and `?` are wildcards; `db.schema.*` also covers the schema itself. Every object that a "
        "statement changes must be covered.",
    )


class Maintenance(Selection):
    """One statement that may pass as it is written, whatever the rules say of it."""

    name: Name = Field(description="Name of the statement.")
    statement: Annotated[str, StringConstraints(min_length=1, max_length=20_000)] | None = Field(
        None,
        description="The statement. Blanks, comments and the case of names and keywords do not matter; `?` stands for "
        "any one literal.",
    )
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] | None = Field(
        None, description="Or its fingerprint, as findings give it."
    )

    @model_validator(mode="after")
    def _says_which(self) -> Maintenance:
        if (self.statement is None) == (self.fingerprint is None):
            raise ValueError("give `statement` or `fingerprint`")
        return self


class ToolSql(Section):
    """SQL in the arguments of agents' tool calls."""

    enabled: bool = Field(True, description="Look for SQL in the arguments of tool calls.")
    tools: list[NamePattern] = Field(
        default_factory=lambda: [
            "*sql*",
            "*query*",
            "*execute*",
            "*database*",
            "*postgres*",
            "*snowflake*",
            "*bigquery*",
        ],
        description="Tools whose arguments may hold SQL; case is ignored. In these a text argument named in "
        "`arguments` is a statement, and must parse.",
    )
    arguments: list[NamePattern] = Field(
        default_factory=lambda: ["sql", "query", "statement", "statements", "sql_*", "*_sql", "*_query", "command"],
        description="Arguments of those tools that hold statements; case is ignored.",
    )
    detect: bool = Field(
        True,
        description="Also judge texts in any other argument of any tool that are statements by their structure.",
    )
    dialects: dict[NamePattern, Dialect] = Field(
        default_factory=dict, description="Tool -> dialect. Where none is given, a statement is read in several."
    )


class SqlSafety(Section):
    """Statements in SQL APIs and in agents' tool arguments."""

    enabled: bool = Field(True, description="Judge statements at all.")
    dialects: dict[NamePattern, Dialect] = Field(
        default_factory=dict,
        description="Destination (name, host or `host:port`; wildcards) -> dialect, where the profile does not know.",
    )
    largest_bytes: Annotated[int, Field(ge=256, le=8 << 20)] = Field(
        512 << 10, description="Largest statement that is parsed, in bytes; a larger one is `sql.opaque`."
    )
    deepest: Annotated[int, Field(ge=8, le=200)] = Field(
        100, description="Deepest nesting of brackets and CASE; a deeper one is `sql.opaque`."
    )
    statements: Annotated[int, Field(ge=1, le=1000)] = Field(
        1, description="Most statements in one call; more are `sql.multiple`. Every one is judged in any case."
    )
    merge_delete: Literal["allow", "conditional", "deny"] = Field(
        "conditional",
        description="MERGE that deletes rows it matched: `conditional` allows it with a condition of its own "
        "(`WHEN MATCHED AND ...`), `allow` always, `deny` never. Deleting what the source does not have is always "
        "`sql.mass_write`.",
    )
    keys: dict[NamePattern, Annotated[list[NamePattern], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Table -> its key columns. Where a table's are given, UPDATE and DELETE must name one with `=` or "
        "`IN`, or be joined by one.",
    )
    small_tables: Rows = Field(
        0,
        description="Where a table's size is known: UPDATE and DELETE without a predicate may pass up to so many rows.",
    )
    table_sizes: dict[NamePattern, Rows] = Field(
        default_factory=dict, description="Table -> rows it has; wildcards in names. For estimates of what is touched."
    )
    table_sizes_file: FilePath | None = Field(
        None,
        description="JSON or YAML file of the same form, read when the policy is loaded; `table_sizes` goes first.",
    )
    largest_write: Rows = Field(
        10_000,
        description="Most rows that an UPDATE or DELETE may be estimated to touch, where the table's size is known "
        "(`sql.rows`).",
    )
    query_tags: bool = Field(
        False,
        description="Add a query tag (Snowflake `QUERY_TAG`, Databricks `query_tags`) that names run, sync and agent, "
        "where a statement that is enforced carries none. On Snowflake it goes before the session's own tag.",
    )
    permissions: list[SqlPermission] = Field(
        default_factory=list, description="What may be done to some objects; see docs/sql.md for dbt's."
    )
    maintenance: list[Maintenance] = Field(
        default_factory=list, description="Statements that may pass as they are written (VACUUM, OPTIMIZE, CALL ...)."
    )
    tool_calls: ToolSql = Field(default_factory=ToolSql, description=ToolSql.__doc__)
