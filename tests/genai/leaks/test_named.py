"""Secrets without a format: what a name, a command or a sentence makes one, and what only sounds like it."""

from __future__ import annotations

import base64
import random

import pytest

from clyra_proxy.genai.leaks.scan import Scanner
from clyra_proxy.genai.leaks.templates import Template
from clyra_proxy.policy.genai.leaks import Leaks

SCANNER = Scanner(Leaks())
CHANCE = random.Random(23)
PASSWORD = "kT7$mN2#vB8x"


def drawn(shape: str) -> str:
    return Template.parse(shape).make(CHANCE)


def secrets_in(text: str) -> list[str]:
    return [text[leak.start : leak.end] for leak in SCANNER.scan(text) if leak.family == "secret"]


@pytest.mark.parametrize(
    "text",
    [
        f"docker login -u kim -p {PASSWORD} reg.example.com",
        f"podman login reg.example.com -u kim -p '{PASSWORD}'",
        f"helm registry login reg.example.com -u kim -p {PASSWORD}",
        f"Das Passwort lautet {PASSWORD}",
        f"A senha será {PASSWORD}",
        f"the password is {PASSWORD}",
    ],
)
def test_a_password_is_found_where_it_is_given(text: str) -> None:
    assert secrets_in(text) == [PASSWORD]


@pytest.mark.parametrize(
    "text",
    [
        "System.Web, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b03f5f7f11d50a3a",
        '<bindingRedirect name="Newtonsoft.Json" publicKeyToken="30ad4fe6b2a6aeed" />',
        f"Sec-WebSocket-Key: {base64.b64encode(CHANCE.randbytes(16)).decode()}",
        "docker login -u kim -p $PASSWORD reg.example.com",
        "docker login --help | grep -p password",
        "Das Passwort lautet anders als gestern",
    ],
)
def test_what_only_sounds_like_one_is_let_go(text: str) -> None:
    assert secrets_in(text) == []
