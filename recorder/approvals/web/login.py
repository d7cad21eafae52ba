"""Logging in and out, and enrolling an authenticator by a one-time link."""

from __future__ import annotations

import secrets
import time
from hashlib import sha256
from urllib.parse import quote

from recorder import approval_binding
from recorder.approvals import errors
from recorder.approvals.errors import Refusal
from recorder.approvals.settings import Person
from recorder.approvals.web import html, oidc, passkeys
from recorder.approvals.web.answers import Answer, page, redirect, told
from recorder.approvals.web.sessions import Flow
from recorder.approvals.web.visit import TurnedAway, Visit
from recorder.web_encoding import to_base64url


async def show_login(visit: Visit) -> Answer:
    """The login page."""
    return page(html.login(visit.settings.providers, own_path(visit.query.get("next", "/"))))


async def begin_oidc(visit: Visit) -> Answer:
    """Off to the identity provider."""
    name = visit.parts[1]
    verifier, nonce = oidc.new_verifier(), secrets.token_urlsafe(32)
    back_to = own_path(visit.query.get("next", "/"))
    state, cookie = visit.site.sessions.set_out(Flow(name, verifier, nonce, time.monotonic(), back_to))
    client = visit.site.client(visit.settings, name)
    return redirect(await client.authorize_url(state, nonce, verifier, decision=False), (cookie,))


def known_person(visit: Visit, provider: str, signed: oidc.Signed) -> Person:
    """The approver that a token is about. Raises Refusal."""
    settings = visit.site.client(visit.settings, provider).provider
    subject = signed.claims.get("sub")
    person = visit.settings.person_of(settings.issuer, subject) if isinstance(subject, str) else None
    if person is None or person.disabled:
        raise Refusal(errors.APPROVER, "You are not an approver here.")
    oidc.check_domain(signed.claims, (person.domain,) if person.domain else settings.domains)
    return person


async def passkey_options(visit: Visit) -> Answer:
    """What the authenticator is asked. For an unknown name it looks the same."""
    name = str(visit.document().get("name", ""))[:64]
    person = visit.settings.person(name)
    office = visit.site.office
    known = [] if person is None else await office.run(lambda: [row["id"] for row in office.credentials.of(person)])
    if not known:
        known = [to_base64url(sha256(office.desk.salt + b"nobody" + name.encode()).digest())]
    key, challenge = visit.site.sessions.ask(name)
    return told({"key": key, "options": passkeys.request_options(visit.site.rp_id, to_base64url(challenge), known)})


async def passkey_login(visit: Visit) -> Answer:
    """The authenticator's answer."""
    document = visit.document()
    asked = visit.site.sessions.asked(str(document.get("key", "")))
    person = visit.settings.person(asked[1]) if asked is not None else None
    if asked is None or person is None or person.disabled:
        raise TurnedAway(403, "The login did not work.")
    credential, client_data, data, signature = passkeys.assertion_parts(document.get("answer") or {})
    office = visit.site.office

    def check() -> None:
        key = office.credentials.key(credential, person)
        binding = approval_binding.webauthn_binding(key.key_id, client_data, data, signature)
        proof = approval_binding.prove_assertion(binding, to_base64url(asked[0]), key)
        if not proof.user_verified:
            raise Refusal(errors.MFA, "The authenticator did not check that it is you.")
        office.credentials.count(credential, approval_binding.signature_count(data))

    try:
        await office.run(check)
    except (Refusal, approval_binding.BindingError):
        raise TurnedAway(403, "The login did not work.") from None
    return told({"ok": True}, headers=(visit.site.sessions.begin(person),))


async def log_out(visit: Visit) -> Answer:
    """End the session."""
    visit.own_change(visit.form())
    return redirect("/login", (visit.site.sessions.end(visit.request.headers),))


async def show_enrolment(visit: Visit) -> Answer:
    """The page of a one-time link. Looking at it does not use it up."""
    office, token = visit.site.office, visit.parts[1]
    person = await office.run(lambda: office.credentials.invited(token))
    return page(html.enrolment(person.name, token))


async def enrolment_options(visit: Visit) -> Answer:
    """What the browser asks the authenticator for (WebAuthn, creation options)."""
    office, token = visit.site.office, visit.parts[1]
    person, handle, challenge, known = await office.run(lambda: office.credentials.begin(token))
    return told(passkeys.creation_options(person, visit.site.rp_id, handle, challenge, known))


async def enrol(visit: Visit) -> Answer:
    """The new authenticator."""
    office, token, site, document = visit.site.office, visit.parts[1], visit.site, visit.document()

    def keep() -> None:
        challenge = office.credentials.expected(token)
        made = passkeys.check_registration(document, challenge, site.rp_id, site.base)
        office.credentials.enrol(token, made.id, made.algorithm, made.public, site.rp_id, made.signs)

    await office.run(keep)
    return told({"ok": True})


def own_path(path: str) -> str:
    """A path of this page and nothing else: no other host can be led to."""
    plain = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return quote(path, safe="/-_.~") if plain and path.isprintable() else "/"
