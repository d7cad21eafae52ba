"""The rules of the GenAI checks, as rows of the rule catalogue (`clyra_proxy.verdict.rules`).

A rule here is what a policy names and what a verdict carries; the patterns behind it (rule packs, secret formats) have
ids of their own, which stand in a finding's detail (`patterns`). Taxonomy ids (OWASP LLM Top 10, MITRE ATLAS) of each
rule are data: `policies/taxonomy/rules.json`.
"""

from __future__ import annotations

from clyra_proxy.verdict.model import Action, Severity
from clyra_proxy.verdict.reasons import Reason

_BLOCK, _MARK, _REDACT = Action.BLOCK, Action.MARK, Action.REDACT
_LOW, _MEDIUM, _HIGH, _CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL

ROWS: tuple[tuple[str, Reason, Action, Severity, str], ...] = (
    ("injection.direct", Reason.PROMPT_INJECTION, _BLOCK, _HIGH, "Text that tells the model to drop its instructions."),
    (
        "injection.indirect",
        Reason.INDIRECT_INJECTION,
        _BLOCK,
        _CRITICAL,
        "Instructions to the model inside a tool result, a fetched page, a document or a mail.",
    ),
    (
        "injection.jailbreak",
        Reason.JAILBREAK,
        _BLOCK,
        _HIGH,
        "A role play or argument that lifts the model's limits.",
    ),
    ("injection.extraction", Reason.PROMPT_EXTRACTION, _BLOCK, _HIGH, "An attempt to obtain the system prompt."),
    (
        "injection.obfuscated",
        Reason.OBFUSCATED_INSTRUCTION,
        _BLOCK,
        _HIGH,
        "An instruction hidden by an encoding or by invisible or look-alike characters.",
    ),
    ("leak.secret", Reason.SECRET, _REDACT, _CRITICAL, "A key, token or password leaves."),
    ("leak.pii", Reason.PERSONAL_DATA, _MARK, _HIGH, "Personal data that a validator confirms."),
    ("leak.canary", Reason.CANARY, _BLOCK, _CRITICAL, "A canary token planted to be noticed was seen."),
    (
        "leak.budget",
        Reason.EXFILTRATION_BUDGET,
        _BLOCK,
        _HIGH,
        "More sensitive or opaque data went to one destination than its budget allows, in one go or in slow drips.",
    ),
    ("leak.link", Reason.EXFILTRATION_LINK, _BLOCK, _HIGH, "A link or image address that carries data to a stranger."),
    ("tools.denied", Reason.TOOL_DENIED, _BLOCK, _HIGH, "The tool, resource or prompt is not allowed for this agent."),
    ("tools.hidden", Reason.TOOL_HIDDEN, _REDACT, _LOW, "A tool that is not allowed was taken out of a list."),
    (
        "tools.arguments",
        Reason.TOOL_ARGUMENTS,
        _BLOCK,
        _HIGH,
        "Arguments against a condition or the tool's schema.",
    ),
    ("tools.poisoned", Reason.TOOL_POISONED, _BLOCK, _CRITICAL, "A tool's description gives orders to the model."),
    ("tools.changed", Reason.TOOL_CHANGED, _BLOCK, _HIGH, "A tool is not what it was when it was first approved."),
    ("tools.chain", Reason.TOOL_CHAIN, _BLOCK, _CRITICAL, "Calls that are harmless alone and dangerous in this order."),
    (
        "tools.server_request",
        Reason.SERVER_REQUEST,
        _BLOCK,
        _HIGH,
        "Sampling or elicitation that policy forbids.",
    ),
    ("output.schema", Reason.OUTPUT_SCHEMA, _BLOCK, _MEDIUM, "Structured output that does not satisfy its own schema."),
    ("output.unsafe", Reason.OUTPUT_UNSAFE, _BLOCK, _HIGH, "Active content where policy says it would be executed."),
    ("budget.tokens", Reason.TOKEN_BUDGET, _BLOCK, _MEDIUM, "The token budget of this agent or tenant is used up."),
    ("budget.cost", Reason.COST_BUDGET, _BLOCK, _MEDIUM, "The cost budget of this agent or tenant is used up."),
    ("budget.rate", Reason.RATE_BUDGET, _BLOCK, _MEDIUM, "Too many model calls in a window of time."),
    ("budget.concurrency", Reason.CONCURRENCY_BUDGET, _BLOCK, _MEDIUM, "Too many model calls at once."),
    ("budget.model", Reason.MODEL_DENIED, _BLOCK, _MEDIUM, "The model is not on the allow-list."),
    ("loop.repeat", Reason.LOOP_REPEAT, _BLOCK, _HIGH, "The agent repeats the same call over and over."),
    ("loop.limit", Reason.LOOP_LIMIT, _BLOCK, _HIGH, "The run made more calls than a run may, or is cooling off."),
    ("drift.prompt", Reason.PROMPT_DRIFT, _MARK, _MEDIUM, "The system prompt of this agent is not what it was."),
    ("drift.tools", Reason.TOOLSET_DRIFT, _MARK, _MEDIUM, "The tool set of this agent is not what it was."),
    ("detector.flagged", Reason.DETECTOR_FLAGGED, _BLOCK, _HIGH, "An external detector flagged the content."),
    (
        "detector.unavailable",
        Reason.DETECTOR_UNAVAILABLE,
        _BLOCK,
        _HIGH,
        "An external detector that policy requires did not answer, or answered with garbage.",
    ),
    (
        "bec.suspected",
        Reason.BEC_SUSPECTED,
        _BLOCK,
        _HIGH,
        "Signs of business e-mail compromise.",
    ),
    (
        "genai.unreadable",
        Reason.GENAI_UNREADABLE,
        _MARK,
        _MEDIUM,
        "An exchange with a model or a tool server whose shape is not known, or that is too large to be looked at.",
    ),
)

GENAI_REASONS = frozenset(row[1] for row in ROWS)
"""The reasons of these rules."""
