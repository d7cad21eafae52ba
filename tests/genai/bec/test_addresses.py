"""Addresses, look-alikes and accounts; where messages are found in a conversation."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.genai.bec.domains import liken, registrable
from clyra_proxy.genai.bec.inspector import BecInspector, compile_inspector
from clyra_proxy.genai.bec.mail import parse_party
from clyra_proxy.genai.bec.text import scan_text
from clyra_proxy.genai.inspection import Inspection, Workshop
from clyra_proxy.genai.model import Conversation, Direction, Provenance, Segment
from clyra_proxy.policy.genai.bec import Bec
from clyra_proxy.state.memory import MemoryState

KNOWN = ["globex.com", "initech.co.uk", "acme-corp.de"]
SETTINGS = Bec(
    own_domains=["acme-corp.de"],
    counterparties=[{"name": "Globex Ltd", "domains": ["globex.com"], "ibans": ["DE89370400440532013000"]}],  # type: ignore[list-item]
    people=[{"name": "Jane Doe", "addresses": ["jane@private.example"]}],  # type: ignore[list-item]
)


@pytest.mark.parametrize(
    ("domain", "kind"),
    [
        ("g1obex.com", "homoglyph"),
        ("gl0bex.com", "homoglyph"),
        ("glоbex.com", "homoglyph"),  # Cyrillic о
        ("xn--glbex-kye.com", "homoglyph"),  # the same in punycode
        ("acrne-corp.de", "homoglyph"),
        ("acmecorp.de", "homoglyph"),
        ("globexx.com", "typo"),
        ("gobex.com", "typo"),
        ("glboex.com", "typo"),
        ("intiech.co.uk", "typo"),
        ("globex.co", "tld"),
        ("initech.com", "tld"),
        ("globex-billing.com", "affix"),
        ("invoice-globex.net", "affix"),
        ("globex.com.evil.net", "subdomain"),
        ("mail.globex.com.evil.net", "subdomain"),
    ],
)
def test_look_alikes(domain: str, kind: str) -> None:
    like = liken(domain, KNOWN)
    assert like is not None
    assert like.kind == kind


@pytest.mark.parametrize(
    "domain",
    ["globex.com", "mail.globex.com", "GLOBEX.COM", "google.com", "example.org", "robex.com", "glowing.com",
     "globexotic-travel.com", "", "localhost", "a", "...", "xn--", "xn--zzzzzzzz.com"],
)  # fmt: skip
def test_strangers_and_friends(domain: str) -> None:
    assert liken(domain, KNOWN) is None


@given(st.text(max_size=80))
def test_any_domain_and_any_party_can_be_read(text: str) -> None:
    registrable(text)
    liken(text, KNOWN)
    parse_party(text)


def patterns(text: str, settings: Bec = SETTINGS) -> str:
    return ",".join(str(signal.detail["patterns"]) for signal in scan_text(text, settings))


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ('{"from":"Pay <billing@globex.com>","reply_to":"globex@gmail.com","body":"Attached."}', "reply_to_freemail"),
        ('{"from":{"name":"Jane Doe","address":"ceo@gmail.com"},"body":"Are you there?"}', "known_name"),
        ("From: Doe, Jane <x@freemail.example>\nTo: me\n\nAre you at your desk?", "known_name"),
        ("Von: AP <ap@globex.com>\nBetreff: Rechnung\n\nBitte zahlen an GB29 NWBK 6016 1331 9268 19.", "not_on_file"),
        ("Please pay Globex Ltd to IBAN GB29NWBK60161331926819", "not_on_file"),
        ('[{"from":"a@g1obex.com","body":"hello"}]', "domain.homoglyph"),
        ('{"body":"details: https://globex.com.pay.example/x"}', "domain.subdomain"),
    ],
)  # fmt: skip
def test_signs(text: str, pattern: str) -> None:
    assert pattern in patterns(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"from":"Billing <billing@globex.com>","reply_to":"ap@globex.com","body":"See attached."}',
        '{"from":"Jane Doe <jane@acme-corp.de>","body":"Are you there?"}',
        '{"from":"Jane Doe <jane@private.example>","body":"Are you there?"}',
        "From: AP <ap@globex.com>\n\nPlease pay to DE89 3704 0044 0532 0130 00 by Friday.",
        '{"from":"news@mailer.example","reply_to":"news@list.example","body":"Our newsletter."}',
        "See https://globex.com/login and https://www.initech.co.uk",
    ],
)
def test_no_sign(text: str) -> None:
    assert scan_text(text, SETTINGS) == []


WORKSHOP = Workshop(MemoryState(), b"s" * 32)


def inspect(*segments: Segment, settings: Bec = SETTINGS) -> list[tuple[str, str, str]]:
    inspector = compile_inspector(settings, Path(), WORKSHOP)
    assert isinstance(inspector, BecInspector)
    conversation = Conversation("openai-chat", Direction.REQUEST, segments=segments)
    return [
        (signal.path, str(signal.detail["bec_class"]), str(signal.detail.get("provenance")))
        for signal in inspector.inspect(Inspection(conversation))
    ]


LURE = "Our bank details changed, pay the invoice to the new account today, keep it between us."


def test_the_place_and_who_wrote_it_are_told() -> None:
    found = inspect(
        Segment("hello", Provenance.USER, "/messages/0/content"),
        Segment(LURE, Provenance.TOOL_RESULT, "/messages/1/content", name="read_mail"),
    )
    assert found == [("/messages/1/content", "payee_change", "tool_result")]
    assert inspect(Segment(LURE, Provenance.SYSTEM, "/messages/0/content")) == []


def test_the_fields_of_one_call_are_one_message() -> None:
    parts = {
        "from": "Jane Doe <office@mail.example>",
        "subject": "Quick request",
        "body": "Please confirm when you have seen this message.",
    }
    segments = [
        Segment(text, Provenance.ARGUMENTS, f"/params/arguments/{name}", name="send_mail")
        for name, text in parts.items()
    ]
    assert inspect(*segments) == [("/params/arguments/body", "impersonation", "arguments")]
    assert inspect(*segments[1:]) == []


def test_switched_off() -> None:
    assert compile_inspector(Bec(enabled=False), Path(), WORKSHOP) is None
