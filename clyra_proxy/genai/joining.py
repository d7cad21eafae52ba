"""Texts that stand next to each other in one message, as the model reads them: one after the other.

Rule: what is split over content parts must be found as if it were one text. Only neighbours of one message, one
provenance and one source are joined, a model's words also over the notes that stand between them; of a long part only
its ends count, because inside of it nothing is split. Linear.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from clyra_proxy.genai.model import Conversation, Provenance, Segment

END = 300
"""Characters of either end of a long part that are joined with its neighbours."""
_SEPARATORS = ("\n", "")
"""Parts are words of their own, or pieces of words: nobody knows, so both are given."""


def joined(conversation: Conversation) -> Iterator[Segment]:
    """For each message of several parts, its parts as one text. They have no place: nothing can be edited there."""
    segments = conversation.segments
    spoken = list(_without_notes(segments))
    for parts in _runs(segments):
        yield from _as_one(parts)
    if len(spoken) < len(segments):
        for parts in _runs(spoken):
            if parts[0].provenance is Provenance.ASSISTANT:
                yield from _as_one(parts)


def message_of(block: str) -> tuple[str, str] | None:
    """What blocks of one message have in common; None for a text that stands alone."""
    kind, _, rest = block.partition("/")
    if not kind:
        return None
    return kind, "" if kind == "block" else rest.partition("/")[0]  # blocks of an answer are all of one message


def _without_notes(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Without the quotations and sources that a model's words carry: a reader sees the words go on."""
    spoken = ""
    for segment in segments:
        if segment.provenance is Provenance.ASSISTANT:
            spoken = segment.block
        elif segment.provenance is Provenance.DOCUMENT and spoken and segment.block == spoken:
            continue
        yield segment


def _runs(segments: Iterable[Segment]) -> Iterator[list[Segment]]:
    for key, run in groupby(segments, key=_key):
        parts = list(run) if key is not None else []
        if len(parts) > 1:
            yield parts


def _as_one(parts: Sequence[Segment]) -> Iterator[Segment]:
    texts = [_abridged(part.text) for part in parts]
    for separator in _SEPARATORS:
        yield replace(parts[0], text=separator.join(texts), path="", block="")


def _key(segment: Segment) -> tuple[object, ...] | None:
    """What neighbours must have in common; None for a text that stands alone."""
    message = message_of(segment.block)
    return None if message is None else (message, segment.provenance, segment.name, segment.history)


def _abridged(text: str) -> str:
    return text if len(text) <= 2 * END else f"{text[:END]}\n\n{text[-END:]}"
