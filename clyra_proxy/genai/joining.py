"""Texts that stand next to each other in one message, as the model reads them: one after the other.

Rule: what is split over content parts must be found as if it were one text. Only neighbours of one message, one
provenance and one source are joined; of a long part only its ends count, because inside of it nothing is split. Linear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from clyra_proxy.genai.model import Conversation, Segment

_END = 300
"""Characters of either end of a long part that are joined with its neighbours."""
_SEPARATORS = ("\n", "")
"""Parts are words of their own, or pieces of words: nobody knows, so both are given."""


def joined(conversation: Conversation) -> Iterator[Segment]:
    """For each message of several parts, its parts as one text. They have no place: nothing can be edited there."""
    for key, run in groupby(conversation.segments, key=_key):
        parts = list(run) if key is not None else []
        if len(parts) > 1:
            texts = [_abridged(part.text) for part in parts]
            for separator in _SEPARATORS:
                yield replace(parts[0], text=separator.join(texts), path="", block="")


def _key(segment: Segment) -> tuple[object, ...] | None:
    """What neighbours must have in common; None for a text that stands alone."""
    kind, _, rest = segment.block.partition("/")
    if not kind:
        return None
    message = "" if kind == "block" else rest.partition("/")[0]  # blocks of an answer are all of one message
    return (kind, message, segment.provenance, segment.name, segment.history)


def _abridged(text: str) -> str:
    return text if len(text) <= 2 * _END else f"{text[:_END]}\n\n{text[-_END:]}"
