"""`genai_security.output`: what a model may answer: structured output, active content."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from clyra_proxy.policy.genai.selecting import NamePattern, Selection
from clyra_proxy.policy.section import Name, Section


class Context(StrEnum):
    """Where a text ends up, so that some of its content would act there."""

    HTML = "html"
    MARKDOWN = "markdown"
    SQL = "sql"
    SQL_VALUE = "sql_value"
    SHELL = "shell"
    SHELL_ARGUMENT = "shell_argument"
    CODE = "code"
    TEMPLATE = "template"
    URL = "url"


class OutputContext(Selection):
    """Answers that end up where active content would be executed."""

    name: Name = Field(description="Name of the entry; findings carry it.")
    into: list[Context] = Field(
        min_length=1,
        description="`html`: put into a page; `markdown`: rendered, code left alone; `sql`, `shell`, `code`: run; "
        "`sql_value`, `shell_argument`: put into a statement or command as a value; `template`: given to a template "
        "engine; `url`: fetched by a server.",
    )
    tools: list[NamePattern] = Field(
        default_factory=list,
        description="Judge the arguments of calls of these tools, not the answer's text; `*` and `?` are wildcards.",
    )
    allow: list[NamePattern] = Field(
        default_factory=list,
        description="Ids of patterns that may occur (`html.script`, `sql.*`); see `policies/rules/output/`.",
    )


class Output(Section):
    """What a model may answer: structured output, active content."""

    check_structured: bool = Field(
        True,
        description="Hold an answer against the JSON Schema that its request asks for (`output.schema`).",
    )
    contexts: list[OutputContext] = Field(
        default_factory=list, description="Where answers end up. What would be executed there is `output.unsafe`."
    )
