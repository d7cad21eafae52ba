"""What to do about each reason of the GenAI checks (see `clyra_proxy.cli.remedies`)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from clyra_proxy.verdict.reasons import Reason

_ATTACK = (
    "Look where the text came from before anything else. If it is harmless, `clyra allow --from VERDICT` writes the "
    "narrowest exception."
)
_BUDGET = "Wait until the window is over, or raise the budget under `genai_security.budgets`."
_LOOP = "Look at what the agent was doing; it may go on after the cool-off, see `genai_security.budgets`."
_DRIFT = "Somebody changed the agent: if it was meant, nothing; the new state is now the one that is compared with."
_TOOL = "Allow it under `genai_security.tools` if the agent is meant to do this."

GENAI_REMEDIES: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.PROMPT_INJECTION: _ATTACK,
        Reason.INDIRECT_INJECTION: "Do not trust what that tool, page or document returned. " + _ATTACK,
        Reason.JAILBREAK: _ATTACK,
        Reason.PROMPT_EXTRACTION: _ATTACK,
        Reason.OBFUSCATED_INSTRUCTION: _ATTACK,
        Reason.SECRET: "Treat the secret as exposed if the mode was shadow: replace it. Take it out of the prompt.",
        Reason.PERSONAL_DATA: "Take it out, or let `genai_security.leaks` redact it on the way.",
        Reason.CANARY: "Somebody read what nobody should read: find out how the planted text got here.",
        Reason.EXFILTRATION_BUDGET: "Look at what this agent sent there; raise the budget under "
        "`genai_security.leaks` if it is legitimate.",
        Reason.EXFILTRATION_LINK: "Do not render or follow the link. If the host is yours, name it under "
        "`genai_security.leaks`.",
        Reason.TOOL_DENIED: _TOOL,
        Reason.TOOL_HIDDEN: _TOOL,
        Reason.TOOL_ARGUMENTS: "Correct the arguments; condition and schema are named in the finding's detail.",
        Reason.TOOL_POISONED: "Do not use this tool server until its descriptions have been read by a person.",
        Reason.TOOL_CHANGED: "Compare the tool with what was approved; approve it again if the change is meant.",
        Reason.TOOL_CHAIN: "Look at the calls before this one: together they carry data out.",
        Reason.SERVER_REQUEST: "Allow sampling or elicitation for this server under `genai_security.tools`, or use "
        "another server.",
        Reason.OUTPUT_SCHEMA: "Ask again; the model's answer does not satisfy the schema that the request gave.",
        Reason.OUTPUT_UNSAFE: "Do not execute or render it; see `genai_security.output` for the contexts policy names.",
        Reason.TOKEN_BUDGET: _BUDGET,
        Reason.COST_BUDGET: _BUDGET,
        Reason.RATE_BUDGET: _BUDGET,
        Reason.CONCURRENCY_BUDGET: "Let earlier calls finish, or raise the limit under `genai_security.budgets`.",
        Reason.MODEL_DENIED: "Use a model on the list, or add this one under `genai_security.budgets`.",
        Reason.LOOP_REPEAT: _LOOP,
        Reason.LOOP_LIMIT: _LOOP,
        Reason.PROMPT_DRIFT: _DRIFT,
        Reason.TOOLSET_DRIFT: _DRIFT,
        Reason.DETECTOR_FLAGGED: "See which detector, and how sure it was, in the finding's detail.",
        Reason.DETECTOR_UNAVAILABLE: "Repair the detector, or let its `on_error` under `genai_security.detectors` be "
        "milder.",
        Reason.BEC_SUSPECTED: "Call the counterparty on a number you already have before any payment or change.",
        Reason.GENAI_UNREADABLE: "The finding's detail says what could not be read.",
    }
)
