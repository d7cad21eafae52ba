"""A running recorder: who may ask, letters, answers out of band, and a thousand attempts to use one token."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from recorder.interface import APPROVAL_CONSUME_PATH, APPROVAL_OPEN_PATH
from recorder.layout import Layout
from tests.support.approval_desk import PEOPLE, packet
from tests.support.approving import consume, desk, open_packet, prepare_home, refused_desk, state_of
from tests.support.letter_box import MailBox, WebhookBox, wait_for
from tests.support.oidc_provider import CLIENT, OidcProvider
from tests.support.recorder_process import UnixHttp, running_recorder
from tests.support.soft_authenticator import SoftAuthenticator

SECRET = b"a webhook secret of some length!"
ATTEMPTS = 1000


@dataclass
class World:
    """One recorder with everything around it. grade: `operator`, so that codes can be tried."""

    layout: Layout
    hooks: WebhookBox
    slack: WebhookBox
    mail: MailBox
    provider: OidcProvider


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with WebhookBox() as hooks, WebhookBox() as slack, MailBox() as mail, OidcProvider() as provider:
        people = [{**PEOPLE[0], "email": "ann@example.com"}, *PEOPLE[1:]]
        people.append({"name": "dora", "sub": "dora", "iss": provider.issuer, "roles": ["finance"]})
        settings = {
            "approvers": people,
            "grade": "operator",
            "mfa": False,
            "escalate_at": 0.01,
            "providers": [{"name": "corp", "issuer": provider.issuer, "client_id": CLIENT}],
            "channels": [
                {"kind": "webhook", "name": "hook", "url": hooks.url, "secret_file": _private(folder, "hook", SECRET)},
                {"kind": "slack", "name": "chat", "url_file": _private(folder, "slack", slack.url.encode())},
                {
                    "kind": "email",
                    "name": "mail",
                    "host": "127.0.0.1",
                    "port": mail.port,
                    "tls": "none",
                    "sender": "c@x",
                },
            ],
        }
        layout = prepare_home(folder / "home", **settings)
        with running_recorder(layout.root):
            yield World(layout, hooks, slack, mail, provider)


def _private(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(b"whsec_" + base64.b64encode(content) if name == "hook" else content)
    path.chmod(0o600)
    return str(path)


def test_only_a_source_may_ask(world: World) -> None:
    for path in (APPROVAL_OPEN_PATH, APPROVAL_CONSUME_PATH):
        connection = UnixHttp(world.layout.socket)
        connection.request("POST", path, json.dumps(packet()).encode(), {"content-type": "application/json"})
        assert connection.getresponse().status == 401
        connection.close()


def test_of_a_thousand_attempts_one_succeeds(world: World) -> None:
    ann = SoftAuthenticator.enrolled(world.layout, "ann")
    opened = open_packet(world.layout, headers_sha256="1" * 64)
    ann.decide(world.layout, opened["id"])
    granted = state_of(world.layout, [opened["id"]])[opened["id"]]

    def attempt(number: int) -> str:
        status, found = consume(world.layout, granted, headers_sha256="1" * 64, exchange=f"exchange-{number}")
        return "used" if status == 200 else str(found["code"])

    with ThreadPoolExecutor(32) as pool:
        assert Counter(pool.map(attempt, range(ATTEMPTS))) == {"used": 1, "E_APPROVAL_REUSED": ATTEMPTS - 1}


def test_letters_say_that_something_waits_and_nothing_of_what_is_in_it(world: World) -> None:
    opened = open_packet(world.layout, headers_sha256="2" * 64, summary=[["/to", "a very private IBAN"]])

    def about(box: WebhookBox) -> list[tuple[dict[str, str], bytes]]:
        return [one for one in box.got if opened["id"].encode() in one[1]]

    headers, body = wait_for(lambda: about(world.hooks))[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.digest(SECRET, signed, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    assert json.loads(body)["type"] == "approval.requested"
    message = json.loads(wait_for(lambda: about(world.slack))[0][1])
    assert message["blocks"][0]["text"]["text"] == message["text"]
    mails = wait_for(lambda: [one for one in world.mail.got if opened["id"] in str(one[1].get_payload())])
    assert mails[0][0] == ["ann@example.com"]
    everything = [body for _, body in (*world.hooks.got, *world.slack.got)]
    everything += [str(one[1]).encode() for one in world.mail.got]
    assert not any(b"private IBAN" in one for one in everything)
    wait_for(lambda: [one for one in about(world.hooks) if b"approval.escalated" in one[1]])


def test_an_id_token_from_elsewhere_decides(world: World) -> None:
    opened = open_packet(world.layout, headers_sha256="3" * 64)
    wanted = {"id": opened["id"], "person": "dora", "decision": "grant", "by": "oidc", "provider": "corp"}
    asked = desk(world.layout, "challenge", **wanted)
    answer = {"person": "dora", "nonce": asked["nonce"], "provider": "corp"}
    stale = world.provider.token("dora", "another nonce")
    assert refused_desk(world.layout, "answer", **answer, id_token=stale)["code"] == "E_APPROVAL_NONCE"
    token = world.provider.token("dora", asked["challenge"])
    assert desk(world.layout, "answer", **answer, id_token=token)["state"] == "granted"


def test_a_provider_that_changed_its_keys(world: World) -> None:
    world.provider.rotate()
    opened = open_packet(world.layout, headers_sha256="4" * 64)
    wanted = {"id": opened["id"], "person": "dora", "decision": "grant", "by": "oidc", "provider": "corp"}
    asked = desk(world.layout, "challenge", **wanted)
    token = world.provider.token("dora", asked["challenge"])
    answer = {"person": "dora", "nonce": asked["nonce"], "provider": "corp", "id_token": token}
    assert desk(world.layout, "answer", **answer)["state"] == "granted"
    listed = desk(world.layout, "keys")["keys"]
    assert len({entry["keyid"] for entry in listed if entry["name"] == "corp"}) >= 1


def test_a_code_that_was_told_counts_only_as_the_operators_word(world: World) -> None:
    opened = open_packet(world.layout, headers_sha256="5" * 64)
    asked = desk(world.layout, "challenge", id=opened["id"], person="ann", decision="grant", by="code")
    assert "challenge" not in asked
    mail = wait_for(lambda: [one for one in world.mail.got if "Your code" in str(one[1].get_payload())])[-1]
    found = re.search(r"\b\d{8}\b", str(mail[1].get_payload()))
    assert found is not None
    answer = {"person": "ann", "nonce": asked["nonce"]}
    wrong = f"{(int(found[0]) + 1) % 10**8:08d}"
    assert refused_desk(world.layout, "answer", **answer, code=wrong)["code"] == "E_APPROVAL_NONCE"
    told = desk(world.layout, "answer", **answer, code=found[0])
    assert told["state"] == "granted"
    raw = (world.layout.approvals / f"{told['cert_sha256']}.dsse.json").read_bytes()
    assert b'"session"' in base64.b64decode(json.loads(raw)["payload"])


def test_a_code_cannot_be_tried_for_ever(world: World) -> None:
    opened = open_packet(world.layout, headers_sha256="6" * 64)
    asked = desk(world.layout, "challenge", id=opened["id"], person="ann", decision="grant", by="code")
    mail = wait_for(lambda: [one for one in world.mail.got if opened["id"] in str(one[1].get_payload())])
    for _ in range(5):
        refused_desk(world.layout, "answer", person="ann", nonce=asked["nonce"], code="x")
    codes = [re.search(r"code: (\d{8})", str(one[1].get_payload())) for one in mail]
    for code in filter(None, codes):
        assert refused_desk(world.layout, "answer", person="ann", nonce=asked["nonce"], code=code[1])


def test_the_page_is_for_its_own_origin_only(world: World) -> None:
    url = desk(world.layout, "status")["page"]
    with httpx.Client(trust_env=False) as http:
        assert http.get(f"{url}/login").status_code == 200
        assert http.get(f"{url}/login", headers={"host": "evil.example"}).status_code == 421
        for headers in ({}, {"origin": "https://evil.example"}, {"origin": url, "sec-fetch-site": "cross-site"}):
            assert http.post(f"{url}/login/passkey/options", json={"name": "ann"}, headers=headers).status_code == 403
        assert http.get(f"{url}/enrol/nothing").status_code == 409
        assert http.get(f"{url}/r/nothing").headers["location"].startswith("/login")
        assert http.get(f"{url}/login/corp?next=//evil.example").status_code == 303
        assert http.get(f"{url}/callback?state=x&code=y").status_code == 400
        assert http.put(f"{url}/login").status_code == 405
        policy = http.get(f"{url}/login").headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_an_enrolment_link_is_good_once_and_for_one_person(world: World) -> None:
    assert refused_desk(world.layout, "invite", person="nobody")
    url = desk(world.layout, "invite", person="bob")["url"]
    origin = url.partition("/enrol/")[0]
    bob = SoftAuthenticator("bob", origin)
    with httpx.Client(trust_env=False, headers={"origin": origin}) as http:
        options: dict[str, Any] = http.post(f"{url}/options", json={}).json()
        assert http.post(url, json={**bob.register(options), "response": {}}).status_code == 409
        wrong = SoftAuthenticator("bob", "https://evil.example").register(options)
        assert http.post(url, json=wrong).status_code == 409
        assert http.post(url, json=bob.register(options)).status_code == 200
        assert http.post(url, json=bob.register(options)).status_code == 409
        assert http.get(url).status_code == 409


def test_an_authenticator_whose_counter_goes_back_is_a_copy(world: World) -> None:
    carol = SoftAuthenticator.enrolled(world.layout, "carol")
    first = open_packet(world.layout, headers_sha256="7" * 64)
    carol.decide(world.layout, first["id"])
    carol.signs = 0
    second = open_packet(world.layout, headers_sha256="8" * 64)
    asked = desk(world.layout, "challenge", id=second["id"], person="carol", decision="grant", by="webauthn")
    answer = carol.assertion(asked["options"])
    refused = refused_desk(world.layout, "answer", person="carol", nonce=asked["nonce"], assertion=answer)
    assert refused["code"] == "E_APPROVAL_BINDING"
    assert state_of(world.layout, [second["id"]])[second["id"]]["state"] == "requested"


def test_figures(world: World) -> None:
    """It uses one up itself: no test may count on another one before it in the same process."""
    bob = SoftAuthenticator.enrolled(world.layout, "bob")
    opened = open_packet(world.layout, headers_sha256="2" * 64)
    bob.decide(world.layout, opened["id"])
    granted = state_of(world.layout, [opened["id"]])[opened["id"]]
    assert consume(world.layout, granted, headers_sha256="2" * 64, exchange="exchange-figures")[0] == 200
    found = desk(world.layout, "status")
    assert found["day"]["consumed"] >= 1
    assert found["decided_p95_s"] >= found["decided_p50_s"] >= 0
    assert found["waiting"] == sum(one["state"] == "requested" for one in desk(world.layout, "list")["approvals"])
