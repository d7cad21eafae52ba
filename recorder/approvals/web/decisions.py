"""Looking at what waits, and deciding it: by passkey on the page, or by a fresh login at the identity provider."""

from __future__ import annotations

import json
import sqlite3
import time

from recorder import approval_binding
from recorder.approvals import errors, proofs
from recorder.approvals.errors import Refusal
from recorder.approvals.holding import request_of
from recorder.approvals.people import duties_of, voice_of
from recorder.approvals.settings import ApprovalSettings, Person, Provider
from recorder.approvals.web import html, oidc, passkeys
from recorder.approvals.web.answers import Answer, page, redirect, told
from recorder.approvals.web.login import known_person, own_path
from recorder.approvals.web.sessions import Flow
from recorder.approvals.web.visit import TurnedAway, Visit

MOST_LISTED = 200


async def show_list(visit: Visit) -> Answer:
    """What this person may look at, the waiting ones first."""
    if visit.session is None:
        return redirect("/login")
    session, office = visit.logged_in(), visit.site.office

    def find() -> list[sqlite3.Row]:
        rows = office.book.every(
            "SELECT * FROM packets WHERE display IS NOT NULL ORDER BY state='requested' DESC, created DESC LIMIT ?",
            MOST_LISTED,
        )
        fresh = [office.desk.current(row) for row in rows]
        return [row for row in fresh if _may_see(visit.settings, session.person, row)]

    rows = await office.run(find)
    return page(html.listing(rows, session.person, session.csrf, office.desk.clock()))


async def show_packet(visit: Visit) -> Answer:
    """One request, as it will be signed."""
    if visit.session is None:
        return redirect(f"/login?next={own_path(visit.path)}")
    session, office, packet = visit.logged_in(), visit.site.office, visit.parts[1]

    def find() -> tuple[sqlite3.Row, list[sqlite3.Row], bool, str]:
        row = office.book.packet(packet)
        if row is None or not _may_see(visit.settings, session.person, row):
            raise TurnedAway(404, "There is no such request for you.")
        row, given = office.desk.current(row), office.book.decisions(packet)
        barred = _barred(visit.settings, session.person, row, given, office.desk.clock())
        return row, given, bool(office.credentials.of(session.person)), barred

    row, given, has_passkey, barred = await office.run(find)
    providers = _providers_of(visit.settings, session.person)
    body = html.packet(row, given, session.person, session.csrf, providers, has_passkey=has_passkey, barred=barred)
    targets = [await _origin(visit, provider) for provider in providers]
    return page(body, form_targets=targets)


async def passkey_challenge(visit: Visit) -> Answer:
    """What the person's authenticator is to sign."""
    session, office, packet = visit.own_change(), visit.site.office, visit.parts[1]
    decision = str(visit.document().get("decision", ""))

    def issue() -> dict[str, object]:
        known = [row["id"] for row in office.credentials.of(session.person)]
        if not known:
            raise Refusal(errors.APPROVER, "You have no authenticator here.")
        issued = office.deciding.challenge(packet, session.person, decision, office.audience)
        return {
            "nonce": issued.nonce,
            "options": passkeys.request_options(visit.site.rp_id, issued.challenge, known),
        }

    return told(await office.run(issue))


async def passkey_decision(visit: Visit) -> Answer:
    """The authenticator's answer becomes the decision."""
    session, office, document = visit.own_change(), visit.site.office, visit.document()
    nonce = str(document.get("nonce", ""))[:128]
    credential, client_data, data, signature = passkeys.assertion_parts(document.get("answer") or {})

    def decide() -> dict[str, object]:
        asked = office.book.one("SELECT * FROM challenges WHERE nonce=?", nonce)
        if asked is None or (asked["iss"], asked["sub"]) != (session.person.iss, session.person.sub):
            raise Refusal(errors.NONCE)
        answer = office.credentials.answer(credential, session.person, client_data, data, signature)
        return office.deciding.answer(nonce, answer)

    return told(await office.run(decide))


async def sso_begin(visit: Visit) -> Answer:
    """Off to the provider with a nonce that is the challenge."""
    form = visit.form()
    session, office, packet = visit.own_change(form), visit.site.office, visit.parts[1]
    client = visit.site.client(visit.settings, form.get("provider", ""))
    if client.provider.issuer != session.person.iss:
        raise TurnedAway(403, "That is not your identity provider.")
    issued = await office.run(
        lambda: office.deciding.challenge(packet, session.person, form.get("decision", ""), client.provider.client_id)
    )
    verifier = oidc.new_verifier()
    flow = Flow(
        *(client.provider.name, verifier, issued.challenge, time.monotonic(), f"/r/{packet}"),
        *(issued.nonce, session.person),
    )
    state, cookie = visit.site.sessions.set_out(flow)
    return redirect(await client.authorize_url(state, issued.challenge, verifier, decision=True), (cookie,))


async def sso_end(visit: Visit, flow: Flow, signed: oidc.Signed) -> Answer:
    """Back from there: the token is the decision."""
    person = known_person(visit, flow.provider, signed)
    if flow.person is None or (person.iss, person.sub) != (flow.person.iss, flow.person.sub):
        raise Refusal(errors.APPROVER, "Another person logged in than the one who decides.")
    provider = visit.site.client(visit.settings, flow.provider).provider
    await decide_by_token(visit, flow.approval_nonce, provider, signed)
    return redirect(own_path(flow.back_to))


async def decide_by_token(visit: Visit, nonce: str, provider: Provider, signed: oidc.Signed) -> dict[str, object]:
    """Take an ID token that answers a challenge as the decision. Raises Refusal."""
    oidc.check_fresh(signed.claims, provider, time.time())
    office = visit.site.office

    def decide() -> dict[str, object]:
        office.archive_keys(provider.issuer, signed.jwks)
        binding = approval_binding.oidc_binding(signed.key.key_id, signed.token, signed.jwks, office.desk.salt)
        return office.deciding.answer(nonce, proofs.Answer(binding, signed.key, provider))

    return await office.run(decide)


async def come_back(visit: Visit) -> Answer:
    """The identity provider sends the browser back: a login, or a decision."""
    flow = visit.site.sessions.come_back(visit.query.get("state", ""), visit.request.headers)
    if flow is None:
        raise TurnedAway(400, "This login was not begun here, is too old, or was used.")
    if "code" not in visit.query:
        raise TurnedAway(403, "The identity provider did not log you in.")
    client = visit.site.client(visit.settings, flow.provider)
    signed = await client.redeem(visit.query["code"], flow.verifier, flow.nonce)
    if flow.approval_nonce:
        return await sso_end(visit, flow, signed)
    person = known_person(visit, flow.provider, signed)
    return redirect(own_path(flow.back_to), (visit.site.sessions.begin(person),))


def _may_see(settings: ApprovalSettings, person: Person, row: sqlite3.Row) -> bool:
    """Whoever may decide, or could but for segregation of duties."""
    request = json.loads(row["request"])
    try:
        voice_of(settings, person, request["role"], duties_of(settings, ""), (), time.time())
    except Refusal:
        return False
    return True


def _barred(settings: ApprovalSettings, person: Person, row: sqlite3.Row, given: list[sqlite3.Row], now: float) -> str:
    request = request_of(row)
    decided = [(one["iss"], one["sub"], one["delegator"]) for one in given]
    try:
        voice_of(settings, person, request.role, duties_of(settings, request.agent_name), decided, now)
    except Refusal as refusal:
        return refusal.detail
    return ""


def _providers_of(settings: ApprovalSettings, person: Person) -> list[Provider]:
    return [provider for provider in settings.providers if provider.issuer == person.iss]


async def _origin(visit: Visit, provider: Provider) -> str:
    """Where a form may lead, for the content policy; a provider that is away is named by its issuer."""
    client = visit.site.client(visit.settings, provider.name)
    await client.look()
    return client.origin
