"""The inspector of leaks: every text of a conversation, scanned; every leak, a signal with its edits.

Rule: texts that the protocol takes apart string by string (arguments, JSON results) are also read with the name of the
member that holds them, because `hunter2` is a password only under `password`. A credential that an API asks for in a
member of its own (`authorization` of a server that the provider shall call) is where it belongs. Links are judged where
a model or a tool call makes them, beside what the conversation held before. A placeholder of the same session is undone
in answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from clyra_proxy.genai.byte_patterns import as_bytes
from clyra_proxy.genai.inspection import Edit, Inspection, Signal, StreamScanner, TextEdit, Workshop
from clyra_proxy.genai.joining import joined
from clyra_proxy.genai.leaks.exfiltration import ExfiltrationBudget
from clyra_proxy.genai.leaks.leak import Family, Leak, without_overlaps
from clyra_proxy.genai.leaks.links import Surroundings
from clyra_proxy.genai.leaks.redaction import PLACEHOLDER, PlainRedaction, SessionRedaction, Vault
from clyra_proxy.genai.leaks.scan import Scanner
from clyra_proxy.genai.leaks.signals import signals_of
from clyra_proxy.genai.leaks.stream import LeakStream
from clyra_proxy.genai.leaks.windows import ScanWindow
from clyra_proxy.genai.model import Direction, Provenance, Segment, ToolCall
from clyra_proxy.genai.protocols.json_text import ROOT, leaves
from clyra_proxy.policy.genai.leaks import Leaks
from clyra_proxy.verdict.model import Action

_MAKES_LINKS = frozenset({Provenance.ASSISTANT, Provenance.ARGUMENTS, Provenance.UNKNOWN})
_REFUSED_ACROSS = frozenset({Family.SECRET, Family.CANARY})
_PLAIN = PlainRedaction()
_CREDENTIAL = re.compile(
    r"/(?:tools/\d+/(?:authorization|server_url|headers/[^/]+)|mcp_servers/\d+/(?:authorization_token|url))\Z"
)
"""Members for credentials, and for addresses that hold one: OpenAI's tools of type `mcp`, Anthropic's MCP connector."""


class LeakInspector:
    """`leak.*` on conversations. workshop: None when nothing is to be remembered (a text alone)."""

    id = "leak"

    def __init__(self, settings: Leaks, workshop: Workshop | None = None) -> None:
        """Raises PolicyError for a bad pack."""
        self._settings = settings
        self._scanner = Scanner(settings)
        self._budget = self._vault = None
        if workshop is not None:
            self._budget = ExfiltrationBudget(settings.exfiltration, settings.links.allowed_hosts, workshop)
            self._vault = Vault(workshop, settings.reversible_ttl_s) if settings.reversible else None
        self._scanner.scan("Warm-up: patterns build their automata at the first look. 12 a@b.c https://x.y/z")

    def inspect(self, inspection: Inspection) -> Iterable[Signal | Edit]:
        redaction = self._redaction(inspection)
        around = _surroundings(inspection)
        found: list[tuple[Segment, list[Leak]]] = []
        for segment in inspection.conversation.segments:
            leaks = self._leaks(segment, around)
            found.append((segment, leaks))
            yield from signals_of(
                segment.text,
                leaks,
                self._settings,
                redaction,
                path=segment.path,
                block=segment.block,
                provenance=segment.provenance.value,
                tool=segment.name if segment.provenance is not Provenance.DOCUMENT else "",
            )
            if inspection.conversation.direction is Direction.RESPONSE:
                yield from _restorations(segment, redaction)
        yield from self._over_parts(inspection)
        if self._budget is not None:
            yield from self._budget.spend(inspection, found)

    def _over_parts(self, inspection: Inspection) -> Iterator[Signal]:
        """Secrets cut in two by parts of one message: nothing can be replaced there, so it is refused instead."""
        segments = inspection.conversation.segments
        for run in joined(inspection.conversation):
            crossing = [
                leak
                for leak in self._scanner.scan(run.text)
                if leak.family in _REFUSED_ACROSS
                and not any(run.text[leak.start : leak.end] in segment.text for segment in segments)
            ]
            yield from self._refusals(crossing, run.text, run.provenance)

    def _refusals(self, crossing: Sequence[Leak], text: str, provenance: Provenance) -> Iterator[Signal]:
        for signal in signals_of(text, crossing, self._settings, _PLAIN, provenance=provenance.value):
            yield replace(signal, edits=(), action=Action.BLOCK if signal.edits else signal.action)

    def _leaks(self, segment: Segment, around: Surroundings | None) -> list[Leak]:
        links = segment.provenance in _MAKES_LINKS and not segment.history
        found = self._scanner.scan(segment.text, links=links, around=around) or self._scanner.scan_named(
            segment.text, segment.path
        )
        if found and _CREDENTIAL.search(segment.path):
            return [leak for leak in found if leak.family is not Family.SECRET]
        return found

    def judge_call(self, call: ToolCall, inspection: Inspection) -> Iterator[Signal]:
        """Leaks in the arguments of a streamed call, before it leaves."""
        around = _surroundings(inspection)
        arguments = call.raw if call.arguments is None else call.arguments
        for path, text in leaves(arguments, ROOT):
            leaks = self._leaks(Segment(text, Provenance.ARGUMENTS, path, call.name), around)
            where = {"provenance": Provenance.ARGUMENTS.value, "tool": call.name}
            yield from signals_of(text, leaks, self._settings, _PLAIN, path=path, block=call.block, **where)

    def _redaction(self, inspection: Inspection) -> PlainRedaction | SessionRedaction:
        return _PLAIN if self._vault is None else self._vault.session(inspection)

    def open_stream_scanner(self, inspection: Inspection) -> StreamScanner | None:
        """A scanner for one streamed answer. inspection: of the answer, with its request."""
        redaction = self._redaction(inspection)
        open_from = self._scanner.open_from
        scan = self._scanner.growing(links=True, around=_surroundings(inspection))
        foreign = self._scanner.growing(links=False, around=None)

        def report(block: str, value: str, leak: Leak) -> Sequence[Signal | TextEdit]:
            if leak.family is Family.PLACEHOLDER:
                restored = redaction.restored(value)
                return [] if restored is None else [TextEdit("", leak.start, leak.end, restored, block)]
            padded = replace(leak, start=0, end=len(value))
            made = signals_of(value, [padded], self._settings, redaction, block=block)
            return [_moved(signal, leak.start) for signal in made]

        def across(leak: Leak) -> Sequence[Signal]:
            crossing = [leak] if leak.family in _REFUSED_ACROSS else []
            return [*self._refusals(crossing, " " * leak.end, Provenance.ASSISTANT)]

        if self._vault is not None:
            scan, foreign = _undoing(scan), _undoing(foreign)
        return LeakStream(scan, report, foreign=foreign, open_from=open_from, across=across)


def _undoing(scan: ScanWindow) -> ScanWindow:
    """The same, with the placeholders that stand for values of this session."""
    return lambda window: without_overlaps([*scan(window), *_placeholders(window)])


def _surroundings(inspection: Inspection) -> Surroundings | None:
    """What an answer may have taken its addresses and words from."""
    if inspection.request is not None:
        return Surroundings(segment.text for segment in inspection.request.segments)
    others = [segment for segment in inspection.conversation.segments if segment.provenance not in _MAKES_LINKS]
    return Surroundings(segment.text for segment in others) if others else None


def _placeholders(text: str) -> Iterator[Leak]:
    if "[[" in text:
        for start, end in PLACEHOLDER.spans(as_bytes(text)):
            yield Leak(Family.PLACEHOLDER, "placeholder", "placeholder", start, end, weight=1000)


def _restorations(segment: Segment, redaction: PlainRedaction | SessionRedaction) -> Iterator[TextEdit]:
    for leak in _placeholders(segment.text):
        restored = redaction.restored(segment.text[leak.start : leak.end])
        if restored is not None:
            yield TextEdit(segment.path, leak.start, leak.end, restored, segment.block)


def _moved(signal: Signal, by: int) -> Signal:
    edits = tuple(
        replace(edit, start=edit.start + by, end=edit.end + by) if isinstance(edit, TextEdit) else edit
        for edit in signal.edits
    )
    return replace(signal, edits=edits)


def compile_inspector(settings: Leaks, base_dir: Path, workshop: Workshop) -> LeakInspector | None:
    """The inspector of these settings. Raises PolicyError for a bad pack."""
    return LeakInspector(settings, workshop)
