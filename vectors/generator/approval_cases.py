"""S8: approvals that were used up, and each way in which one is not what its record says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from recorder.approval import Action, Certificate, member_name
from recorder.approval_payload import PayloadDigest
from vectors.generator.approvals import (
    ASSERTED,
    GOOD,
    MEANT,
    PASSKEY,
    PEOPLE,
    TWO,
    WORD,
    case,
    counted,
    members,
    once,
    used,
)
from vectors.generator.bundle import INTACT, Bundle, sealed
from vectors.generator.case import Case
from vectors.generator.key_changes import Changes
from vectors.generator.keys import key
from vectors.generator.log import Log
from vectors.generator.people import (
    ALICE,
    BOB,
    PAYLOAD,
    PROVIDERS,
    by_passkey,
    by_token,
    certificate,
    identifier,
    quorum,
    signed,
)
from vectors.generator.trust_file import trusting


def cases() -> Iterator[Case]:
    yield from _good()
    yield from _missing()
    yield from _reused()
    yield from _quorum()
    yield from _windows()


def _good() -> Iterator[Case]:
    yield once(WORD, certificate(), GOOD, told={"warnings": (ASSERTED,), "shows": counted(1, 1, 1, 1), "twin": INTACT})
    shows = {"shows": counted(1, 1, 1, 0)}
    yield once(PASSKEY, by_passkey(), GOOD, told=shows)
    yield once("an approval by an Ed25519 passkey", by_passkey(person=BOB), GOOD, told=shows)
    for name, provider in PROVIDERS.items():
        yield once(f"an approval by an ID token of {name}", by_token(provider=provider), GOOD, told=shows)
    raw = certificate(payload=PayloadDigest(PAYLOAD.sha256, "raw"))
    yield once("an approval of exact bytes", raw, GOOD, told={"warnings": (ASSERTED, "W_PAYLOAD_RAW"), "twin": WORD})
    both = by_passkey()
    both = replace(both, bindings=(*both.bindings, *certificate().bindings))
    yield once("an approval by a passkey and the operator's word", both, GOOD, told=shows)
    tooled = by_passkey(action=Action("tools/call", "/mcp", "pay", "", "POST", "https://bank.example"))
    yield once("an approval of a tool call at a host", tooled, GOOD, act={"host": "https://bank.example"})
    log = Log().begin()
    one, two = by_passkey("one"), by_passkey("two", BOB)
    used(log, one, signed(one))
    used(log, two, signed(two))
    yield case("two approvals one after the other", log, GOOD, signed(one), signed(two), shows=counted(2, 2, 2, 0))
    unused = Log().begin().calls(1)
    yield case("an approval that nobody used", unused, GOOD, signed(one), shows=counted(1, 0, 0, 0))
    log = Log().begin()
    used(log, one, signed(one))
    log.call(9, appr={"id": one.id, "state": "consumed"})
    yield case("a call that names the approval used up for it", log, GOOD, signed(one))
    log = Log().begin()
    log.call(9, appr={"id": one.id, "state": "requested"})
    yield case("a call that waits for an approval", log, GOOD)
    changes = Changes(Log().begin())
    used(changes.log, one, signed(one))
    changes.change("rotation", key("seal-2"), key("seal"), [key("seal")], role="seal")
    used(changes.log, two, signed(two))
    bundle = Bundle(
        changes.log, covered={**changes.covered, **members(signed(one), signed(two))}, seal_keys=[key("seal-2")]
    )
    trust = trusting(Log().begin(), *PEOPLE)
    yield sealed("an approval given before the seal key was rotated", bundle, GOOD, trust=trust, silent=MEANT)
    log = Log().begin()
    used(log, one, signed(one))
    blind = case("an approval without a trust file", log, "I_TRUST_MISSING", signed(one), twin=PASSKEY)
    files = {"bundle.zip": blind.files["bundle.zip"]}
    skipped = {"skipped": ["approvals", "signatures"], **counted(1, 1, 0, 0)}
    yield replace(blind, files=files, arguments=("verify", "bundle.zip"), shows=skipped)


def _missing() -> Iterator[Case]:
    made = by_passkey()
    given = signed(made)

    def log(**fields: Any) -> Log:
        found = Log().begin()
        used(found, made, given, **fields)
        return found

    yield case(
        "an approval without its certificate", log(), "E_APPROVAL_MISSING", shows=counted(0, 1, 0, 0), twin=PASSKEY
    )
    other = {"appr": {"id": identifier("x"), "cert_sha256": given.digest, "state": "consumed"}}
    yield case(
        "an approval under another id than its certificate's", log(**other), "E_APPROVAL_MISSING", given, twin=PASSKEY
    )
    second = by_passkey("two", BOB)
    found = Log().begin()
    used(found, made, given, signed(second))
    yield case(
        "one of two certificates missing", found, "E_APPROVAL_MISSING", given, twin=PASSKEY, shows=counted(1, 1, 0, 0)
    )
    calls = Log().begin()
    calls.call(9, appr={"id": made.id, "state": "consumed"})
    yield case("a call under an approval that nobody used up", calls, "E_APPROVAL_MISSING", given, twin=PASSKEY)
    late = Log().begin()
    late.call(9, appr={"id": made.id, "state": "consumed"})
    used(late, made, given)
    yield case("a call under an approval that was used up after it", late, "E_APPROVAL_MISSING", given, twin=PASSKEY)
    begun = Log().begin().calls(1)
    begun.call(9, appr={"id": made.id, "state": "consumed"})
    yield case("a call under an approval from before the window", begun, GOOD, given, start=5)
    twice = signed(made, edit=lambda document: document["predicate"]["payload"].update(display_sha256="00" * 32))
    yield case("two certificates of one id", log(), "E_APPROVAL_AMBIGUOUS", given, twice, twin=PASSKEY)
    grouped = by_passkey(quorum=quorum(1))
    others = signed(grouped, edit=lambda document: document["predicate"]["payload"].update(display_sha256="00" * 32))
    same = Log().begin()
    used(same, grouped, signed(grouped))
    yield case("two certificates of one id in one quorum group", same, GOOD, signed(grouped), others)
    apart = signed(grouped, edit=lambda document: document["predicate"]["quorum"].update(group="g2"))
    yield case(
        "two certificates of one id in two groups", same, "E_APPROVAL_AMBIGUOUS", signed(grouped), apart, twin=PASSKEY
    )


def _reused() -> Iterator[Case]:
    made = by_passkey()
    given = signed(made)
    log = Log().begin()
    used(log, made, given)
    used(log, made, given)
    yield case("an approval used up twice", log, "E_APPROVAL_REUSED", given, twin=PASSKEY, shows=counted(1, 2, 1, 0))
    log = Log().begin()
    first, second = by_passkey("one"), by_passkey("two", BOB)
    used(log, first, signed(first), signed(second))
    used(log, second, signed(second))
    yield case(
        "a second certificate used up again alone",
        log,
        "E_APPROVAL_REUSED",
        signed(first),
        signed(second),
        twin=PASSKEY,
    )
    log = Log().begin()
    used(log, made, given, given)
    yield case("one certificate listed twice in one use", log, GOOD, given)


def _quorum() -> Iterator[Case]:
    alice, bob = by_passkey("one", quorum=quorum(2)), by_passkey("two", BOB, quorum=quorum(2))
    log = Log().begin()
    used(log, alice, signed(alice), signed(bob))
    yield case(TWO, log, GOOD, signed(alice), signed(bob), shows=counted(2, 1, 1, 0))

    def short(title: str, first: Certificate, *others: Certificate) -> Case:
        found = Log().begin()
        every = [signed(first), *map(signed, others)]
        used(found, first, *every)
        return case(title, found, "E_APPROVAL_QUORUM", *every, twin=TWO)

    yield short("one approval where two are needed", alice)
    yield short("two approvals by one person where two are needed", alice, by_passkey("three", quorum=quorum(2)))
    yield short("two approvals of two groups", alice, by_passkey("two", BOB, quorum=quorum(2, "g2")))
    yield short(
        "two approvals where two are needed and no group is named",
        *(by_passkey(name, who, quorum=quorum(2, "")) for name, who in (("one", ALICE), ("two", BOB))),
    )
    yield short(
        "two approvals where three are needed",
        *(by_passkey(name, who, quorum=quorum(3)) for name, who in (("one", ALICE), ("two", BOB))),
    )


def _windows() -> Iterator[Case]:
    made = by_passkey()
    log = Log().begin().calls(1)
    used(log, made, signed(made))
    unseen = {"warnings": ("W_APPROVAL_GLOBAL_UNCHECKED",), "twin": PASSKEY}
    yield case("an approval in a window that does not begin with the log", log, GOOD, signed(made), start=5, **unseen)
    twice = Log().begin()
    used(twice, made, signed(made))
    used(twice, made, signed(made))
    yield case("a second use in a window that begins after the first", twice, GOOD, signed(made), start=5, **unseen)
    away = {member_name("ab" * 32): b"hello\n"}
    yield case("a certificate that nobody used and nobody can read", Log().begin(), GOOD, covered=away)
