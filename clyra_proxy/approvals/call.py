"""What exactly is asked for: the digests that an approval is bound to, taken from the request as it would be sent.

Four parts, so that a refusal can say which one changed: the payload (RFC 8785 form, and its exact bytes), the action
(method, host, path with query), the headers that matter, and the account that the credentials name. Header values and
credentials leave this module only as a digest. Reference: evidence format, section on approvals.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from clyra_proxy.egress.names import named_host
from clyra_proxy.evidence.event import act_of, agent_of
from clyra_proxy.exchange import Exchange
from clyra_proxy.policy.approvals import Approvals
from recorder.approval_payload import PayloadDigest, digest_payload

HEADER = "clyra-approval"
"""Request header with which a sender comes back for an approval, and response header that gives him its id."""
SUPERSEDES = "clyra-supersedes"
"""Request header that takes back an approval request of the same sender in favour of this one."""
OWN_HEADERS = (HEADER, SUPERSEDES)
"""Headers meant for us: they are not sent on."""

_CREDENTIALS = (
    *("x-api-key", "api-key", "api_key", "apikey", "x-apikey", "x-auth-token", "x-access-token", "x-goog-api-key"),
    *("private-token", "x-shopify-access-token", "x-sfdc-session", "dd-api-key", "x-vault-token"),
)
"""Headers other than `Authorization` that name an account. Cookies are not among them: they change by themselves."""
_KEY_ID = re.compile(r'(?i)\b(?:credential|keyid|username)\s*=\s*"?([^",;\s/]{1,256})')
_SIGNATURES = ("aws4-hmac-sha256", "aws4-ecdsa-p256-sha256", "signature", "digest", "hawk", "oauth")


@dataclass(frozen=True, slots=True)
class Call:
    """The digests of one request (hex), and what the recorder is told of it. act, agent: as in a record."""

    payload: PayloadDigest
    size: int
    body_sha256: str
    action_sha256: str
    headers_sha256: str
    act: dict[str, Any]
    agent: dict[str, Any]
    policy_sha256: str
    audience: str

    def claims(self) -> dict[str, Any]:
        """What is held against a packet, or kept in a new one."""
        return {
            "payload": {"sha256": self.payload.sha256, "c14n": self.payload.c14n, "len": self.size},
            "body_sha256": self.body_sha256,
            "action_sha256": self.action_sha256,
            "headers_sha256": self.headers_sha256,
            "act": self.act,
            "agent": self.agent,
            "policy_sha256": self.policy_sha256,
            "audience": self.audience,
        }


def call_of(exchange: Exchange, payload: bytes, settings: Approvals, tool: str = "", rows: int = 0) -> Call:
    """The call that `exchange` would make with `payload` as its (decoded) body."""
    act = act_of(exchange)
    if tool:
        act["tool"] = tool[:256]
    if rows:
        act["rows"] = rows
    destination, request = exchange.destination, exchange.request
    place = (request.method, destination.scheme, named_host(destination), str(destination.port), request.path)
    return Call(
        payload=digest_payload(payload),
        size=len(payload),
        body_sha256=sha256(payload).hexdigest(),
        action_sha256=_digest(place),
        headers_sha256=_headers(exchange, settings),
        act=act,
        agent=agent_of(exchange.identity),
        policy_sha256=exchange.policy_sha256,
        audience=settings.audience,
    )


def _headers(exchange: Exchange, settings: Approvals) -> str:
    """Digest over names and values, in the order of the policy; a header that is not there counts as such."""
    request = exchange.request
    parts: list[str] = []
    for name in settings.headers:
        values = list(request.get_all(name))
        parts += [name, str(len(values)), *values]
    if settings.bind_credentials:
        parts += ["authorization", *(account_of(value) for value in request.get_all("authorization"))]
        for name in _CREDENTIALS:
            if values := list(request.get_all(name)):
                parts += [name, *(account_of(f"bearer {value}") for value in values)]
    return _digest(parts)


def account_of(authorization: str) -> str:
    """Whom credentials name. A JWT's issuer, subject and client; a signature's key id; else the credentials themselves.

    Nothing is verified: that is the destination's part. It only must not become another account.
    """
    scheme, _, value = authorization.strip().partition(" ")
    scheme = scheme.lower()
    if scheme == "bearer" and (claims := _jwt_claims(value.strip())):
        names = ("iss", "sub", "client_id", "azp", "tid", "org_id")
        return json.dumps(["jwt", *(str(claims.get(name, "")) for name in names)])
    if scheme in _SIGNATURES and (found := _KEY_ID.search(value)) is not None:
        return json.dumps([scheme, found[1]])
    return json.dumps(["whole", scheme, value])


def _jwt_claims(token: str) -> dict[str, Any] | None:
    """The claims of a JWT that names a subject, None for anything else."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > 16_384:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) and isinstance(claims.get("sub"), str) else None


def _digest(parts: Iterable[str]) -> str:
    """Hex SHA-256 over texts with their lengths, so that no two lists look alike."""
    hashed = sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogateescape")
        hashed.update(b"%d:" % len(raw) + raw)
    return hashed.hexdigest()
