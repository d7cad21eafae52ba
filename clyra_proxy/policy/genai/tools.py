"""`genai_security.tools`: which tools an agent may call, with what, in which order; pinned descriptions."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from clyra_proxy.policy.genai.selecting import Expression, NamePattern, Selection
from clyra_proxy.policy.section import HostPattern, Name, Section

Label = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}(:[a-z][a-z0-9_-]{0,31})?$")]
type Scalar = str | int | float | bool | None


class Permission(StrEnum):
    """What a rule, or the default, says of a call."""

    ALLOW = "allow"
    DENY = "deny"


class Answer(StrEnum):
    """What a condition of the tool set asks for."""

    ALLOW = "allow"
    MARK = "mark"
    DENY = "deny"


class Asks(StrEnum):
    """What a chain rule asks for."""

    MARK = "mark"
    APPROVE = "approve"
    BLOCK = "block"


class Pin(StrEnum):
    """When the definition of an MCP tool counts as known."""

    OFF = "off"
    FIRST_USE = "first_use"
    APPROVED = "approved"


class Together(StrEnum):
    """Whose calls a chain rule puts together."""

    AGENT = "agent"
    SESSION = "session"


class Suspect(StrEnum):
    """What becomes of a list of tools in which one is poisoned or changed."""

    REFUSE = "refuse"
    REMOVE = "remove"


class ToolKind(StrEnum):
    """What is called."""

    FUNCTION = "function"
    MCP_TOOL = "mcp_tool"
    MCP_RESOURCE = "mcp_resource"
    MCP_PROMPT = "mcp_prompt"


class ArgumentCondition(Section):
    """What must be true of the arguments at one place. All that is given must hold, for every value found there."""

    path: Annotated[str, StringConstraints(pattern=r"^(/.*)?$", max_length=512)] = Field(
        description="JSON pointer into the arguments (`/to`, `/items/0/id`); as a step, `*` is every member or element "
        "and `**` everything at any depth. Empty: the arguments as a whole."
    )
    required: bool = Field(False, description="Something must be there.")
    equals: str | int | float | bool | None = Field(
        None, description="The value, exactly; the type counts. For null: `one_of: [null]`."
    )
    one_of: list[Scalar] = Field(default_factory=list, description="The value is one of these.")
    none_of: list[Scalar] = Field(default_factory=list, description="The value is none of these.")
    matches: Expression | None = Field(None, description="RE2 expression that matches the whole text.")
    lacks: Expression | None = Field(None, description="RE2 expression that matches nowhere in the text.")
    max_length: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Most characters of a text, elements of an array or members of an object."
    )
    min: float | None = Field(None, description="Smallest number.")
    max: float | None = Field(None, description="Largest number.")
    hosts: list[HostPattern] = Field(
        default_factory=list,
        description="The text is a URL, a mail address or a host, and its host is one of these; `*.example.com` covers "
        "every name below example.com. Text that parsers read differently is refused.",
    )
    below: list[Annotated[str, StringConstraints(min_length=1, max_length=1024)]] = Field(
        default_factory=list,
        description="The text is a file path or `file:` URL in one of these folders; traversal (`..`, encoded or not) "
        "is refused.",
    )

    @model_validator(mode="after")
    def _says_something(self) -> ArgumentCondition:
        tests = (self.equals, self.matches, self.lacks, self.max_length, self.min, self.max)
        lists = (self.one_of, self.none_of, self.hosts, self.below)
        if not self.required and not any(lists) and all(test is None for test in tests):
            raise ValueError("a condition without a test holds for everything; add one or take it out")
        return self


class ToolRule(Selection):
    """Whether tools may be called, and with what. The first rule that matches wins."""

    name: Name = Field(description="Name of the rule; findings carry it.")
    tools: list[NamePattern] = Field(
        default_factory=list,
        description="Tool names, prompt names or resource URIs; `*` and `?` are wildcards. `deny` ignores case. "
        "Empty: all.",
    )
    kinds: list[ToolKind] = Field(default_factory=list, description="What is called; empty: anything.")
    when: list[ArgumentCondition] = Field(
        default_factory=list, description="The rule is only for calls whose arguments satisfy all of these."
    )
    action: Permission = Field(Permission.ALLOW, description="`allow` or `deny`.")
    arguments: list[ArgumentCondition] = Field(
        default_factory=list,
        description="What an allowed call's arguments must satisfy; otherwise it is `tools.arguments`.",
    )

    @model_validator(mode="after")
    def _deny_has_no_arguments(self) -> ToolRule:
        if self.action is Permission.DENY and self.arguments:
            raise ValueError("`arguments` are what an allowed call must satisfy; to deny some calls, use `when`")
        return self


class LabelRule(Section):
    """What calls of some tools do, as words that chain rules use."""

    tools: list[NamePattern] = Field(min_length=1, description="Tool names; case is ignored; `*` and `?` wildcards.")
    when: list[ArgumentCondition] = Field(
        default_factory=list, description="Only calls whose arguments satisfy all of these."
    )
    labels: list[Label] = Field(
        min_length=1, description="For example `reads:secret`, `reads:private`, `reads:untrusted`, `sends:external`."
    )


class ChainRule(Selection):
    """Calls that are harmless alone and dangerous together."""

    name: Name = Field(description="Name of the rule; findings carry it.")
    after: list[Label] = Field(min_length=1, description="Labels that calls of this run already had, all of them.")
    then: list[Label] = Field(min_length=1, description="Labels of the call that completes the chain, any of them.")
    asks: Asks = Field(Asks.BLOCK, description="What the rule asks for: `mark`, `approve` or `block`.")
    per: Together = Field(
        Together.AGENT,
        description="Whose calls are put together: all of the `agent` (of its run, when it names one), because each "
        "server has a session of its own; or only those of a `session` or conversation.",
    )
    within_s: Annotated[int, Field(ge=1, le=604_800)] = Field(
        3600, description="How long a label is remembered, in seconds."
    )


class Tools(Section):
    """Which tools an agent may call, with what, in which order; pinned descriptions."""

    default: Permission = Field(Permission.ALLOW, description="Calls that no rule matches: `allow` or `deny`.")
    rules: list[ToolRule] = Field(default_factory=list, description="Rules for calls; the first that matches wins.")
    check_schema: bool = Field(
        True,
        description="Hold arguments against the JSON Schema the tool was declared with, in the same request or in "
        "`tools/list`; otherwise they are `tools.arguments`.",
    )
    undeclared: Answer = Field(
        Answer.MARK, description="Calls of a tool that was not among those declared: `allow`, `mark` or `deny`."
    )
    filter_lists: bool = Field(
        True, description="Take what is denied out of the lists of MCP servers (`tools.hidden`)."
    )
    check_descriptions: bool = Field(
        True,
        description="Look for hidden characters, orders and references to other servers' tools in declarations "
        "(`tools.poisoned`).",
    )
    pin: Pin = Field(
        Pin.FIRST_USE,
        description="`first_use` remembers a salted hash of each MCP tool and prompt it sees; a later difference is "
        "`tools.changed` until `clyra genai tools approve`. `approved`: a tool nobody approved is `tools.changed` too. "
        "`off`: nothing is remembered.",
    )
    suspect: Suspect = Field(
        Suspect.REFUSE,
        description="A list of tools in which one is poisoned or changed: `refuse` the list, or `remove` the tool.",
    )
    sampling: Answer = Field(
        Answer.ALLOW, description="MCP servers asking for a completion: `allow`, `mark` or `deny`."
    )
    elicitation: Answer = Field(
        Answer.ALLOW, description="MCP servers asking the user for input: `allow`, `mark` or `deny`."
    )
    ask_for_secrets: Answer = Field(
        Answer.DENY,
        description="Elicitation that asks for passwords, keys or card numbers, which MCP forbids: `allow`, `mark` or "
        "`deny`.",
    )
    labels: list[LabelRule] = Field(
        default_factory=list, description="Labels of tools, beside those in `policies/rules/tools/labels.yaml`."
    )
    shipped_chains: bool = Field(
        True,
        description="Use the chain rules in `policies/rules/tools/chains.yaml`: a secret read and then sent, and the "
        "lethal trifecta (untrusted content, private data, a way out).",
    )
    chains: list[ChainRule] = Field(default_factory=list, description="Chain rules of your own.")
