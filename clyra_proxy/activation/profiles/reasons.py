"""Why a write cannot be read: the closed list of words that `UnreadableError` carries here."""

from __future__ import annotations

from enum import StrEnum

from clyra_proxy.activation.profile import UnreadableError


class Unreadable(StrEnum):
    """Words for coverage and findings; each says what kind of thing is wrong and nothing of what was sent."""

    NOT_JSON = "not_json"
    NOT_CSV = "not_csv"
    NOT_FORM = "not_form"
    DUPLICATE_KEY = "duplicate_key"  # two parsers would see two rows
    TOO_DEEP = "too_deep"
    ENCODING = "encoding"  # not UTF-8, or half of a surrogate pair
    NO_ROWS = "no_rows"  # the place where rows should be is empty or absent
    WRONG_TYPE = "wrong_type"  # a row, an id or a list is another kind of value
    RAGGED = "ragged"  # a CSV row has more or fewer cells than the header
    MEDIA_TYPE = "media_type"  # a kind of body that the API is not known to take there
    OPERATION = "operation"  # what is asked for is not known
    OPAQUE = "opaque"  # not data but a program


def unreadable(reason: Unreadable) -> UnreadableError:
    """The error with that word."""
    return UnreadableError(reason.value)
