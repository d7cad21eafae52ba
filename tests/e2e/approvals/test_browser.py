"""People decide in a real browser: with its own virtual authenticator, and through a real identity provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from recorder.layout import Layout
from tests.support.approval_desk import PAYLOAD, PEOPLE
from tests.support.approving import consume, desk, open_packet, prepare_home, state_of
from tests.support.browser import Page, browser
from tests.support.oidc_provider import CLIENT, OidcProvider
from tests.support.recorder_process import running_recorder


class Room:
    """One recorder with its page, one browser, one provider."""

    def __init__(self, layout: Layout, screen: Page, provider: OidcProvider) -> None:
        self.layout, self.screen, self.provider = layout, screen, provider
        self.url: str = desk(layout, "status")["page"]

    def log_out(self) -> None:
        self.screen.call("Network.clearBrowserCookies")

    def authenticator(self, **options: Any) -> str:
        """A new virtual authenticator; its id."""
        self.screen.call("WebAuthn.enable")
        wanted = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
        wanted |= {"isUserVerified": True, "automaticPresenceSimulation": True, **options}
        added = self.screen.call("WebAuthn.addVirtualAuthenticator", options=wanted)
        return str(added["authenticatorId"])

    def enrol(self, name: str) -> None:
        self.screen.open(desk(self.layout, "invite", person=name)["url"])
        self.click("#enrol")
        self.screen.wait_for("document.body.dataset.enrolled === 'yes'")

    def log_in(self, name: str, back_to: str = "/") -> None:
        """With the passkey."""
        self.screen.open(f"{self.url}/login?next={back_to}")
        self.screen.evaluate(f"document.querySelector('#name').value = {name!r}")
        self.click("#passkey-login button")
        self.screen.wait_for(f"location.pathname === {back_to!r} && document.readyState === 'complete'")

    def click(self, selector: str) -> None:
        self.screen.evaluate(f"document.querySelector({selector!r}).click()")

    def sign_in_at_provider(self, user: str) -> None:
        self.screen.wait_for(f"location.origin === {self.provider.issuer!r} && document.readyState === 'complete'")
        self.screen.evaluate(f"document.querySelector('#user').value = {user!r}")
        self.click("button")
        self.screen.wait_for(f"location.origin === {self.url!r} && document.readyState === 'complete'")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with OidcProvider() as provider:
        people = [*PEOPLE, {"name": "dora", "sub": "dora", "iss": provider.issuer, "roles": ["finance"]}]
        people.append({"name": "emil", "sub": "emil", "iss": provider.issuer, "roles": ["finance"]})
        known = {"name": "corp", "issuer": provider.issuer, "client_id": CLIENT, "domains": ["example.com"]}
        layout = prepare_home(tmp_path_factory.mktemp("approvals") / "home", approvers=people, providers=[known])
        folder = tmp_path_factory.mktemp("browser")
        with running_recorder(layout.root), browser(folder) as screen:
            yield Room(layout, screen, provider)


@pytest.fixture(autouse=True)
def fresh(room: Room) -> Iterator[None]:
    room.log_out()
    room.screen.errors.clear()
    room.provider.claims.clear()
    room.provider.amr = ["pwd", "mfa"]
    yield
    room.screen.call("WebAuthn.enable")
    room.screen.call("WebAuthn.disable")


def test_a_passkey_approves_exactly_what_is_shown(room: Room) -> None:
    room.authenticator()
    room.enrol("ann")
    opened = open_packet(room.layout, headers_sha256="1" * 64)
    path = f"/r/{opened['id']}"
    room.log_in("ann", path)
    text = room.screen.evaluate("document.querySelector('main').textContent")
    assert "POST https://bank.example:443/v1/payments" in text
    assert '"1200.00"' in text
    assert "bec.suspected" in text
    room.click("#passkey button[data-decision='grant']")
    assert room.screen.wait_for("document.body.dataset.decided") == "granted"
    granted = state_of(room.layout, [opened["id"]])[opened["id"]]
    status, used = consume(room.layout, granted, headers_sha256="1" * 64)
    assert status == 200
    assert consume(room.layout, granted, headers_sha256="1" * 64)[1]["code"] == "E_APPROVAL_REUSED"
    assert not room.screen.errors
    (certificate,) = used["certificates"]
    predicate = _predicate(room.layout, certificate)
    assert (predicate["decision"], predicate["binding"][0]["kind"]) == ("grant", "webauthn")
    assert predicate["approver"]["phishing_resistant"]
    assert predicate["approver"]["mfa"]


def test_a_fresh_login_at_the_identity_provider_approves(room: Room) -> None:
    opened = open_packet(room.layout, headers_sha256="2" * 64)
    room.screen.open(f"{room.url}/r/{opened['id']}")
    room.click("a[href^='/login/corp']")
    room.sign_in_at_provider("dora")
    room.screen.wait_for(f"location.pathname === '/r/{opened['id']}'")
    room.click("form[action$='/sso'] button[value='grant']")
    room.sign_in_at_provider("dora")
    room.screen.wait_for(f"location.pathname === '/r/{opened['id']}' && document.readyState === 'complete'")
    assert state_of(room.layout, [opened["id"]])[opened["id"]]["state"] == "granted", room.screen.evaluate(
        "document.body.textContent"
    )
    asked = room.provider.seen[-1]
    assert asked["code_challenge_method"] == "S256"
    assert asked["max_age"] == "300"
    granted = state_of(room.layout, [opened["id"]])[opened["id"]]
    status, used = consume(room.layout, granted, headers_sha256="2" * 64)
    assert status == 200
    predicate = _predicate(room.layout, used["certificates"][0])
    assert predicate["approver"]["iss"] == room.provider.issuer
    assert predicate["challenge"]["aud"] == CLIENT
    assert not room.screen.errors


def test_another_person_at_the_provider_decides_nothing(room: Room) -> None:
    opened = open_packet(room.layout, headers_sha256="3" * 64)
    room.screen.open(f"{room.url}/login/corp?next=/r/{opened['id']}")
    room.sign_in_at_provider("dora")
    room.click("form[action$='/sso'] button[value='grant']")
    room.sign_in_at_provider("emil")
    assert "Another person" in room.screen.evaluate("document.body.textContent")
    assert state_of(room.layout, [opened["id"]])[opened["id"]]["state"] == "requested"


@pytest.mark.parametrize(
    ("claims", "amr", "code"),
    [
        ({}, ["pwd"], "E_APPROVAL_MFA"),
        ({"auth_time": 1}, ["pwd", "mfa"], "E_APPROVAL_MFA"),
        ({"nonce": "another"}, ["pwd", "mfa"], "E_APPROVAL_NONCE"),
        ({"aud": "somebody-else"}, ["pwd", "mfa"], "E_APPROVAL_BINDING"),
        ({"iss": "https://elsewhere.example"}, ["pwd", "mfa"], "E_APPROVAL_BINDING"),
        ({"exp": 1}, ["pwd", "mfa"], "E_APPROVAL_EXPIRED"),
        ({"email": "dora@elsewhere.example"}, ["pwd", "mfa"], "E_APPROVAL_APPROVER"),
    ],
)
def test_a_token_that_is_not_right_decides_nothing(
    room: Room, claims: dict[str, Any], amr: list[str], code: str
) -> None:
    opened = open_packet(room.layout, headers_sha256=f"{4:064d}", exchange=f"exchange-{code}-{len(claims)}")
    room.screen.open(f"{room.url}/login/corp?next=/r/{opened['id']}")
    room.sign_in_at_provider("dora")
    room.provider.claims.update(claims)
    room.provider.amr = amr
    room.click("form[action$='/sso'] button[value='grant']")
    room.sign_in_at_provider("dora")
    assert code in room.screen.evaluate("document.body.textContent")
    assert state_of(room.layout, [opened["id"]])[opened["id"]]["state"] == "requested"


def test_two_different_people_for_class_c(room: Room) -> None:
    room.authenticator()
    room.enrol("bob")
    opened = open_packet(room.layout, action_class="C", need=2, headers_sha256="5" * 64)
    path = f"/r/{opened['id']}"
    room.log_in("bob", path)
    room.click("#passkey button[data-decision='grant']")
    assert room.screen.wait_for("document.body.dataset.decided") == "requested"
    room.screen.open(f"{room.url}{path}")
    assert "decided already" in room.screen.evaluate("document.body.textContent")
    room.log_out()
    room.screen.open(f"{room.url}/login/corp?next={path}")
    room.sign_in_at_provider("dora")
    room.click("form[action$='/sso'] button[value='grant']")
    room.sign_in_at_provider("dora")
    granted = state_of(room.layout, [opened["id"]])[opened["id"]]
    assert granted["state"] == "granted"
    status, used = consume(room.layout, granted, headers_sha256="5" * 64)
    assert status == 200
    assert len(used["certificates"]) == 2


def test_a_refusal_ends_it(room: Room) -> None:
    room.authenticator()
    room.enrol("carol")
    opened = open_packet(room.layout, role="security", headers_sha256="6" * 64)
    room.log_in("carol", f"/r/{opened['id']}")
    room.click("#passkey button[data-decision='deny']")
    assert room.screen.wait_for("document.body.dataset.decided") == "refused"
    assert state_of(room.layout, [opened["id"]])[opened["id"]]["state"] == "refused"


def test_the_page_is_usable_without_seeing_it(room: Room) -> None:
    opened = open_packet(room.layout, headers_sha256="7" * 64)
    room.screen.open(f"{room.url}/login/corp?next=/r/{opened['id']}")
    room.sign_in_at_provider("dora")
    for role in ("button", "navigation", "main", "table"):
        names = room.screen.accessible_names(role)
        assert names, role
    assert all(name.strip() for name in room.screen.accessible_names("button"))
    levels = room.screen.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(one => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels)), levels
    assert room.screen.evaluate("document.documentElement.lang") == "en"
    assert room.screen.evaluate("document.querySelector('#status').getAttribute('aria-live')") == "polite"


def test_nothing_comes_from_elsewhere_and_nothing_may(room: Room) -> None:
    room.screen.requests.clear()
    room.screen.open(f"{room.url}/login")
    assert all(address.startswith(room.url) for address in room.screen.requests)
    refused = room.screen.evaluate("fetch('http://127.0.0.1:9/').then(() => 'answered', () => 'refused')")
    assert refused == "refused"
    assert any("Content Security Policy" in error for error in room.screen.errors)


def test_text_of_a_request_is_never_markup(room: Room) -> None:
    hostile = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>\u202e"
    opened = open_packet(room.layout, summary=[["action", hostile]], headers_sha256="8" * 64)
    room.screen.open(f"{room.url}/login/corp?next=/r/{opened['id']}")
    room.sign_in_at_provider("dora")
    assert "<img src=x" in room.screen.evaluate("document.querySelector('.lines').textContent")
    assert room.screen.evaluate("document.title") != "owned"


def _predicate(layout: Layout, digest: str) -> dict[str, Any]:
    from recorder import approval

    parsed = approval.parse((layout.approvals / f"{digest}.dsse.json").read_bytes())
    assert json.loads(PAYLOAD)["amount"] == "1200.00"
    return parsed.predicate
