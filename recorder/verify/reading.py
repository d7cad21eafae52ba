"""One line of `records.jsonl` as a record: what is wrong with its bytes, its version, its schema, in this order."""

from __future__ import annotations

from typing import Any

from recorder import FORMAT, canonical, record


def read_record(line: bytes) -> tuple[dict[str, Any] | None, str, str]:
    """(record or None, code or "", detail). A record of an unknown type is read, and has the code W_TYPE_UNKNOWN."""
    value = record.read_sound(line)
    if value is not None:
        return value, "", ""
    try:
        found = canonical.check(line)
    except canonical.CanonicalError as error:
        return None, error.code, error.detail
    if not isinstance(found, dict) or found.get("v") != FORMAT:
        code = "I_VERSION" if isinstance(found, dict) and "v" in found else "E_SCHEMA"
        return None, code, "not a def/0 record"
    if found.get("typ") not in record.TYPES:
        if record.is_enveloped(found):
            return found, "W_TYPE_UNKNOWN", ""
        return None, "E_SCHEMA", "the envelope does not satisfy its schema"
    try:
        record.validate(found)
    except record.RecordError as error:
        return None, error.code, error.detail
    return found, "", ""
