"""Tools of one server that reach for another server's tools.

Rule: a name that another server of the same agent already gave to a different tool is marked; a declaration that names
another server's tool is marked, and asks for a block when it also tells the model what to do with it ("before using
`send_mail`, always ..."). Only names that cannot be ordinary words count as mentions. Marks are made only for agents
with names of their own: behind a program's name there may be many, each with its own servers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import orjson
import re2  # type: ignore[import-untyped]

from clyra_proxy.genai.fingerprints import Salt, agent_scope, canonical
from clyra_proxy.genai.inspection import Inspection, Signal
from clyra_proxy.genai.model import ToolDefinition
from clyra_proxy.genai.tools.descriptions import texts_of
from clyra_proxy.genai.tools.telling import shown
from clyra_proxy.state.store import StateStore
from clyra_proxy.verdict.model import Action

LIFETIME_S = 86_400
_MOST_SERVERS, _MOST_NAMES = 64, 500
_AROUND = 120  # bytes before and after a mention in which a directive counts

_WORD = re2.compile(r"[A-Za-z][A-Za-z0-9_.:-]{2,127}")
_DIRECTIVE = re2.compile(
    r"(?i)\b(before|prior to|instead of|rather than|in place of|after (?:calling|using|each|every|any)|whenever|"
    r"when(?:ever)? (?:you|using|calling|sending)|always|must|never|do not|don'?t|should (?:also|first|not)|be sure|"
    r"make sure|ensure|replaces?|supersedes?|overrides?|deprecated|modif(?:y|ies)|redirect|route all|"
    r"also (?:call|send|include|use|add)|"
    r"set (?:the )?(?:recipient|to|bcc|cc|address|url|amount))\b"
)


@dataclass(frozen=True, slots=True)
class _Other:
    """What another server declared: name -> fingerprint of the definition."""

    names: dict[str, str]


class ServerNames:
    """The tool names of each server an agent talks to."""

    def __init__(self, state: StateStore, salt: Salt) -> None:
        self._state = state
        self._salt = salt

    def compare(self, tools: Iterable[ToolDefinition], inspection: Inspection) -> Iterator[Signal]:
        """Signals about a server's list, which is remembered for the lists of others. Raises StateError."""
        tools = tuple(tools)
        scope = f"names/{agent_scope(self._salt, inspection)}/"
        mine = scope + self._salt.of(inspection.destination, inspection.endpoint.rstrip("/"))
        own = {tool.name: self._salt.of(canonical(tool.declared)) for tool in tools[:_MOST_NAMES]}
        others = [
            _Other(orjson.loads(value))
            for key, value in self._state.entries(scope, inspection.now, _MOST_SERVERS)
            if key != mine
        ]
        before = self._state.get(mine, inspection.now)
        known = {**(orjson.loads(before) if before else {}), **own}
        kept = dict(list(known.items())[-_MOST_NAMES:])
        self._state.put(mine, orjson.dumps(kept).decode(), inspection.now, LIFETIME_S)
        foreign = {name for other in others for name in other.names if name not in own and _is_distinctive(name)}
        for tool in tools:
            if inspection.caller.named and any(
                other.names.get(tool.name, own.get(tool.name)) != own.get(tool.name) for other in others
            ):
                yield _signal(tool, "same_name", Action.MARK)
            if foreign:
                yield from _mentions(tool, foreign, certain=inspection.caller.named)


def _mentions(tool: ToolDefinition, foreign: set[str], *, certain: bool) -> Iterator[Signal]:
    """certain: the other tools are known to be of the same agent; else only an order counts."""
    ordered = False
    found = False
    for text in texts_of(tool):
        data = text.encode("utf-8", "replace")
        for match in _WORD.finditer(data):
            word = match.group().decode().rstrip(".:-")
            if word in foreign:
                found = True
                around = data[max(0, match.start() - _AROUND) : match.end() + _AROUND]
                ordered = ordered or _DIRECTIVE.search(around) is not None
    if ordered or (found and certain):
        yield _signal(tool, "steers_other_tool" if ordered else "names_other_tool", None if ordered else Action.MARK)


def _signal(tool: ToolDefinition, kind: str, action: Action | None) -> Signal:
    return Signal("tools.poisoned", action, tool.path, detail={"kind": kind, "tool": shown(tool.name)})


def _is_distinctive(name: str) -> bool:
    """True for a name that is not a word of ordinary prose."""
    return len(name) > 4 and ("_" in name or "-" in name or (not name.islower() and not name.istitle()))
