"""What a person signs: a challenge whose nonce commits to everything the certificate will say.

The challenge is SHA-256("clyra-appr/0" || nonce || payload digest), as the evidence format says. The nonce is 256
random bits and, after them, the digest of the rest of the predicate: decision, action, display, person, quorum, policy,
times. So the person's own signature covers all of it, and nobody, not even who holds the seal key, can turn his no
into a yes.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from recorder import canonical
from recorder.web_encoding import to_base64url

COVERED: Final = ("id", "decision", "payload", "action", "amount", "quorum", "sod", "policy")
_RANDOM_LENGTH = 43
LENGTH: Final = 86


def new_nonce(predicate: Mapping[str, Any]) -> str:
    """A fresh nonce for a predicate that has everything but what the answer to the challenge tells."""
    return to_base64url(secrets.token_bytes(32)) + covering(predicate)


def covering(predicate: Mapping[str, Any]) -> str:
    """base64url of the digest of what a nonce covers."""
    challenge, approver = predicate["challenge"], predicate["approver"]
    covered = {name: predicate[name] for name in COVERED if name in predicate}
    covered["approver"] = {name: approver[name] for name in ("iss", "sub_c")}
    covered["challenge"] = {name: challenge[name] for name in ("iat", "exp", "aud")}
    return to_base64url(sha256(canonical.encode(covered)).digest())


def covers(predicate: Mapping[str, Any]) -> bool:
    """Whether the nonce of a certificate commits to what the certificate says."""
    nonce = predicate["challenge"]["nonce"]
    return len(nonce) == LENGTH and nonce[_RANDOM_LENGTH:] == covering(predicate)
