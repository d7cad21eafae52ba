"""Asking a validator, and turning its first objection into places: never into values.

A JSON pointer into a body holds property names. A name that the schema spells out is public; any other is the sender's
data (a map keyed by e-mail address, say) and is written `*`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from clyra_proxy.json_pointer import escape, pointer_of
from clyra_proxy.schemalock.traits import BASE

_EXPLAINED = 3
"""Levels of a value that are explained where alternatives of a schema come back to themselves."""


@dataclass(frozen=True, slots=True)
class Objection:
    """Where a document breaks its schema.

    path: instance steps. schema_pointer: RFC 6901 pointer of the keyword in the schema document. keyword: its name.
    """

    path: tuple[str | int, ...]
    schema_pointer: str
    keyword: str


def first_objection(
    validator: jsonschema_rs.Validator, value: Any, place: str = "", *, branching: bool = False
) -> Objection:
    """The first place where `value` is refused. place: pointer of the judging schema in its document.

    branching: of the schema (`traits.branches_back`). The library explains a refused alternative by all that each
    branch had to say, which doubles with every level of such a schema; a deep value is then refused as a whole.
    Raises ValueError when nothing is refused: the caller has just been told otherwise.
    """
    if branching and _is_deeper(value, _EXPLAINED):
        return Objection((), place or "/", "schema")
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        return Objection(tuple(error.instance_path), _schema_pointer(error, place), error.kind.name)
    raise ValueError("the validator contradicts itself")


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects stand in one another on more than `levels` levels."""
    level = [value]
    for _ in range(levels + 1):
        level = [one for one in level if isinstance(one, dict | list)]
        if not level:
            return False
        level = [below for one in level for below in (one.values() if isinstance(one, dict) else one)]
    return True


def pointer(steps: tuple[str | int, ...], public: frozenset[str]) -> str:
    """RFC 6901 pointer of instance steps, with every name that is not `public` written `*`."""
    return "".join(
        f"/{step}" if isinstance(step, int) else f"/{escape(step)}" if step in public else "/*" for step in steps
    )


def _schema_pointer(error: jsonschema_rs.ValidationError, place: str) -> str:
    location = error.absolute_keyword_location
    if location is not None and location.startswith(BASE):
        return unquote(location[len(BASE) :].removeprefix("#")) or "/"
    return place + pointer_of(error.schema_path) or "/"
