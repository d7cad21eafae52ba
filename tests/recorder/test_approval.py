"""Approvals: every refusal has its own code and an accepting twin; proofs agree with independent implementations."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey
from webauthn import verify_authentication_response
from webauthn.helpers import encode_cbor

from recorder import approval, ed25519, public_key, strict_json
from recorder.approval import Action, ApprovalError, Approver, Certificate, Quorum, Signed, new_id, parse, sign
from recorder.approval_binding import challenge_of, oidc_binding, session_binding, webauthn_binding
from recorder.approval_check import Finding, check_approvals
from recorder.approval_payload import canonical_payload, digest_payload
from recorder.keys import LocalKey
from recorder.record import timestamp
from recorder.trust import TrustedKey
from recorder.web_encoding import decode_base64url, to_base64url
from tests.support.approvals import (
    ORIGIN,
    PAYLOAD,
    RP_ID,
    SALT,
    USER_PRESENT,
    USER_VERIFIED,
    Authenticator,
    Provider,
    approver,
    by_passkey,
    by_token,
    certificate,
    consume_event,
)

NOW = 1_800_000_000
SEAL = LocalKey.of(Ed25519PrivateKey.generate())
SEAL_KEY = TrustedKey(SEAL.key_id, public_key.ED25519, SEAL.public, "seal", 0)
ALICE, BOB = Authenticator("alice"), Authenticator("bob", Ed25519PrivateKey.generate())
LOGIN = {name: Provider(name) for name in ("RS256", "ES256", "EdDSA")}
KEYS = (SEAL_KEY, ALICE.key, BOB.key, *(provider.key for provider in LOGIN.values()))


@dataclass(frozen=True)
class Story:
    """Certificates in the bundle, the events that use them up, when (seconds), under which keys."""

    members: Sequence[Signed]
    events: Sequence[dict[str, Any]]
    at: int = NOW
    keys: Sequence[TrustedKey] | None = KEYS
    start: int = 0

    def judge(self) -> tuple[list[Finding], dict[str, int]]:
        files = {one.member: one.envelope for one in self.members}
        records = [
            {"seq": self.start + 5 + n, "ts": timestamp(self.at * 1_000_000), **event}
            for n, event in enumerate(self.events)
        ]
        return check_approvals(records, sorted(files), files.get, self.keys, self.start)

    def codes(self) -> list[str]:
        return [one.code for one in self.judge()[0] if one.code.startswith("E_")]


def story(made: Certificate, **options: Any) -> Story:
    signed = sign(made, SEAL)
    return Story([signed], [consume_event(signed, made)], **options)


GOOD = by_passkey(NOW, ALICE)
GOOD_STORY = story(GOOD)


def changed(made: Certificate, change: Callable[[dict[str, Any]], object]) -> Signed:
    """A certificate whose predicate was changed before it was signed, as an insider could."""
    predicate = json.loads(json.dumps(made.predicate()))
    change(predicate)
    payload = approval.make_payload(predicate)
    return Signed(sha256(payload).hexdigest(), approval.dsse.sign(payload, approval.statement.PAYLOAD_TYPE, [SEAL]))


def with_subject(made: Certificate, at: int) -> Signed:
    """A certificate one of whose subjects names another digest than its predicate."""
    document = strict_json.read(parse(sign(made, SEAL).envelope).envelope.payload)
    document["subject"][at]["digest"]["sha256"] = "0" * 64
    payload = strict_json.write(document)
    return Signed(sha256(payload).hexdigest(), approval.dsse.sign(payload, approval.statement.PAYLOAD_TYPE, [SEAL]))


def _used(signed: Signed, made: Certificate, **options: Any) -> Story:
    return Story([signed], [consume_event(signed, made)], **options)


def _edited(event: dict[str, Any], *path: str, value: Any) -> dict[str, Any]:
    again: dict[str, Any] = json.loads(json.dumps(event))
    inner = again
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return again


def _event_changed(*path: str, value: Any, made: Certificate = GOOD) -> Story:
    base = story(made)
    return replace(base, events=[_edited(base.events[0], *path, value=value)])


def _forged_by(key: LocalKey) -> Story:
    signed = sign(GOOD, key)
    return Story([signed], [consume_event(signed, GOOD)])


def _pair(group: str = "g1", people: tuple[Authenticator, ...] = (ALICE, BOB), need: int = 2) -> Story:
    quorum = Quorum(need, 3, "finance", group)
    made = [by_passkey(NOW, person, quorum=quorum) for person in people]
    signed = [sign(one, SEAL) for one in made]
    return Story(signed, [consume_event(signed[0], made[0], *signed[1:])])


def _token(made: Certificate | None = None, provider: Provider = LOGIN["RS256"], **claims: Any) -> Certificate:
    """A certificate by ID token with other claims."""
    base = made or certificate(NOW)
    return replace(base, bindings=(provider.binding("alice", base.challenge, base.payload, **claims),))


def _passkey(**options: Any) -> Certificate:
    base = by_passkey(NOW, ALICE)
    return replace(base, bindings=(ALICE.binding(base.challenge.nonce, base.payload, **options),))


def _rebound(made: Certificate, **fields: str) -> Certificate:
    return replace(made, bindings=({**made.bindings[0], **fields},))


def _twice() -> Story:
    return replace(GOOD_STORY, events=[GOOD_STORY.events[0]] * 2)


def _ambiguous(group: str) -> Story:
    quorum = Quorum(1, 2, "", group)
    made = replace(by_passkey(NOW, ALICE), quorum=quorum)
    other = replace(by_passkey(NOW, BOB), id=made.id, quorum=quorum)
    return Story([sign(made, SEAL), sign(other, SEAL)], story(made).events)


def _key_out_of_force(key: TrustedKey, **change: Any) -> Story:
    return replace(GOOD_STORY, keys=[replace(one, **change) if one.key_id == key.key_id else one for one in KEYS])


def _by_password(*, mfa: bool) -> Approver:
    return approver("alice", hardware=False, mfa=mfa, methods=("pwd",))


PASSKEY_DATA = decode_base64url(GOOD.bindings[0]["authenticator_data"])
TOKEN = by_token(NOW, LOGIN["RS256"])
TOKEN_PARTS = TOKEN.bindings[0]["id_token"].split(".")

REFUSED: list[tuple[str, str, Callable[[], Story], Callable[[], Story]]] = [
    ("MISSING", "no member", lambda: replace(GOOD_STORY, members=[]), lambda: GOOD_STORY),
    ("MISSING", "another id", lambda: _event_changed("appr", "id", value=new_id()), lambda: GOOD_STORY),
    ("AMBIGUOUS", "one id, two certificates", lambda: _ambiguous(""), lambda: _ambiguous("g1")),
    ("SIG", "another key", lambda: _forged_by(LocalKey.of(Ed25519PrivateKey.generate())), lambda: _forged_by(SEAL)),
    (
        "SIG",
        "compromised seal key",
        lambda: _key_out_of_force(SEAL_KEY, compromised_from=5),
        lambda: _key_out_of_force(SEAL_KEY, compromised_from=6),
    ),
    (
        "SIG",
        "named after another",
        lambda: _used(Signed("a" * 64, sign(GOOD, SEAL).envelope), GOOD),
        lambda: _used(sign(GOOD, SEAL), GOOD),
    ),
    ("SIG", "not a certificate", lambda: _used(Signed("a" * 64, b"{}\n"), GOOD), lambda: GOOD_STORY),
    ("REUSED", "consumed twice", _twice, lambda: GOOD_STORY),
    (
        "APPROVER",
        "unknown key",
        lambda: replace(GOOD_STORY, keys=[SEAL_KEY, BOB.key]),
        lambda: replace(GOOD_STORY, keys=[SEAL_KEY, ALICE.key]),
    ),
    (
        "APPROVER",
        "key of another person",
        lambda: story(replace(by_passkey(NOW, ALICE), approver=approver("bob", hardware=True))),
        lambda: GOOD_STORY,
    ),
    (
        "APPROVER",
        "key of another role",
        lambda: _key_out_of_force(ALICE.key, role="auditor"),
        lambda: _key_out_of_force(ALICE.key, role="approver_idp"),
    ),
    (
        "APPROVER",
        "retired key",
        lambda: _key_out_of_force(ALICE.key, until=4),
        lambda: _key_out_of_force(ALICE.key, until=5),
    ),
    (
        "APPROVER",
        "authenticator that names nobody",
        lambda: _key_out_of_force(ALICE.key, sub_c=""),
        lambda: _key_out_of_force(ALICE.key, iss=""),
    ),
    (
        "APPROVER",
        "another provider",
        lambda: story(TOKEN, keys=[SEAL_KEY, replace(LOGIN["RS256"].key, iss="https://evil.example")]),
        lambda: story(TOKEN),
    ),
    (
        "SOD",
        "own request",
        lambda: story(by_passkey(NOW, ALICE, requester_commitment=GOOD.approver.subject_commitment)),
        lambda: GOOD_STORY,
    ),
    (
        "SOD",
        "said not to be distinct",
        lambda: _used(changed(GOOD, lambda it: it["sod"].update(distinct=False)), GOOD),
        lambda: _used(changed(GOOD, lambda it: it["sod"].update(distinct=True)), GOOD),
    ),
    (
        "PAYLOAD",
        "another payload used",
        lambda: _event_changed("data", "payload_sha256", value="0" * 64),
        lambda: GOOD_STORY,
    ),
    ("PAYLOAD", "another subject", lambda: _used(with_subject(GOOD, 0), GOOD), lambda: GOOD_STORY),
    ("ACTION", "another op", lambda: _event_changed("act", "op", value="http.delete"), lambda: GOOD_STORY),
    ("ACTION", "another target", lambda: _event_changed("act", "target", value="/v2"), lambda: GOOD_STORY),
    ("ACTION", "another tenant", lambda: _event_changed("agent", "tenant", value="other"), lambda: GOOD_STORY),
    ("ACTION", "a tool besides", lambda: _event_changed("act", "tool", value="pay"), lambda: GOOD_STORY),
    (
        "ACTION",
        "another method",
        lambda: story(by_passkey(NOW, ALICE, action=Action("http.request", "/v1/payments", method="DELETE"))),
        lambda: story(by_passkey(NOW, ALICE, action=Action("http.request", "/v1/payments", method="POST"))),
    ),
    (
        "ACTION",
        "a host that was not used",
        lambda: story(by_passkey(NOW, ALICE, action=Action("http.request", "/", host="https://bank.example:443"))),
        lambda: story(by_passkey(NOW, ALICE, action=Action("http.request", "/"))),
    ),
    ("ACTION", "another subject", lambda: _used(with_subject(GOOD, 1), GOOD), lambda: GOOD_STORY),
    ("NOT_YET", "too early", lambda: replace(GOOD_STORY, at=NOW - 31), lambda: replace(GOOD_STORY, at=NOW - 30)),
    ("EXPIRED", "too late", lambda: replace(GOOD_STORY, at=NOW + 601), lambda: replace(GOOD_STORY, at=NOW + 600)),
    (
        "POLICY",
        "another policy",
        lambda: _event_changed("verdict", "policy_sha256", value="d" * 64),
        lambda: GOOD_STORY,
    ),
    ("POLICY", "a refusal", lambda: story(by_passkey(NOW, ALICE, decision="deny")), lambda: GOOD_STORY),
    (
        "NONCE",
        "assertion for another payload",
        lambda: story(replace(GOOD, payload=digest_payload(b"{}"))),
        lambda: GOOD_STORY,
    ),
    ("NONCE", "token of another request", lambda: story(_token(nonce="x" * 43)), lambda: story(_token())),
    ("BINDING", "none", lambda: story(replace(GOOD, bindings=())), lambda: GOOD_STORY),
    ("BINDING", "registration", lambda: story(_passkey(client={"type": "webauthn.create"})), lambda: story(_passkey())),
    (
        "BINDING",
        "another site",
        lambda: story(_passkey(client={"origin": "https://approve.example.evil.test"})),
        lambda: story(_passkey(client={"origin": "https://sub.approve.example:8443"})),
    ),
    (
        "BINDING",
        "inside a foreign page",
        lambda: story(_passkey(client={"crossOrigin": True})),
        lambda: story(_passkey(client={"topOrigin": ORIGIN})),
    ),
    ("BINDING", "another party", lambda: story(_passkey(rp_id="evil.test")), lambda: story(_passkey())),
    ("BINDING", "nobody present", lambda: story(_passkey(flags=USER_VERIFIED)), lambda: story(_passkey())),
    (
        "BINDING",
        "stray bytes",
        lambda: story(_passkey(extra=b"\x00")),
        lambda: story(_passkey(extra=b"\xa0", flags=USER_PRESENT | USER_VERIFIED | 0x80)),
    ),
    (
        "BINDING",
        "signature over another counter",
        lambda: story(_rebound(GOOD, authenticator_data=to_base64url(PASSKEY_DATA[:-1] + b"\x08"))),
        lambda: story(_rebound(GOOD, authenticator_data=to_base64url(PASSKEY_DATA))),
    ),
    (
        "BINDING",
        "one good and one bad",
        lambda: story(
            replace(
                GOOD, bindings=(*GOOD.bindings, ALICE.binding(GOOD.challenge.nonce, GOOD.payload, rp_id="evil.test"))
            )
        ),
        lambda: story(replace(GOOD, bindings=(*GOOD.bindings, session_binding()))),
    ),
    (
        "BINDING",
        "token of another person",
        lambda: story(replace(TOKEN, bindings=(LOGIN["RS256"].binding("mallory", TOKEN.challenge, TOKEN.payload),))),
        lambda: story(TOKEN),
    ),
    ("BINDING", "another audience", lambda: story(_token(aud="someone-else")), lambda: story(_token())),
    (
        "BINDING",
        "an audience among others",
        lambda: story(_token(aud=["clyra-approvals", "someone-else"])),
        lambda: story(_token(aud=["clyra-approvals"])),
    ),
    ("BINDING", "another issuer", lambda: story(_token(iss="https://evil.example")), lambda: story(_token())),
    (
        "BINDING",
        "an old token",
        lambda: story(_token(iat=NOW - 91, exp=NOW + 9)),
        lambda: story(_token(iat=NOW - 90, exp=NOW + 9)),
    ),
    (
        "BINDING",
        "a token from later",
        lambda: story(_token(iat=NOW + 661, exp=NOW + 999)),
        lambda: story(_token(iat=NOW + 660, exp=NOW + 999)),
    ),
    ("BINDING", "times that are no integers", lambda: story(_token(iat=NOW + 0.5)), lambda: story(_token(iat=NOW))),
    (
        "BINDING",
        "another way of signing in",
        lambda: story(_token(amr=["pwd"])),
        lambda: story(_token(amr=["pwd", "mfa"])),
    ),
    (
        "BINDING",
        "a changed token",
        lambda: story(_rebound(TOKEN, id_token=".".join([*TOKEN_PARTS[:2], to_base64url(bytes(256))]))),
        lambda: story(_rebound(TOKEN, id_token=".".join(TOKEN_PARTS))),
    ),
    (
        "BINDING",
        "an unsigned token",
        lambda: story(
            _rebound(TOKEN, id_token=".".join([to_base64url(b'{"alg":"none"}'), TOKEN_PARTS[1], TOKEN_PARTS[2]]))
        ),
        lambda: story(TOKEN),
    ),
    (
        "BINDING",
        "signed by its public key as a secret",
        lambda: story(
            _rebound(TOKEN, id_token=".".join([to_base64url(b'{"alg":"HS256"}'), TOKEN_PARTS[1], TOKEN_PARTS[2]]))
        ),
        lambda: story(TOKEN),
    ),
    (
        "MFA",
        "nobody verified",
        lambda: story(_passkey(flags=USER_PRESENT)),
        lambda: story(_passkey(flags=USER_PRESENT | USER_VERIFIED)),
    ),
    (
        "MFA",
        "one factor",
        lambda: story(
            _token(certificate(NOW, approver=approver("alice", hardware=False, methods=("pwd",))), amr=["pwd"])
        ),
        lambda: story(
            _token(
                certificate(NOW, approver=approver("alice", hardware=False, mfa=False, methods=("pwd",))), amr=["pwd"]
            )
        ),
    ),
    (
        "MFA",
        "resistance to phishing without an authenticator",
        lambda: story(by_token(NOW, LOGIN["ES256"], approver=approver("alice", hardware=True))),
        lambda: story(by_token(NOW, LOGIN["ES256"], approver=approver("alice", hardware=False))),
    ),
    ("QUORUM", "one of two", lambda: _pair(people=(ALICE,)), lambda: _pair()),
    ("QUORUM", "the same person twice", lambda: _pair(people=(ALICE, ALICE)), lambda: _pair()),
    ("QUORUM", "two without a group", lambda: _pair(group=""), lambda: _pair()),
]
IDS = [f"{code}: {text}" for code, text, _, _ in REFUSED]


@pytest.mark.parametrize(("code", "bad"), [(row[0], row[2]) for row in REFUSED], ids=IDS)
def test_what_is_refused_has_its_code(code: str, bad: Callable[[], Story]) -> None:
    told = bad()
    findings, counts = told.judge()
    codes = [one.code for one in findings if one.code.startswith("E_")]
    assert codes
    assert set(codes) == {f"E_APPROVAL_{code}"}
    assert counts["valid"] < counts["consumed"]
    assert all(one.member.startswith("approvals/") and one.seq >= 5 for one in findings)


@pytest.mark.parametrize("good", [row[3] for row in REFUSED], ids=IDS)
def test_its_twin_is_accepted(good: Callable[[], Story]) -> None:
    findings, counts = good().judge()
    assert [one for one in findings if one.code.startswith("E_")] == []
    assert counts["valid"] == counts["consumed"] > 0


def test_every_code_of_the_format_has_a_refusal() -> None:
    from recorder.verify.codes import CODES

    assert {f"E_APPROVAL_{row[0]}" for row in REFUSED} == {code for code in CODES if code.startswith("E_APPROVAL_")}


ORDER = (
    "MISSING",
    "AMBIGUOUS",
    "SIG",
    "REUSED",
    "APPROVER",
    "SOD",
    "PAYLOAD",
    "ACTION",
    "NOT_YET",
    "EXPIRED",
    "POLICY",
    "NONCE",
    "BINDING",
    "MFA",
    "QUORUM",
)


def _wrong_in(names: Sequence[str]) -> Story:
    """A consumption with which everything named is wrong at once."""
    base = certificate(NOW, approver=approver("alice", hardware=True))
    issued, expires = NOW + 100 if "NOT_YET" in names else NOW - 30, NOW - 100 if "EXPIRED" in names else NOW + 600
    made = replace(
        base,
        challenge=replace(base.challenge, issued=issued, expires=expires),
        quorum=Quorum(2, 2, "", "g") if "QUORUM" in names else Quorum(),
        requester_commitment=base.approver.subject_commitment if "SOD" in names else base.requester_commitment,
        decision="deny" if "POLICY" in names else "grant",
    )
    answered = "another" if "NONCE" in names else made.challenge.nonce
    flags = USER_PRESENT if "MFA" in names else USER_PRESENT | USER_VERIFIED
    party = "evil.test" if "BINDING" in names else RP_ID
    made = replace(made, bindings=(ALICE.binding(answered, made.payload, flags=flags, rp_id=party),))
    signed = sign(made, LocalKey.of(Ed25519PrivateKey.generate()) if "SIG" in names else SEAL)
    other = sign(replace(certificate(NOW), id=made.id), SEAL)
    event = consume_event(signed, made)
    if "PAYLOAD" in names:
        event = _edited(event, "data", "payload_sha256", value="0" * 64)
    if "ACTION" in names:
        event = _edited(event, "act", "op", value="other")
    members = ([] if "MISSING" in names else [signed]) + ([other] if "AMBIGUOUS" in names else [])
    events = [event, event] if "REUSED" in names else [event]
    return Story(members, events, keys=[SEAL_KEY] if "APPROVER" in names else KEYS)


@pytest.mark.parametrize("first", range(len(ORDER)), ids=ORDER)
def test_of_several_wrongs_the_first_question_names_one(first: int) -> None:
    assert _wrong_in(ORDER[first:]).codes()[-1] == f"E_APPROVAL_{ORDER[first]}"


def test_with_nothing_wrong_there_is_nothing_to_name() -> None:
    assert _wrong_in([]).codes() == []


@pytest.mark.parametrize("provider", LOGIN.values(), ids=LOGIN)
def test_tokens_of_every_algorithm(provider: Provider) -> None:
    findings, counts = story(by_token(NOW, provider)).judge()
    assert (findings, counts["valid"]) == ([], 1)


def test_warnings_and_counts() -> None:
    raw = certificate(NOW, payload=b'{"id": 12345678901234567890}')
    told = story(raw, start=3)
    findings, counts = told.judge()
    assert [one.code for one in findings] == [
        "W_APPROVAL_GLOBAL_UNCHECKED",
        "W_APPROVAL_OPERATOR_ASSERTED",
        "W_PAYLOAD_RAW",
    ]
    assert counts == {"certificates": 1, "consumed": 1, "operator_asserted": 1, "valid": 1}
    assert story(certificate(NOW), keys=[SEAL_KEY]).judge()[1]["operator_asserted"] == 1
    two = _pair()
    assert two.judge()[1] == {"certificates": 2, "consumed": 1, "operator_asserted": 0, "valid": 1}
    used_again = replace(two, events=[two.events[0], two.events[0]])
    assert used_again.codes() == ["E_APPROVAL_REUSED"] * 2
    blind = replace(used_again, keys=None).judge()
    assert blind == ([], {"certificates": 2, "consumed": 2, "operator_asserted": 0, "valid": 0})


def test_a_member_that_cannot_be_read_is_left_to_the_container() -> None:
    event = GOOD_STORY.events[0]
    member = GOOD_STORY.members[0].member
    record = {"seq": 5, "ts": timestamp(NOW * 1_000_000), **event}
    findings, counts = check_approvals([record], [member], lambda _: None, KEYS, 0)
    assert (findings, counts["consumed"], counts["valid"]) == ([], 1, 0)


@pytest.mark.parametrize("person", [ALICE, BOB], ids=["P-256", "Ed25519"])
def test_assertions_agree_with_the_webauthn_package(person: Authenticator) -> None:
    payload = digest_payload(PAYLOAD)
    challenge = challenge_of("n" * 43, payload.sha256)
    client_data, authenticator_data, signature = person.answer(challenge)
    if isinstance(person.private, Ed25519PrivateKey):
        cose = {1: 1, 3: -8, -1: 6, -2: person.key.public}
    else:
        cose = {1: 2, 3: -7, -1: 1, -2: person.key.public[1:33], -3: person.key.public[33:]}
    seen = verify_authentication_response(
        credential={
            "id": "AAAA",
            "rawId": "AAAA",
            "type": "public-key",
            "response": {
                "clientDataJSON": to_base64url(client_data),
                "authenticatorData": to_base64url(authenticator_data),
                "signature": to_base64url(signature),
            },
        },
        expected_challenge=decode_base64url(challenge),
        expected_rp_id=RP_ID,
        expected_origin=ORIGIN,
        credential_public_key=encode_cbor(cose),
        credential_current_sign_count=0,
        require_user_verification=True,
    )
    assert seen.user_verified
    made = by_passkey(NOW, person)
    made = replace(made, bindings=(webauthn_binding(person.key.key_id, *person.answer(_challenge(made))),))
    assert story(made).codes() == []


def _challenge(made: Certificate) -> str:
    return challenge_of(made.challenge.nonce, made.payload.sha256)


def test_tokens_agree_with_joserfc() -> None:
    provider = LOGIN["RS256"]
    token = TOKEN.bindings[0]["id_token"]
    der = provider.key.public
    seen = jwt.decode(token, RSAKey.import_key(der), algorithms=["RS256"])
    jwt.JWTClaimsRegistry(now=NOW, aud={"essential": True, "value": "clyra-approvals"}).validate(seen.claims)
    assert seen.claims["nonce"] == _challenge(TOKEN)
    assert story(TOKEN).codes() == []


@given(st.data())
@settings(max_examples=150)
def test_no_changed_byte_of_a_binding_passes(data: st.DataObject) -> None:
    made = data.draw(st.sampled_from([GOOD, TOKEN]))
    binding = dict(made.bindings[0])
    name = data.draw(st.sampled_from(sorted(set(binding) - {"kind", "jwks_sha256"})))
    text = binding[name]
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("0123456789abcdefXYZ_-").filter(lambda char: char != text[at]))
    binding[name] = text[:at] + other + text[at + 1 :]
    try:
        told = story(replace(made, bindings=(binding,)))
    except ApprovalError:
        return
    assert told.codes()


@given(st.binary(max_size=300) | st.builds(lambda size: b"[" * size, st.integers(0, 3000)))
def test_hostile_bindings_are_refused_not_raised(raw: bytes) -> None:
    text = to_base64url(raw) or "A"
    token = oidc_binding(LOGIN["RS256"].key.key_id, f"{text}.{text}.{text}"[:16_000], b"", SALT)
    key = webauthn_binding(ALICE.key.key_id, raw[:6000] or b"{", raw[:3000] or b"x", raw[:1500] or b"x")
    for binding in (token, key):
        assert story(replace(GOOD, bindings=(binding,))).codes()
    with pytest.raises(ApprovalError):
        parse(raw)


@pytest.mark.parametrize(
    ("body", "canonical"),
    [
        (b'{"b": 1, "a": [1.5, true, null, "x"]}', b'{"a":[1.5,true,null,"x"],"b":1}'),
        (b'{"amount": 12.30}', b'{"amount":12.3}'),
        (b'{"amount": 1e3}', b'{"amount":1000}'),
        (b'{"\\u20ac": "\\u0041"}', '{"€":"A"}'.encode()),
        (b"9007199254740991", b"9007199254740991"),
        (b"9007199254740992", None),
        (b"-9007199254740992", None),
        (b'{"amount": 12345678901234567.89}', None),
        (b'{"amount": 0.1000000000000000055511151231257827}', None),
        (b"1e400", None),
        (b"NaN", None),
        (b'{"a": 1, "a": 1}', None),
        (b'{"a": {"b": 1, "b": 2}}', None),
        (b'"\\ud800"', None),
        (b'{"\\ud800": 1}', None),
        (b"\xff", None),
        (b"\xef\xbb\xbf{}", None),
        (b"", None),
        (b"[" * 100_000, None),
        (b"<xml/>", None),
    ],
)
def test_payloads_are_canonical_only_when_nothing_is_lost(body: bytes, canonical: bytes | None) -> None:
    assert canonical_payload(body) == canonical
    digest = digest_payload(body)
    assert digest.c14n == ("raw" if canonical is None else "jcs")
    assert digest.sha256 == sha256(body if canonical is None else canonical).hexdigest()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.randoms())
def test_the_order_of_keys_and_white_space_do_not_matter(value: Any, random: Any) -> None:
    def shuffled(part: Any) -> Any:
        if isinstance(part, dict):
            items = list(part.items())
            random.shuffle(items)
            return {key: shuffled(inner) for key, inner in items}
        return [shuffled(inner) for inner in part] if isinstance(part, list) else part

    one, other = json.dumps(value).encode(), json.dumps(shuffled(value), indent=2, ensure_ascii=False).encode()
    assert digest_payload(one) == digest_payload(other)
    assert digest_payload(one).c14n == "jcs"


def test_certificate_ids_are_time_ordered_uuids() -> None:
    ids = [new_id(NOW + n) for n in range(50)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 50


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.update(extra=1),
        lambda it: it.pop("sod"),
        lambda it: it.update(one_time=False),
        lambda it: it["challenge"].update(iat=1.0),
        lambda it: it.update(id="00000000-0000-4000-8000-000000000000"),
        lambda it: it["binding"].append({"kind": "fax"}),
        lambda it: it["action"].update(shell="rm"),
    ],
)
def test_a_certificate_has_one_form(change: Callable[[dict[str, Any]], object]) -> None:
    predicate = json.loads(json.dumps(GOOD.predicate()))
    change(predicate)
    with pytest.raises((ApprovalError, strict_json.StrictJsonError)):
        approval.make_payload(predicate)
    document = strict_json.read(parse(sign(GOOD, SEAL).envelope).envelope.payload)
    document["predicate"] = predicate
    payload = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    with pytest.raises(ApprovalError):
        parse(approval.dsse.sign(payload, approval.statement.PAYLOAD_TYPE, [SEAL]))


def test_a_certificate_reads_back_as_it_was_made() -> None:
    made = replace(GOOD, amount=("1200.00", "EUR"), quorum=Quorum(2, 3, "finance", "g"))
    signed = sign(made, SEAL)
    parsed = parse(signed.envelope)
    assert (parsed.digest, parsed.id, parsed.group) == (signed.digest, made.id, "g")
    assert parsed.predicate == made.predicate()
    assert parsed.action_subject == made.action.digest()
    assert ed25519.key_id(SEAL.public) == parsed.envelope.signatures[0][0]
