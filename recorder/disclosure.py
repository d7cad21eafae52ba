"""Making disclosures: what a holder of a salt can show of one record, later, to one reader.

A body: its bytes and the salt of its commitment. A field (RFC 9901): the text base64url(JSON [salt, name, value]),
whose digest the record holds among decoys, so that neither the value nor the number of fields can be guessed. Salts
come from the caller, who derives them from a key per data subject: without that key nothing can be disclosed any more.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from recorder import strict_json
from recorder.disclosure_check import FORMAT, MAX_LINE, commitment_of, facts_of, sd_digest
from recorder.errors import RecorderError

FIELD_SALT_BYTES: Final = 16
SD_PREFIX: Final = "sd:"
"""What the name of a field is put after when its salt is derived, so that it never is the salt of a body."""

type SaltOf = Callable[[str], bytes]
"""The 32-byte salt of one field of one exchange or approval, by name: `req`, `res`, `target`, or `sd:` and a name."""


class DisclosureError(RecorderError):
    """Something cannot be disclosed: the record, the key or the value is not the right one."""


@dataclass(frozen=True, slots=True)
class Fields:
    """digests: for `sd` of the record, sorted, with decoys. disclosures: field name -> text to show later."""

    digests: tuple[str, ...]
    disclosures: Mapping[str, str]


def commit_fields(values: Mapping[str, Any], salt_of: SaltOf, *, at_least: int = 8) -> Fields:
    """Digests of some fields, filled up with decoys to `at_least` of them."""
    shown = {name: field_disclosure(name, value, salt_of) for name, value in values.items()}
    digests = [sd_digest(text) for text in shown.values()]
    while len(digests) < at_least:
        digests.append(_base64url(secrets.token_bytes(32)))
    return Fields(tuple(sorted(digests)), shown)


def field_disclosure(name: str, value: Any, salt_of: SaltOf) -> str:
    """The disclosure of one field; the same again for the same salt, name and value."""
    salt = _base64url(salt_of(f"{SD_PREFIX}{name}")[:FIELD_SALT_BYTES])
    return _base64url(json.dumps([salt, name, value], ensure_ascii=False, separators=(",", ":")).encode())


def body_line(record: Mapping[str, Any], field: str, value: bytes, salt: bytes) -> bytes:
    """The line that discloses a body. Raises DisclosureError unless the record committed to it."""
    wanted = commitment_of(facts_of(record), field)
    if not wanted:
        raise DisclosureError(f"Record {record['seq']} has no commitment to '{field}'.", "", "Choose another --field.")
    if not hmac.compare_digest(hmac.digest(salt, value, "sha256").hex(), wanted):
        raise DisclosureError(
            f"This is not what record {record['seq']} committed to as '{field}'.",
            "Its commitment has another value.",
            "Give the exact bytes that passed the proxy.",
        )
    document = {"field": field, "kind": "body", "salt": salt.hex(), "v": FORMAT}
    line = strict_json.write({**document, "value": base64.b64encode(value).decode()})
    if len(line) > MAX_LINE:
        raise DisclosureError("The body is too long to be disclosed.", f"A disclosure has at most {MAX_LINE} bytes.")
    return line


def field_line(record: Mapping[str, Any], disclosure: str, name: str) -> bytes:
    """The line that discloses a field. Raises DisclosureError unless the record has its digest."""
    if sd_digest(disclosure) not in record.get("sd", ()):
        raise DisclosureError(
            f"Record {record['seq']} did not commit to this value of '{name}'.",
            "No digest in its 'sd' fits.",
            "Check the name, the value and the record.",
        )
    return strict_json.write({"disclosure": disclosure, "kind": "sd", "v": FORMAT})


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
