"""S8: what ties an approval to a person, and answers of passkeys and identity providers that tie nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from recorder.approval_binding import challenge_of
from vectors.generator.approvals import GOOD, PASSKEY, TOKEN, once
from vectors.generator.case import Case
from vectors.generator.keys import p256
from vectors.generator.log import Log
from vectors.generator.people import BOB, PAYLOAD, PRESENT, PROVIDERS, SITE, Passkey, by_passkey, by_token, certificate
from vectors.generator.trust_file import trusting

OTHER = challenge_of("another-nonce-of-many-letters", PAYLOAD.sha256)


def cases() -> Iterator[Case]:
    yield from _passkeys()
    yield from _authenticator_data()
    yield from _tokens()
    yield from _token_forms()
    yield from _factors()


def _passkey(title: str, code: str, **answer: Any) -> Case:
    return once(
        f"a passkey's answer {title}", by_passkey(answer=answer), code, told={"twin": PASSKEY if code[0] == "E" else ""}
    )


def _passkeys() -> Iterator[Case]:
    wrong = "E_APPROVAL_BINDING"
    yield _passkey("to another challenge", "E_APPROVAL_NONCE", client={"challenge": OTHER})
    yield _passkey("to a challenge that is a number", wrong, client={"challenge": 7})
    yield _passkey("without a challenge", wrong, client={"challenge": None})
    yield _passkey("that registers", wrong, client={"type": "webauthn.create"})
    yield _passkey("from inside another page", wrong, client={"crossOrigin": True})
    yield _passkey("with a number for crossOrigin", wrong, client={"crossOrigin": 0})
    yield _passkey("without crossOrigin", GOOD, client={"crossOrigin": None})
    yield _passkey("with members nobody knows", GOOD, client={"other_keys_can_be_added_here": {"a": [1.5, "\u00e9"]}})
    for origin, good in (
        ("https://pay.approve.example", True),
        ("https://approve.example:8443", True),
        ("https://approve.example/", False),
        ("https://approve.example.evil.example", False),
        ("https://evilapprove.example", False),
        ("http://approve.example", False),
        ("https://APPROVE.example", False),
        ("https://approve.example:", False),
        ("https://approve.example:123456", False),
        ("https://approve.example\n", False),
        ("https://user@approve.example", False),
        ("http://localhost", False),
        ("null", False),
        ("", False),
    ):
        yield _passkey(f"for {origin!r}", GOOD if good else wrong, client={"origin": origin})
    local = Passkey("alice", p256("alice"))
    made = certificate()
    made = replace(made, approver=replace(made.approver, phishing_resistant=True))
    made = replace(made, bindings=(local.binding(made, rp_id="localhost", client={"origin": "http://localhost:3000"}),))
    trust = trusting(Log().begin(), local.entry(rp_id="localhost"))
    yield once("a passkey's answer for localhost", made, GOOD, told={"trust": trust})
    challenge = challenge_of(certificate().challenge.nonce, PAYLOAD.sha256)
    said = {"type": "webauthn.get", "challenge": challenge, "origin": SITE}
    text = json.dumps(said)
    for title, raw in {
        "that is an array": b"[" + text.encode() + b"]",
        "with a key twice": text.encode()[:-1] + b',"type":"webauthn.get"}',
        "with a key twice deep inside": text.encode()[:-1] + b',"a":{"b":1,"b":2}}',
        "with NaN": text.encode()[:-1] + b',"a":NaN}',
        "with a lone surrogate": text.encode()[:-1] + b',"a":"\\ud800"}',
        "with a byte that is not UTF-8": text.encode()[:-1] + b',"a":"\xff"}',
        "with a byte order mark": b"\xef\xbb\xbf" + text.encode(),
        "seventeen levels deep": text.encode()[:-1] + b',"a":' + b"[" * 16 + b"]" * 16 + b"}",
        "with a comma too many": text.encode()[:-1] + b",}",
        "with something after it": text.encode() + b"x",
        "that is a blank": b" ",
    }.items():
        yield _passkey(f"with client data {title}", wrong, client=raw)
    for title, raw in {
        "sixteen levels deep": text.encode()[:-1] + b',"a":' + b"[" * 15 + b"]" * 15 + b"}",
        "with blanks and escapes": text.replace(", ", " ,\r\n\t").replace("webauthn", "\\u0077ebauthn").encode(),
        "with large and small numbers": text.encode()[:-1] + b',"a":[1e999,-0,1.0,12345678901234567890]}',
    }.items():
        yield _passkey(f"with client data {title}", GOOD, client=raw)


def _authenticator_data() -> Iterator[Case]:
    wrong = "E_APPROVAL_BINDING"
    yield _passkey("for another site's id", wrong, rp_id="evil.example")
    yield _passkey("while nobody was present", wrong, flags=0x04)
    yield _passkey("with bytes no flag speaks of", wrong, extra=b"\xa0")
    yield _passkey("with extensions", GOOD, flags=0x85, extra=b"\xa0")
    yield _passkey("signed by another key", wrong, signs=BOB.key.sign)
    yield _passkey("signed with nothing", wrong, signs=lambda message: b"\x30\x00")
    made = by_passkey()
    for title, change in {
        "with its bytes cut": {"authenticator_data": made.bindings[0]["authenticator_data"][:48]},
        "in base64url with spare bits": {"authenticator_data": made.bindings[0]["authenticator_data"][:-1] + "B"},
        "of one letter": {"client_data": "A"},
        "with a signature of one letter": {"signature": "A"},
    }.items():
        yield once(
            f"a passkey's answer {title}",
            replace(made, bindings=({**made.bindings[0], **change},)),
            wrong,
            told={"twin": PASSKEY},
        )
    second = replace(made, bindings=(made.bindings[0], {**made.bindings[0], "signature": "AAAA"}))
    yield once("a good answer of a passkey beside a bad one", second, wrong, told={"twin": PASSKEY})


def _token(title: str, code: str, provider: str = "ES256", **answer: Any) -> Case:
    made = by_token(provider=PROVIDERS[provider], answer=answer)
    return once(f"an ID token {title}", made, code, told={"twin": TOKEN if code[0] == "E" else ""})


def _tokens() -> Iterator[Case]:
    wrong = "E_APPROVAL_BINDING"
    yield _token("with another nonce", "E_APPROVAL_NONCE", nonce=OTHER)
    yield _token("with a nonce that is a number", wrong, nonce=7)
    yield _token("without a nonce", wrong, nonce=None)
    yield _token("of another issuer", wrong, iss="https://other.example")
    yield _token("without an issuer", wrong, iss=None)
    yield _token("about somebody else", wrong, sub="bob")
    yield _token("about a number", wrong, sub=7)
    yield _token("under another salt", wrong, salt=bytes(32))
    yield _token("for somebody else", wrong, aud="other")
    yield _token("for a list of one", GOOD, aud=["clyra-approvals"])
    yield _token("for two", wrong, aud=["clyra-approvals", "other"])
    yield _token("for one twice", wrong, aud=["clyra-approvals", "clyra-approvals"])
    issued, ends = certificate().challenge.issued, certificate().challenge.expires
    yield _token("from a minute before", GOOD, iat=issued - 60)
    yield _token("from more than a minute before", wrong, iat=issued - 61)
    yield _token("from a minute after", GOOD, iat=ends + 60, exp=ends + 90)
    yield _token("from more than a minute after", wrong, iat=ends + 61, exp=ends + 90)
    yield _token("that ended before it began", wrong, exp=issued + 4)
    yield _token("without an end", wrong, exp=None)
    yield _token("with a time that is text", wrong, iat=str(issued))
    yield _token("with a time that is true", wrong, iat=True)
    yield _token(
        "with a fraction for a time",
        wrong,
        raw=lambda body: body.replace(b'"iat":%d' % (issued + 5), b'"iat":%d.0' % (issued + 5)),
    )
    yield _token(
        "with an exponent for a time", wrong, raw=lambda body: body.replace(b'"exp":%d' % (issued + 305), b'"exp":1e15')
    )
    yield _token(
        "that ends beyond 2^53",
        wrong,
        raw=lambda body: body.replace(b'"exp":%d' % (issued + 305), b'"exp":9007199254740992'),
    )
    yield _token("with other methods", wrong, amr=["mfa", "pwd"])
    yield _token("without methods", "E_APPROVAL_MFA", amr=None)
    yield _token("with another context", wrong, acr="urn:other")
    yield _token("with an authentication time nobody told", wrong, auth_time=issued)
    with_facts = replace(certificate().approver, auth_time=issued, context="urn:mace:incommon:iap:silver")
    facts = {"auth_time": issued, "acr": "urn:mace:incommon:iap:silver"}
    good = by_token(answer=facts, approver=with_facts)
    yield once("an ID token with time and context", good, GOOD)
    late = by_token(answer={**facts, "auth_time": issued - 1}, approver=with_facts)
    yield once("an ID token with another time of authentication", late, wrong, told={"twin": TOKEN})


def _token_forms() -> Iterator[Case]:
    wrong = "E_APPROVAL_BINDING"
    yield _token("that says alg none", wrong, header={"alg": "none"})
    yield _token("that says HS256", wrong, header={"alg": "HS256"})
    yield _token("that says RS256 with a P-256 key", wrong, header={"alg": "RS256"})
    yield _token("that says ES256 with an RSA key", wrong, "RS256", header={"alg": "ES256"})
    yield _token("that says Ed25519", GOOD, "EdDSA", header={"alg": "Ed25519"})
    yield _token("that says PS256", wrong, "RS256", header={"alg": "PS256"})
    yield _token("with a critical header", wrong, header={"crit": ["exp"]})
    yield _token("without an algorithm", wrong, header=b'{"typ":"JWT"}')
    yield _token("with a header that is an array", wrong, header=b'["ES256"]')
    yield _token("with alg twice", wrong, header=b'{"alg":"ES256","alg":"ES256"}')
    yield _token("with a key in its header", GOOD, header={"jwk": {"kty": "EC"}, "kid": "x"})
    yield _token("whose signature is cut", wrong, change=lambda token: token[:-4])
    yield _token(
        "whose signature is empty but for a letter", wrong, change=lambda token: token.rpartition(".")[0] + ".A"
    )
    yield _token("whose claims were changed", wrong, change=_changed)
    yield _token("with a claim twice", wrong, raw=lambda body: body[:-1] + b',"sub":"alice"}')
    yield _token("whose claims are an array", wrong, raw=lambda body: b"[" + body + b"]")
    yield _token("with blanks in its claims", GOOD, raw=lambda body: body.replace(b",", b" ,\n"))
    yield _token("with RSA, signature cut", wrong, "RS256", change=lambda token: token[:-4])
    yield _token("with Ed25519, signature cut", wrong, "EdDSA", change=lambda token: token[:-4])
    zero = by_token()
    token = zero.bindings[0]["id_token"].rpartition(".")[0] + "." + "A" * 86
    zeroed = replace(zero, bindings=({**zero.bindings[0], "id_token": token},))
    yield once("an ID token whose r and s are zero", zeroed, wrong, told={"twin": TOKEN})


def _changed(token: str) -> str:
    head, body, tail = token.split(".")
    return f"{head}.{body[:-2]}{'AA' if body[-2:] != 'AA' else 'BA'}.{tail}"


def _factors() -> Iterator[Case]:
    yield once(
        "a second factor that the passkey did not ask for",
        by_passkey(answer={"flags": PRESENT}),
        "E_APPROVAL_MFA",
        told={"twin": PASSKEY},
    )
    made = certificate()
    plain = by_passkey(
        answer={"flags": PRESENT}, approver=replace(made.approver, multi_factor=False, phishing_resistant=True)
    )
    yield once("a passkey without a second factor that claims none", plain, GOOD)
    hard = by_token(approver=replace(made.approver, phishing_resistant=True))
    yield once("phishing resistance by an ID token", hard, "E_APPROVAL_MFA", told={"twin": TOKEN})
    weak = by_token(approver=replace(made.approver, methods=("pwd",)))
    yield once("a second factor that the ID token does not name", weak, "E_APPROVAL_MFA", told={"twin": TOKEN})
