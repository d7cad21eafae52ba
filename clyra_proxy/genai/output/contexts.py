"""Where answers end up, by policy, and what would act there.

Rule: an entry looks at the text of answers, or, when it names tools, at the arguments of their calls; only what it is
for (agent, tenant, destination). Markdown is judged as HTML too, without its code.
"""

from __future__ import annotations

from collections.abc import Iterator

from clyra_proxy.genai.inspection import Inspection, Signal
from clyra_proxy.genai.model import Direction, Provenance, ToolCall
from clyra_proxy.genai.output.addresses import forged_requests
from clyra_proxy.genai.output.packs import Pattern, matching, patterns_of
from clyra_proxy.genai.output.views import without_code
from clyra_proxy.genai.protocols.json_text import leaves
from clyra_proxy.genai.selecting import Names, Selector
from clyra_proxy.genai.tools.telling import shown
from clyra_proxy.policy.genai.output import Context, OutputContext

_MOST_IDS = 8


class ContextJudge:
    """One entry of `output.contexts`. Raises PolicyError when a pack cannot be read."""

    def __init__(self, settings: OutputContext) -> None:
        self._name = settings.name
        self._selector = Selector(settings)
        self._tools = Names(settings.tools, empty=False) if settings.tools else None
        self._allowed = Names(settings.allow, empty=False)
        self._contexts = tuple(settings.into)
        self._patterns: dict[Context, tuple[Pattern, ...]] = {
            context: patterns_of(context) for context in self._contexts if context is not Context.URL
        }
        if Context.MARKDOWN in self._patterns:
            self._patterns[Context.MARKDOWN] += patterns_of(Context.HTML)

    def judge(self, inspection: Inspection) -> Iterator[Signal]:
        """Signals about one conversation."""
        if not self._selector.covers(inspection):
            return
        if self._tools is not None:
            for call in inspection.conversation.calls:
                if not call.history:
                    yield from self.judge_call(call, inspection)
        elif inspection.conversation.direction is Direction.RESPONSE:
            for segment in inspection.conversation.segments:
                if segment.provenance is Provenance.ASSISTANT and not segment.history:
                    yield from self._signals([segment.text], segment.path, "")

    def judge_call(self, call: ToolCall, inspection: Inspection) -> Iterator[Signal]:
        """Signals about one call, when the entry is for its tool."""
        if self._tools is None or not self._tools.match(call.name) or not self._selector.covers(inspection):
            return
        texts = [call.raw] if call.arguments is None else [text for _, text in leaves(call.arguments, "/")]
        yield from self._signals(texts, call.path, shown(call.name, call.kind))

    def _signals(self, texts: list[str], path: str, tool: str) -> Iterator[Signal]:
        for context in self._contexts:
            ids = {found: None for text in texts for found in self._found(text, context)}
            ids = {found: None for found in ids if not self._allowed.match(found)}
            if ids:
                detail = {"kind": f"{self._name}:{context.value}", "patterns": ",".join(list(ids)[:_MOST_IDS])}
                yield Signal("output.unsafe", path=path, detail={**detail, "tool": tool} if tool else detail)

    def _found(self, text: str, context: Context) -> Iterator[str]:
        if context is Context.URL:
            yield from forged_requests(text)
        else:
            seen = without_code(text) if context is Context.MARKDOWN else text
            yield from matching(seen, self._patterns[context])
