"""JSON pointers (RFC 6901) into a parsed document, without surprises: what is not there is MISSING, never an error."""

from __future__ import annotations

from typing import Final

MISSING: Final = object()


def look_up(document: object, pointer: str) -> object:
    """The value at `pointer`, or MISSING."""
    found = document
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(name, MISSING)
        elif isinstance(found, list) and name.isascii() and name.isdigit() and len(name) < 9 and int(name) < len(found):
            found = found[int(name)]
        else:
            return MISSING
    return found


def escape(name: str) -> str:
    """One key as a part of a pointer."""
    return name.replace("~", "~0").replace("/", "~1")
