"""Whether what was disclosed is what a record committed to.

Rule. A disclosure stands beside the evidence and is only ever compared with it: a body with its HMAC commitment, a
field with its digest among `sd` (RFC 9901). A line of another form, or about a record that is not there, shows nothing.
Everything here is pure.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from recorder import strict_json
from recorder.approval_check import Finding

FORMAT: Final = "def-disclosure/0"
FOLDER: Final = "disclosures/"
SUFFIX: Final = ".jsonl"
MAX_LINE: Final = 16 << 20
FIELDS: Final = ("req", "res", "target")
_SALT = re.compile(r"[0-9a-f]{64}")
_DISCLOSURE = re.compile(r"[A-Za-z0-9_-]+")
_BODY_MEMBERS = {"v", "kind", "field", "salt", "value"}
_FIELD_MEMBERS = {"v", "kind", "disclosure"}


def member_name(seq: int) -> str:
    """Where the disclosures about one record are in a bundle."""
    return f"{FOLDER}{seq}{SUFFIX}"


def check_disclosures(seq: int, facts: Mapping[str, Any] | None, raw: bytes) -> tuple[list[Finding], int]:
    """Compare one `disclosures/` member with its record.

    facts: the record's `io`, `sd` and `target_c` where it has them; None when the record is not in the window or could
    not be read. Returns the findings, one for each bad line, and the number of good lines.
    """
    member = member_name(seq)
    if facts is None:
        return [Finding("E_DISCLOSURE_DIGEST", seq, member, "there is no such record to compare with")], 0
    lines = raw.split(b"\n")
    complete = lines.pop() == b""
    findings = []
    good = 0
    for line in lines:
        wrong = _judge(line, facts)
        if wrong is None:
            good += 1
        else:
            findings.append(Finding(wrong[0], seq, member, wrong[1]))
    if not complete:
        findings.append(Finding("E_DISCLOSURE_DIGEST", seq, member, "the last line has no end"))
    return findings, good


def commitment_of(facts: Mapping[str, Any], field: str) -> str:
    """The commitment a record has for `req`, `res` or `target`, "" when it has none."""
    found = facts.get("target_c") if field == "target" else facts.get("io", {}).get(field, {}).get("c")
    return found if isinstance(found, str) else ""  # `data` of a type nobody knows may hold anything


def facts_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """What of a record a disclosure may be compared with."""
    facts = {name: record[name] for name in ("io", "sd") if name in record}
    if "target_c" in record["data"]:
        facts["target_c"] = record["data"]["target_c"]
    return facts


def sd_digest(disclosure: str) -> str:
    """The digest of an RFC 9901 disclosure, as it stands in `sd`."""
    return base64.urlsafe_b64encode(sha256(disclosure.encode("ascii")).digest()).rstrip(b"=").decode()


def _judge(line: bytes, facts: Mapping[str, Any]) -> tuple[str, str] | None:
    """(code, why) for a line that shows nothing; None for a good one."""
    document = _document(line)
    if document is None:
        return "E_DISCLOSURE_DIGEST", "it is not a disclosure"
    if document["kind"] == "sd":
        good = sd_digest(document["disclosure"]) in facts.get("sd", ())
        return None if good else ("E_DISCLOSURE_DIGEST", "the record has no such digest")
    value = _bytes_of(document["value"])
    if value is None:
        return "E_DISCLOSURE_DIGEST", "its value is not base64"
    wanted = commitment_of(facts, document["field"])
    got = hmac.digest(bytes.fromhex(document["salt"]), value, "sha256").hex()
    return None if got == wanted else ("E_COMMITMENT", f"the record committed to another {document['field']}")


def _document(line: bytes) -> dict[str, Any] | None:
    if len(line) > MAX_LINE:
        return None
    try:
        document = strict_json.read(line)
    except strict_json.StrictJsonError:
        return None
    if not isinstance(document, dict) or document.get("v") != FORMAT:
        return None
    if document.get("kind") == "sd":
        text = document.get("disclosure")
        sound = set(document) == _FIELD_MEMBERS and isinstance(text, str) and _DISCLOSURE.fullmatch(text) is not None
        return document if sound else None
    sound = document.get("kind") == "body" and set(document) == _BODY_MEMBERS and document["field"] in FIELDS
    if not sound or not isinstance(document["salt"], str) or not isinstance(document["value"], str):
        return None
    return document if _SALT.fullmatch(document["salt"]) is not None else None


def _bytes_of(text: str) -> bytes | None:
    """Canonical base64, or None."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None
