"""Asking a time stamp authority (RFC 3161 over HTTP) about a checkpoint, and believing nothing unchecked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from recorder.anchoring import web
from recorder.anchoring.errors import AnchorError, AnchorSettingsError
from recorder.anchoring.placed import Placed, Tip
from recorder.timestamp_token import TokenError, check_token, make_request

_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"


def stamp(http: httpx.Client, url: str, tip: Tip, trusted: Sequence[bytes], timeout_s: float) -> Placed:
    """A checked time stamp response over the tip's text. trusted: certificates, DER. Raises AnchorError."""
    asked = make_request(tip.text)
    answer = web.post(http, url, asked.as_bytes(), {"content-type": _QUERY, "accept": _REPLY}, timeout_s)
    if answer.status != 200 or answer.media != _REPLY:
        raise AnchorError(f"The time stamp authority {url} answered {answer.status} {answer.media}.")
    try:
        at = check_token(answer.body, tip.text, trusted, asked.nonce)
    except TokenError as error:
        raise AnchorError(
            f"The time stamp of {url} does not count.", f"{error.code}: {error.detail}.", "Check its certificate."
        ) from None
    return Placed("rfc3161", answer.body, at)


def read_certificates(path: Path) -> list[bytes]:
    """All certificates of a PEM file, as DER. Raises AnchorSettingsError."""
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise AnchorSettingsError(f"Cannot read certificates from {path}.", f"{error}.") from None
    return [one.public_bytes(Encoding.DER) for one in found]
