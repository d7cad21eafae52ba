"""S8: approvals that were used up, and each way in which one is not what its record says."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson

from recorder import dsse, statement
from recorder.approval import Action, Certificate, Challenge, Signed, member_name
from recorder.approval_payload import PayloadDigest
from vectors.generator.bundle import INTACT, Bundle, sealed
from vectors.generator.case import Case
from vectors.generator.key_changes import Changes
from vectors.generator.keys import key
from vectors.generator.log import POLICY, Log
from vectors.generator.people import (
    ALICE,
    BOB,
    NOW,
    PAYLOAD,
    PROVIDERS,
    by_passkey,
    by_token,
    certificate,
    commitment,
    identifier,
    quorum,
    signed,
)
from vectors.generator.trust_file import listed, trusting

GOOD = "P_TAIL_UNANCHORED"
WORD = "an approval by the operator's word"
PASSKEY = "an approval by a passkey"
TOKEN = "an approval by an ID token of ES256"
TWO = "an approval by two people where two are needed"
MEANT = "That the person read what was shown, or was not made to approve it."
ASSERTED = "W_APPROVAL_OPERATOR_ASSERTED"
PEOPLE = (ALICE.entry(), BOB.entry(), *(one.entry() for one in PROVIDERS.values()))


def used(
    log: Log, made: Certificate, given: Signed, *others: Signed, in_data: dict[str, Any] | None = None, **fields: Any
) -> int:
    """The record that uses an approval up, as the certificate asks for it. fields: members that differ."""
    data: dict[str, Any] = {"payload_sha256": made.payload.sha256, **(in_data or {})}
    if others:
        data["certificates"] = [one.digest for one in (given, *others)]
    action = made.action
    act = {"op": action.op, "proto": "http/1.1", "method": "POST", "target": action.target}
    act |= {"tool": action.tool} if action.tool else {}
    agent = {"uid": "agent-7", "auth": "mtls", **({"tenant": action.tenant} if action.tenant else {})}
    facts: dict[str, Any] = {
        "agent": agent | fields.pop("agent", {}),
        "act": act | fields.pop("act", {}),
        "verdict": {
            "decision": "allow",
            "reason": "approved",
            "policy_sha256": POLICY,
            "engine": "clyra/0",
            "mode": "enforce",
            "eval_us": 5,
        },
        "appr": {"id": made.id, "cert_sha256": given.digest, "state": "consumed"},
    }
    return log.source("pef.approval.consume", data, **{**facts, **fields})


def members(*every: Signed) -> dict[str, bytes]:
    return {one.member: one.envelope for one in every}


def case(title: str, log: Log, code: str, *every: Signed, **told: Any) -> Case:
    """A bundle of a whole log with these certificates."""
    told = {"trust": trusting(log, *PEOPLE), "silent": MEANT, **told}
    bundle = Bundle(log, told.pop("start", 0), covered={**members(*every), **told.pop("covered", {})})
    told.setdefault("twin", "" if code == GOOD else WORD)
    return sealed(title, bundle, code, **told)


def once(
    title: str, made: Certificate, code: str, *, edit: Any = None, told: dict[str, Any] | None = None, **fields: Any
) -> Case:
    """One certificate and the record that uses it up. edit: of the statement. fields: of the record."""
    log = Log().begin()
    given = signed(made, edit=edit)
    used(log, made, given, **fields)
    return case(title, log, code, given, **(told or {}))


def counted(certificates: int, consumed: int, valid: int, asserted: int) -> dict[str, Any]:
    names = ("certificates", "consumed", "operator_asserted", "valid")
    return {"approvals": dict(zip(names, (certificates, consumed, asserted, valid), strict=True))}


def cases() -> Iterator[Case]:
    yield from _good()
    yield from _missing()
    yield from _signatures()
    yield from _reused()
    yield from _questions()
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


def _signatures() -> Iterator[Case]:
    made = by_passkey()
    given = signed(made)

    def one(title: str, wrong: Signed, code: str = "E_APPROVAL_SIG", **told: Any) -> Case:
        log = Log().begin()
        used(log, made, wrong)
        return case(title, log, code, wrong, twin=PASSKEY if code[0] == "E" else "", **told)

    yield one("a certificate signed by a stranger", signed(made, key("stranger")))
    yield one("a certificate signed by the log key", signed(made, key("log")))
    yield one("a certificate signed by the seal key and a stranger", signed(made, key("seal"), key("stranger")))
    body = dsse.parse(given.envelope, statement.PAYLOAD_TYPE).payload
    document = orjson.loads(given.envelope)
    document["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    wrong = orjson.dumps(document, option=orjson.OPT_SORT_KEYS) + b"\n"
    yield one("a certificate with a wrong signature", Signed(given.digest, wrong))
    yield one("a certificate that is no envelope", Signed(given.digest, b"hello\n"))
    yield one("a certificate that is empty", Signed(given.digest, b""))
    yield one(
        "a certificate over a MiB", Signed(given.digest, given.envelope[:-1] + b" " * (1 << 20)), "E_ARCHIVE_LIMIT"
    )
    renamed = Signed("ab" * 32, given.envelope)
    yield one("a certificate under another digest", renamed)
    yield one("a certificate with blanks", signed(made, raw=body.replace(b'":', b'": ', 1)))
    yield one("a certificate with a newline", signed(made, raw=body + b"\n"))
    changes: dict[str, Any] = {
        "a further field": lambda document: document["predicate"].update(note="x"),
        "a further field beside it": lambda document: document.update(note="x"),
        "no policy": lambda document: document["predicate"].pop("policy"),
        "no subjects": lambda document: document.update(subject=[]),
        "its subjects exchanged": lambda document: document["subject"].reverse(),
        "a random id": lambda document: document["predicate"].update(id="0b9c6a7e-52a1-4a55-8c1e-3f2b6d1c9a10"),
        "an id in capitals": lambda document: document["predicate"].update(id=made.id.upper()),
        "a perhaps": lambda document: document["predicate"].update(decision="perhaps"),
        "use as often as one likes": lambda document: document["predicate"].update(one_time=False),
        "a time that is text": lambda document: document["predicate"]["challenge"].update(exp=str(NOW)),
        "a nonce of four letters": lambda document: document["predicate"]["challenge"].update(nonce="abcd"),
        "an unknown binding": lambda document: document["predicate"].update(binding=[{"kind": "fax"}]),
        "five bindings": lambda document: document["predicate"].update(binding=[{"kind": "session"}] * 5),
        "an amount with a comma": lambda document: document["predicate"].update(
            amount={"value": "1,5", "currency": "EUR"}
        ),
        "an amount that is a number": lambda document: document["predicate"].update(
            amount={"value": 5, "currency": "EUR"}
        ),
        "another predicate type": lambda document: document.update(
            predicateType="https://clyra.dev/ns/pef/approval/v1"
        ),
    }
    for title, change in changes.items():
        yield one(f"a certificate with {title}", signed(made, edit=change))
    fine = signed(
        made, edit=lambda document: document["predicate"].update(amount={"value": "1200.00", "currency": "EUR"})
    )
    yield one("a certificate with an amount", fine, GOOD)
    spare = trusting(Log().begin(), *PEOPLE, listed(key("seal-2"), "seal", state="compromised"))
    yield one("a certificate by a stolen seal key", signed(made, key("seal-2")), trust=spare)
    ended = trusting(Log().begin(), *PEOPLE, listed(key("seal-2"), "seal", valid_until_size=1))
    yield one("a certificate by a seal key that has ended", signed(made, key("seal-2")), GOOD, trust=ended)
    both = signed(made, key("seal-2"), key("seal"))
    yield one("a certificate by a stolen and a good seal key", both, GOOD, trust=spare)


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


def _questions() -> Iterator[Case]:
    """One question after the other, each with the first answer that is wrong."""
    made = certificate()
    stranger = replace(by_passkey(), bindings=({**by_passkey().bindings[0], "key": "ab" * 32},))
    yield once("an approval by a passkey nobody knows", stranger, "E_APPROVAL_APPROVER", told={"twin": PASSKEY})
    for title, entry in (
        ("of another person", ALICE.entry(sub_c=commitment("bob"))),
        ("of nobody", ALICE.entry(sub_c=None)),
        ("without a site", ALICE.entry(rp_id=None)),
        ("of another issuer", ALICE.entry(iss="https://other.example")),
        ("that is an auditor's", {**listed(ALICE.key, "auditor")}),
        ("that ended before", ALICE.entry(valid_until_size=3)),
        ("that began later", ALICE.entry(valid_from_size=5)),
        ("that was stolen", ALICE.entry(state="compromised")),
    ):
        told = {"trust": trusting(Log().begin(), entry), "twin": PASSKEY}
        yield once(f"an approval by a passkey {title}", by_passkey(), "E_APPROVAL_APPROVER", told=told)
    told = {"trust": trusting(Log().begin(), ALICE.entry(iss=None))}
    yield once("an approval by a passkey whose issuer nobody wrote down", by_passkey(), GOOD, told=told)
    for title, entry in (
        ("of another provider", PROVIDERS["ES256"].entry(iss="https://other.example")),
        ("of no provider", PROVIDERS["ES256"].entry(iss=None)),
        ("of another person only", PROVIDERS["ES256"].entry(sub_c=commitment("bob"))),
    ):
        told = {"trust": trusting(Log().begin(), entry), "twin": TOKEN}
        yield once(f"an approval by a token key {title}", by_token(), "E_APPROVAL_APPROVER", told=told)
    same = certificate(requester_commitment=commitment("alice"))
    yield once("an approval by who asked for it", same, "E_APPROVAL_SOD")
    denied = lambda document: document["predicate"]["sod"].update(distinct=False)  # noqa: E731
    yield once("an approval that does not claim two persons", made, "E_APPROVAL_SOD", edit=denied)
    yield once("an approval of another payload", made, "E_APPROVAL_PAYLOAD", in_data={"payload_sha256": "ab" * 32})
    subject = lambda document: document["subject"][0]["digest"].update(sha256="ab" * 32)  # noqa: E731
    yield once("an approval with another payload as its subject", made, "E_APPROVAL_PAYLOAD", edit=subject)
    for title, fields in (
        ("operation", {"act": {"op": "delete"}}),
        ("target", {"act": {"target": "/v1/payments/7"}}),
        ("tool", {"act": {"tool": "pay"}}),
        ("tenant", {"agent": {"tenant": "other"}}),
    ):
        yield once(f"an approval of another {title}", made, "E_APPROVAL_ACTION", **fields)
    wide = certificate(action=Action("update", "/v1/payments", tenant="acme", method="PUT"))
    yield once("an approval of another method", wide, "E_APPROVAL_ACTION")
    hosted = certificate(action=Action("update", "/v1/payments", tenant="acme", host="https://bank.example"))
    yield once("an approval for a host, used without one", hosted, "E_APPROVAL_ACTION")
    nobody = certificate(action=Action("update", "/v1/payments"))
    yield once("an approval without a tenant, used for one", nobody, "E_APPROVAL_ACTION", agent={"tenant": "acme"})
    subject = lambda document: document["subject"][1]["digest"].update(sha256="ab" * 32)  # noqa: E731
    yield once("an approval with another action as its subject", made, "E_APPROVAL_ACTION", edit=subject)
    nonce = made.challenge.nonce
    for title, start, end, code in (
        ("before it was asked for", NOW + 1, NOW + 600, "E_APPROVAL_NOT_YET"),
        ("after its time", NOW - 60, NOW - 1, "E_APPROVAL_EXPIRED"),
        ("a moment after its time", NOW - 60, NOW, "E_APPROVAL_EXPIRED"),
        ("in a time that runs backwards", NOW + 9, NOW - 9, "E_APPROVAL_NOT_YET"),
    ):
        late = certificate(challenge=Challenge(nonce, start, end, "clyra-approvals"))
        yield once(f"an approval used {title}", late, code)
    last = certificate(challenge=Challenge(nonce, NOW, NOW + 1, "clyra-approvals"))
    yield once("an approval used in its only second", last, GOOD, told={"warnings": (ASSERTED,)})
    yield once("an approval under another policy", certificate(policy_sha256="ab" * 32), "E_APPROVAL_POLICY")
    yield once("a refusal used as an approval", certificate(decision="deny"), "E_APPROVAL_POLICY")
    lone = certificate(approver=replace(made.approver, methods=("pwd",)))
    yield once("a second factor that the operator's own words do not name", lone, "E_APPROVAL_MFA")
    hard = certificate(approver=replace(made.approver, phishing_resistant=True))
    yield once("phishing resistance by the operator's word", hard, "E_APPROVAL_MFA")
    bare = certificate(bindings=())
    yield once("an approval that nothing ties to a person", bare, "E_APPROVAL_BINDING")
    plain = certificate(approver=replace(made.approver, methods=("pwd",), multi_factor=False))
    yield once("an approval without a second factor that claims none", plain, GOOD, told={"warnings": (ASSERTED,)})


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
