"""One bounded HTTP exchange with an outside place: a deadline, no redirects, a limit on what is read."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from recorder import __version__
from recorder.anchoring.errors import AnchorError

MAX_ANSWER = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """status, media type without parameters, body."""

    status: int
    media: str
    body: bytes


def client(timeout_s: float, authority: str = "") -> httpx.Client:
    """A client with deadlines. authority: PEM file of a private certificate authority, or "" for the public ones.

    Raises AnchorError when the file cannot be used.
    """
    try:
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=authority) if authority else True
    except (OSError, ssl.SSLError) as error:
        raise AnchorError(f"Cannot use the certificate authority {authority}.", f"{error}.") from None
    return httpx.Client(
        timeout=timeout_s, follow_redirects=False, verify=verify, headers={"user-agent": f"clyra/{__version__}"}
    )


def post(http: httpx.Client, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Answer:
    """POST and read the whole answer within `timeout_s`. Raises AnchorError."""
    deadline = time.monotonic() + timeout_s
    try:
        with http.stream("POST", url, content=body, headers=dict(headers)) as response:
            read = bytearray()
            for chunk in response.iter_bytes():
                read += chunk
                if len(read) > MAX_ANSWER or time.monotonic() > deadline:
                    raise AnchorError(f"The answer of {url} is too long or too slow.")
            media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            return Answer(response.status_code, media, bytes(read))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise AnchorError(f"{url} cannot be reached.", f"{type(error).__name__}: {error}.") from None
