"""Bodies of HTML forms (application/x-www-form-urlencoded), as some APIs take them.

Guarantees: linear; a field that stands several times is a list, so that no value of it is lost.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from clyra_proxy.activation.profiles.json_body import parse
from clyra_proxy.activation.profiles.reasons import Unreadable, unreadable

MOST_FIELDS = 10_000


def parse_form(body: bytes) -> dict[str, Any]:
    """Field -> text, or list of texts. Raises UnreadableError (`not_form`, `encoding`)."""
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except UnicodeDecodeError:
        raise unreadable(Unreadable.ENCODING) from None
    except ValueError:
        raise unreadable(Unreadable.NOT_FORM) from None
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    return fields


def parse_embedded(body: bytes, name: str) -> Any:
    """The document in a form: the JSON of field `name`, alone or as that member of the fields."""
    fields = parse_form(body)
    if name and isinstance(text := fields.get(name), str):
        value = parse(text.encode("utf-8"))
        if len(fields) == 1 and isinstance(value, dict):
            return value
        return {**fields, name: value}
    return fields
