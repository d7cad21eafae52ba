"""S8: what is asked of an approval and the record that used it up, one question after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from recorder.approval import Action, Challenge
from vectors.generator.approvals import (
    ASSERTED,
    GOOD,
    PASSKEY,
    TOKEN,
    once,
)
from vectors.generator.case import Case
from vectors.generator.log import Log
from vectors.generator.people import (
    ALICE,
    NOW,
    PROVIDERS,
    by_passkey,
    by_token,
    certificate,
    commitment,
)
from vectors.generator.trust_file import listed, trusting


def cases() -> Iterator[Case]:
    yield from _questions()


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
