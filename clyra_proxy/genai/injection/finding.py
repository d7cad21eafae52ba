"""From a match to what it is worth: the rule at its place, spoken or spoken about.

Rule: whether words are merely mentioned is asked once for each place of a text, however many rules match there.
"""

from __future__ import annotations

from clyra_proxy.genai.injection.assessment import Found
from clyra_proxy.genai.injection.matching import Hit
from clyra_proxy.genai.injection.mention import MENTION, is_forbidden, is_mention, is_named, is_source_code
from clyra_proxy.genai.injection.packs import Category, View
from clyra_proxy.genai.injection.views import Look
from clyra_proxy.genai.model import Provenance


def found_at(look: Look, hit: Hit, provenance: Provenance, *, mention: bool) -> Found:
    """The match with its worth for a text of this provenance."""
    worth = hit.rule.worth(provenance) * (MENTION if mention else 1.0)
    return Found(hit.rule, look.view, worth, look.place(hit.start), look.tricks, look.hidden, mention)


class Mentions:
    """Whether a match is a mention, asked once for each place however many rules match there."""

    def __init__(self, provenance: Provenance) -> None:
        self._provenance = provenance
        self._known: dict[tuple[int, int, int], bool] = {}
        self._code: dict[int, bool] = {}

    def __call__(self, look: Look, hit: Hit) -> bool:
        if look.view in (View.DESPACED, View.HIDDEN):
            return False
        if hit.rule.category is Category.EXTRACTION and is_forbidden(look.content, hit.start):
            return True
        place = id(look), hit.start, hit.end
        if place not in self._known:
            self._known[place] = self._asked(look, hit)
        return self._known[place]

    def _asked(self, look: Look, hit: Hit) -> bool:
        if id(look) not in self._code:
            self._code[id(look)] = is_source_code(look.content)
        if self._code[id(look)] and is_named(look.content, hit.start, hit.end):
            return True
        return is_mention(look.content, hit.start, hit.end, self._provenance)
