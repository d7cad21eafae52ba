"""Signs of business e-mail compromise in a conversation: in mails a tool read, in payloads, in what agents write.

Strings that stand side by side in one object (the fields of a JSON payload, the arguments of one call) are one
message; every other text is one by itself. One finding a message, at the place of its longest text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from clyra_proxy.genai.bec.headers import Acquaintances
from clyra_proxy.genai.bec.mail import mail_of_fields
from clyra_proxy.genai.bec.packs import load_packs
from clyra_proxy.genai.bec.text import Judged, judge_mail, strongest
from clyra_proxy.genai.inspection import Inspection, Inspector, Signal, Workshop
from clyra_proxy.genai.model import Provenance, Segment
from clyra_proxy.json_pointer import unescape
from clyra_proxy.policy.genai.bec import Bec

SHORTEST = 12
"""Characters; no lure is shorter."""

MOST_SIGNALS = 16

MOST_APART = 500
"""Messages judged one by one; where there are more, neighbours are judged together, so that time stays bounded."""

_STRUCTURED = frozenset({Provenance.ARGUMENTS, Provenance.UNKNOWN, Provenance.TOOL_RESULT, Provenance.DOCUMENT})


class BecInspector:
    """Compiled with a policy; shared; without state."""

    id = "bec"

    def __init__(self, settings: Bec) -> None:
        self._settings = settings
        self._acquaintances = Acquaintances(settings)
        self._provenances = frozenset(settings.provenances)
        load_packs()

    def inspect(self, inspection: Inspection) -> Iterable[Signal]:
        """A signal for every message that reaches the threshold, the strongest first."""
        found = [
            (judged, segment)
            for judged, segment in self._judged(inspection)
            if judged.score >= self._settings.threshold
        ]
        found.sort(key=lambda one: -one[0].score)
        for judged, segment in found[:MOST_SIGNALS]:
            yield judged.signal(
                self._settings.threshold, segment.path, provenance=segment.provenance.value, tool=segment.name
            )

    def _judged(self, inspection: Inspection) -> Iterator[tuple[Judged, Segment]]:
        groups = list(_messages(inspection, self._provenances))
        several = -(-len(groups) // MOST_APART)
        for first in range(0, len(groups), several or 1):
            bundle = groups[first : first + several]
            longest = max((one for group in bundle for one in group), key=lambda segment: len(segment.text))
            if len(bundle) > 1:
                text = "\n".join(one.text for group in bundle for one in group)
                yield strongest(text, self._acquaintances, self._settings.threshold), longest
            elif len(bundle[0]) > 1:
                mail = mail_of_fields(_fields(bundle[0]))
                yield judge_mail(mail, self._acquaintances, self._settings.threshold), longest
            elif len(longest.text) >= SHORTEST:
                yield strongest(longest.text, self._acquaintances, self._settings.threshold), longest


def _fields(group: Sequence[Segment]) -> dict[str, str]:
    """The strings of one object by their names."""
    named = {_last(one.path): one.text for one in group}
    if len(named) == len(group):
        return named
    return {f"{number}.{_last(one.path)}": one.text for number, one in enumerate(group)}


def _messages(inspection: Inspection, wanted: frozenset[Provenance]) -> Iterator[list[Segment]]:
    """The segments of each message: siblings in one object, or one text."""
    siblings: dict[tuple[Provenance, str, str, str], list[Segment]] = {}
    for segment in inspection.conversation.segments:
        if segment.provenance not in wanted or not segment.text:
            continue
        if segment.path and segment.provenance in _STRUCTURED:
            parent = segment.path.rpartition("/")[0]
            siblings.setdefault((segment.provenance, segment.name, segment.block, parent), []).append(segment)
        else:
            yield [segment]
    yield from siblings.values()


def _last(path: str) -> str:
    return unescape(path.rpartition("/")[2])


def compile_inspector(settings: Bec, base_dir: Path, workshop: Workshop) -> Inspector | None:
    """None when switched off. Raises PolicyError when a pack is wrong."""
    return BecInspector(settings) if settings.enabled else None
