"""S9, profile `time`: RFC 3161 time stamps over checkpoints. Verifiers without that profile are not asked."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Iterator
from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID

from recorder import note
from vectors.generator.bundle import Bundle, sealed
from vectors.generator.case import Case
from vectors.generator.keys import p256
from vectors.generator.log import Log
from vectors.generator.stamps import Authority, authority
from vectors.generator.trust_file import changed

GOOD = "P_TAIL_UNANCHORED"
STAMPED = "a bundle whose end an authority has stamped"
CLOCK = "That the authority's clock was right."


def cases() -> Iterator[Case]:
    log = Log().begin().calls(5)
    tsa = authority()
    text = note.checkpoint_text(log.origin, 9, log.root())
    early = note.checkpoint_text(log.origin, 7, log.root(7))
    good = tsa.stamp(text)
    yield _case(STAMPED, log, "", tsa, good, shows={"anchored_end": 9, "witnesses": [], "skipped": []})
    yield _case(
        "a bundle whose earlier size an authority has stamped",
        log,
        GOOD,
        tsa,
        tsa.stamp(early),
        size=7,
        shows={"anchored_end": 7},
    )
    core = {"skipped": ["anchors/9.tsr: profile time"], "anchored_end": 0}
    yield _case("a stamped bundle in profile core", log, GOOD, tsa, good, more=(), needs=(), shows=core)
    yield _case("a stamp by an authority among two that are trusted", log, "", tsa, good, others=[authority("other")])
    sig, imprint, validity = "E_TSA_SIG", "E_TSA_IMPRINT", "E_TSA_VALIDITY"
    for title, raw in {
        "that is not DER": b"hello",
        "that is empty": b"",
        "with a byte after it": good + b"\x00",
        "with a bit of its signature turned": good[:-3] + bytes([good[-3] ^ 1]) + good[-2:],
        "by another key": tsa.stamp(text, signed_by=p256("stranger")),
        "that was refused": tsa.stamp(text, status="rejection"),
        "without its certificate": tsa.stamp(text, with_certificate=False),
        "by an authority nobody trusts": authority("other").stamp(text),
    }.items():
        yield _case(f"a time stamp {title}", log, sig, tsa, raw)
    yield _case("a time stamp where no authority is trusted", log, sig, None, good)
    for title, raw in {
        "of an earlier size": tsa.stamp(early),
        "of another log": tsa.stamp(text.replace(b"/log", b"/other")),
        "of the whole note": tsa.stamp(log.checkpoint()),
        "with another digest": tsa.stamp(text, imprint=bytes(32)),
    }.items():
        yield _case(f"a time stamp {title}", log, imprint, tsa, raw)
    late = datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC)
    ended = authority("ended", end=late)
    yield _case("a time stamp by a certificate that still was valid", log, "", ended, ended.stamp(text))
    after = ended.stamp(text, at=late + datetime.timedelta(seconds=1))
    yield _case("a time stamp after its certificate's end", log, validity, ended, after)
    before = tsa.stamp(text, at=datetime.datetime(2025, 12, 31, tzinfo=datetime.UTC))
    yield _case("a time stamp from before its certificate", log, validity, tsa, before)
    usages: dict[str, dict[str, Any]] = {
        "for servers": {"usage": (ExtendedKeyUsageOID.SERVER_AUTH,)},
        "for time stamps and servers": {"usage": (ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.SERVER_AUTH)},
        "for anything": {"usage": ()},
        "for time stamps, not critical": {"critical": False},
    }
    for title, fields in usages.items():
        other = authority(f"tsa {title}", **fields)
        yield _case(f"a time stamp by a certificate {title}", log, validity, other, other.stamp(text))


def _case(
    title: str, log: Log, code: str, tsa: Authority | None, raw: bytes, *, size: int = 9, others: Any = (), **told: Any
) -> Case:
    listed = [
        {"name": f"tsa {number}", "certificate": base64.b64encode(one.root).decode()}
        for number, one in enumerate([*([tsa] if tsa else []), *others])
    ]
    trust = changed(log, lambda made: made.update({"tsa": listed} if listed else {}))
    told = {"more": ("--profile=time",), "needs": ("time",), "silent": CLOCK, **told}
    told.setdefault("twin", "" if code in ("", GOOD) else STAMPED)
    bundle = Bundle(log, detached={f"anchors/{size}.tsr": raw})
    return sealed(title, bundle, code, trust=trust, **told)
