"""What the sections of tools, output and budgets share: whom a rule is for, and patterns for names and texts."""

from __future__ import annotations

from typing import Annotated

import re2  # type: ignore[import-untyped]
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from clyra_proxy.policy.section import Section

NamePattern = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A name, in which `*` stands for any run of characters and `?` for one."""

LONGEST_EXPRESSION = 2000


def _expression(text: str) -> str:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(text, options)
    except re2.error as error:
        raise PydanticCustomError(
            "regular_expression", "not an RE2 expression: {why}", {"why": _words(error)}
        ) from error
    return text


def _words(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    return (told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told))[:200]


Expression = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_EXPRESSION), AfterValidator(_expression)]
"""A regular expression of RE2 (https://github.com/google/re2/wiki/Syntax), which takes linear time."""


class Selection(Section):
    """Whom something is for. All given conditions must hold; an empty list means any."""

    agents: list[NamePattern] = Field(default_factory=list, description="Agents it is for; `*` and `?` are wildcards.")
    tenants: list[NamePattern] = Field(default_factory=list, description="Tenants it is for; wildcards as above.")
    destinations: list[NamePattern] = Field(
        default_factory=list,
        description="Where the exchange goes: names of destinations or routes of this policy, hosts, or `host:port`; "
        "wildcards as above. For MCP this is the server.",
    )
