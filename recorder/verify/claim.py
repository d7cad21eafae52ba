"""Stages S1 and S2 as far as they need no other member: the trust file, and what the statement claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from recorder import dsse, statement, strict_json
from recorder import trust as trust_file
from recorder.verify.members import Members
from recorder.verify.options import PROFILES, Options
from recorder.verify.report import Report


@dataclass(frozen=True, slots=True)
class Claim:
    """A well-formed statement, whoever signed it. digests: of its subjects by name, hex."""

    envelope: dsse.Envelope
    predicate: dict[str, Any]
    digests: dict[str, str]


def read_trust(report: Report, options: Options) -> trust_file.Trust | None:
    """The trust file, or None after saying why it cannot be used."""
    found = None
    try:
        if options.trust is None:
            report.fail("I_TRUST_MISSING")
        else:
            found = _succeeding(report, trust_file.load(options.trust), options)
    except trust_file.TrustError as error:
        report.fail(error.code, "trust file", error.detail)
    if found is None:
        report.skipped.add("signatures")
    return found


def _succeeding(report: Report, found: trust_file.Trust, options: Options) -> trust_file.Trust | None:
    """The trust file, held against the one before it. Raises TrustError."""
    if options.trust_from is not None:
        try:
            old = trust_file.load(options.trust_from)
        except trust_file.TrustError as error:
            report.fail(error.code, "old trust file", error.detail)
            return None
        trust_file.check_succession(found, old.authority)
    seen = options.memory.of(found.origin)
    if seen is not None and seen.trusted is not None:
        trust_file.check_succession(found, seen.trusted)
    return found


def read_claim(report: Report, members: Members, trust: trust_file.Trust | None) -> Claim | None:
    """The statement, if it is one that can be gone by; its signatures are not judged here."""
    raw = members.required(statement.STATEMENT, dsse.MAX_BYTES)
    if raw is None:
        return None
    try:
        envelope = dsse.parse(raw, statement.PAYLOAD_TYPE)
    except dsse.DsseError as error:
        report.fail(error.code, statement.STATEMENT, error.detail)
        return None
    report.bundle = statement.bundle_digest(envelope.payload)
    document = _document(report, envelope.payload)
    if document is None:
        return None
    predicate = document["predicate"]
    report.origin, report.start, report.end = (predicate[key] for key in ("origin", "start", "end"))
    if any(name not in PROFILES for name in predicate["profile"]):
        report.fail("I_PROFILE", statement.STATEMENT, "a profile this verifier does not have")
    if trust is not None and trust.origin == report.origin:
        expires = trust.expires_size
        if expires is not None and report.end > expires:
            report.fail("E_TRUST_EXPIRED", "trust file", f"it ends at size {expires}")
    return Claim(envelope, predicate, {item["name"]: item["digest"]["sha256"] for item in document["subject"]})


def _document(report: Report, payload: bytes) -> dict[str, Any] | None:
    """The statement, if it has the one form our format allows."""
    try:
        document = strict_json.read(payload)
    except strict_json.StrictJsonError as error:
        report.fail("E_STMT_TYPE", statement.STATEMENT, error.detail)
        return None
    if not isinstance(document, dict) or document.get("_type") != statement.STATEMENT_TYPE:
        report.fail("E_STMT_TYPE", statement.STATEMENT)
        return None
    if document.get("predicateType") != statement.PREDICATE_TYPE:
        report.fail("I_VERSION", statement.STATEMENT, "another predicate type")
        return None
    why = statement.contradiction(document)
    if why:
        report.fail("E_STMT_PREDICATE", statement.STATEMENT, why)
        return None
    return document
