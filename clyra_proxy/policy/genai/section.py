"""The `genai_security` section: what agents say and do."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from clyra_proxy.policy.genai.bec import Bec
from clyra_proxy.policy.genai.budgets import Budgets
from clyra_proxy.policy.genai.detectors import Detectors
from clyra_proxy.policy.genai.injection import Injection
from clyra_proxy.policy.genai.leaks import Leaks
from clyra_proxy.policy.genai.output import Output
from clyra_proxy.policy.genai.tools import Tools
from clyra_proxy.policy.section import FilePath, Section


class Unreadable(StrEnum):
    """What `genai.unreadable` asks for."""

    MARK = "mark"
    BLOCK = "block"


class Loading(StrEnum):
    """When the large checks of conversations are loaded: `auto` as the destinations suggest, see docs/genai.md."""

    AUTO = "auto"
    AT_START = "at_start"
    WHEN_NEEDED = "when_needed"


class GenAiSecurity(Section):
    """What agents say and do."""

    enabled: bool = Field(True, description="Read exchanges with models and tool servers at all.")
    max_inspect_bytes: Annotated[int, Field(ge=1024, le=64 << 20)] = Field(
        4 << 20,
        description="Largest body or streamed answer that is read as a conversation, in bytes; larger ones are "
        "`genai.unreadable`.",
    )
    unreadable: Unreadable = Field(
        Unreadable.MARK,
        description="What becomes of a conversation whose shape is not known or that is too large to be looked at: "
        "`mark` lets it pass and says so, `block` refuses it.",
    )
    budget_ms: Annotated[int, Field(ge=10, le=4000)] = Field(
        2000, description="Longest time the checks of one body may take, waiting included, in milliseconds."
    )
    load: Loading = Field(
        Loading.AUTO,
        description="When rules and models are loaded, which takes a worker about a second and 120 MB: `at_start`, "
        "once it is ready; `when_needed`, while the first conversation waits; `auto`, at the start where the "
        "destinations may be spoken with.",
    )
    exceptions: FilePath | None = Field(
        None, description="File of exceptions that `clyra allow` writes; each has a reason and an end."
    )
    injection: Injection = Field(default_factory=Injection, description=Injection.__doc__)
    leaks: Leaks = Field(default_factory=Leaks, description=Leaks.__doc__)
    tools: Tools = Field(default_factory=Tools, description=Tools.__doc__)
    budgets: Budgets = Field(default_factory=Budgets, description=Budgets.__doc__)
    output: Output = Field(default_factory=Output, description=Output.__doc__)
    detectors: Detectors = Field(default_factory=Detectors, description=Detectors.__doc__)
    bec: Bec = Field(default_factory=Bec, description=Bec.__doc__)
