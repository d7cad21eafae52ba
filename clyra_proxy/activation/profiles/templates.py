"""Filling the templates of answers: JSON values with `{facts}` in their texts.

A text that is one fact alone becomes that fact's JSON value (`"{index}"` -> `3`); otherwise facts are put in as text.
`{row/a/b}` is a place in the refused row as it was sent, `{request/id}` one in the request. A member or element whose
fact is not there is left out, so that nothing is made up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from clyra_proxy.activation.profiles.json_body import MISSING, look, text_of, tokens_of

_FACT = re.compile(r"\{([a-z_]+)((?:/[^{}]*)?)\}")

type Facts = Mapping[str, Any]


def fill(template: Any, facts: Facts) -> Any:
    """The template with its facts; MISSING when it is one fact that is not there."""
    if isinstance(template, str):
        return _text(template, facts)
    if isinstance(template, list):
        made_all = [made for each in template if (made := fill(each, facts)) is not MISSING]
        return made_all if made_all or not template else MISSING
    if isinstance(template, dict):
        return {name: made for name, each in template.items() if (made := fill(each, facts)) is not MISSING}
    return template


def _text(template: str, facts: Facts) -> Any:
    whole = _FACT.fullmatch(template)
    if whole is not None:
        return _fact(whole, facts)
    return _FACT.sub(lambda found: text_of(_fact(found, facts)), template)


def _fact(found: re.Match[str], facts: Facts) -> Any:
    value = facts.get(found[1], MISSING)
    return look(value, tokens_of(found[2])) if found[2] else value
