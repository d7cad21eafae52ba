"""Proxy credentials: `http://agent-id:token@proxy`, or `agent-id+run-id` for one run of the agent.

Guarantees: a policy holds only salted hashes of tokens; comparison takes the same time for a wrong token as for an
unknown agent; nothing that was presented is kept or logged. Tokens are 256 random bits that Clyra made
(`clyra policy token`), so one SHA-256 is as hard to invert as the token is to guess and costs a microsecond; a
password hash would only let anybody keep the proxy busy. RFC 7617, RFC 9110 section 11.7.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
import secrets
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from clyra_proxy.policy.receiving import Agent

_AGENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")
_LONGEST = 2048
_DECOY_SALT = secrets.token_urlsafe(16)
_DECOY_DIGEST = secrets.token_hex(32)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a Proxy-Authorization field says. Not to be kept: it holds the token."""

    agent: str
    run: str
    token: str


def new_token() -> tuple[str, str]:
    """A fresh token, and the hash of it that a policy holds."""
    token = secrets.token_urlsafe(32)
    salt = urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode("ascii")
    return token, f"sha256${salt}${_digest(salt, token)}"


def is_agent_id(text: str) -> bool:
    """Whether `text` can be an agent's id."""
    return _AGENT.fullmatch(text) is not None


def read_credentials(value: str) -> Credentials | None:
    """The credentials of a Proxy-Authorization field; None when it is not Basic, malformed or unreasonable."""
    scheme, _, encoded = value.strip(" \t").partition(" ")
    if scheme.lower() != "basic" or len(encoded) > _LONGEST:
        return None
    try:
        user, colon, token = b64decode(encoded.strip(" "), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    agent, plus, run = user.partition("+")
    if not colon or not is_agent_id(agent) or (plus and not _RUN.fullmatch(run)):
        return None
    return Credentials(agent, run, token)


def verifies(credentials: Credentials, agents: Mapping[str, Agent]) -> bool:
    """Whether the token is the agent's."""
    agent = agents.get(credentials.agent)
    salt, digest = agent.token.split("$")[1:] if agent is not None else (_DECOY_SALT, _DECOY_DIGEST)
    return hmac.compare_digest(_digest(salt, credentials.token), digest) and agent is not None


def _digest(salt: str, token: str) -> str:
    return hashlib.sha256(f"{salt}${token}".encode()).hexdigest()
