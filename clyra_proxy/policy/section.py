"""The base of every policy section: strict, frozen, closed.

Unknown keys are refused and nothing is coerced ("8080" is not a port), because a policy that is read differently
from how it was meant is worse than one that does not load.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

from clyra_proxy.egress.hosts import normalise_pattern
from clyra_proxy.verdict.model import Mode
from clyra_proxy.verdict.rules import RULES, is_configurable


class Section(BaseModel):
    """A mapping in the policy file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


UNKNOWN_RULE = "unknown_rule"


def _configurable(name: str) -> str:
    if name in RULES and not is_configurable(name):
        raise PydanticCustomError(
            "fixed_rule", "rule `{name}` is always enforced; its mode cannot be set", {"name": name}
        )
    if not is_configurable(name):
        raise PydanticCustomError(UNKNOWN_RULE, "unknown rule `{name}`", {"name": name})
    return name


type RuleModes = dict[Annotated[str, AfterValidator(_configurable)], Mode]
"""Rule id (`json.duplicate_key`) or family (`json`) -> mode. The most specific entry wins."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
"""A name a verdict may carry: 1 to 64 letters, digits, `_`, `.` or `-`, starting with a letter or digit."""


def _host_pattern(text: str) -> str:
    normalise_pattern(text)  # raises a ValueError that says what is wrong
    return text


HostPattern = Annotated[str, AfterValidator(_host_pattern)]
"""A host as `clyra_proxy.egress.hosts` reads it: a name, an IP literal, `*.name`, or `*`."""

FilePath = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
"""Path of a file, relative to the folder of the policy file unless absolute."""
