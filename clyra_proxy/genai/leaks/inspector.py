"""The inspector of leaks: every text of a conversation, scanned; every leak, a signal with its edits.

Rule: texts that the protocol takes apart string by string (arguments, JSON results) are read together with the name of
the member that holds them, because `hunter2` is a password only under `password`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from clyra_proxy.genai.inspection import Edit, Inspection, Signal, StreamScanner, TextEdit, Workshop
from clyra_proxy.genai.leaks.leak import Leak
from clyra_proxy.genai.leaks.redaction import PlainRedaction
from clyra_proxy.genai.leaks.scan import Scanner
from clyra_proxy.genai.leaks.signals import signals_of
from clyra_proxy.genai.leaks.stream import LeakStream
from clyra_proxy.policy.genai.leaks import Leaks


class LeakInspector:
    """`leak.*` on whole conversations. workshop: None when nothing is to be remembered."""

    id = "leak"

    def __init__(self, settings: Leaks, workshop: Workshop | None = None) -> None:
        self._settings = settings
        self._workshop = workshop
        self._scanner = Scanner.compile(settings)

    def inspect(self, inspection: Inspection) -> Iterable[Signal | Edit]:
        redaction = PlainRedaction()
        for segment in inspection.conversation.segments:
            leaks = self._scanner.scan_named(segment.text, segment.path)
            yield from signals_of(
                segment.text,
                leaks,
                self._settings,
                redaction,
                path=segment.path,
                block=segment.block,
                provenance=segment.provenance.value,
            )

    def open_stream_scanner(self, inspection: Inspection) -> StreamScanner | None:
        """A scanner for one streamed answer."""
        redaction = PlainRedaction()

        def report(block: str, value: str, leak: Leak) -> Sequence[Signal | TextEdit]:
            padded = replace(leak, start=0, end=len(value))
            made = signals_of(value, [padded], self._settings, redaction, block=block)
            return [_moved(signal, leak.start) for signal in made]

        return LeakStream(self._scanner.window, report)


def _moved(signal: Signal, by: int) -> Signal:
    edits = tuple(
        replace(edit, start=edit.start + by, end=edit.end + by) if isinstance(edit, TextEdit) else edit
        for edit in signal.edits
    )
    return replace(signal, edits=edits)


def compile_inspector(settings: Leaks, base_dir: Path, workshop: Workshop) -> LeakInspector | None:
    """The inspector of these settings. Raises PolicyError for a bad pack."""
    return LeakInspector(settings, workshop)
