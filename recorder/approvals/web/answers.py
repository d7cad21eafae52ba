"""Answers of the page: HTML, JSON, redirects and files, each with headers that let nothing from outside in.

Content Security Policy Level 3: no inline script or style, nothing from elsewhere, no framing; forms may lead to this
page and to the identity providers that settings name. Nothing is cached, types are not guessed, and no referrer leaves
this origin (inside it must be told: browsers send `Origin: null` from a page that tells none).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from recorder.http import Response

_REASONS = {
    200: "OK",
    303: "See Other",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    421: "Misdirected Request",
    503: "Service Unavailable",
}
_ALWAYS = (
    "cache-control: no-store",
    "referrer-policy: same-origin",
    "x-content-type-options: nosniff",
    "x-frame-options: DENY",
    "cross-origin-opener-policy: same-origin",
    "cross-origin-resource-policy: same-origin",
    "permissions-policy: camera=(), microphone=(), geolocation=(), publickey-credentials-get=(self), "
    "publickey-credentials-create=(self)",
)


@dataclass(frozen=True, slots=True)
class Answer(Response):
    """status, and a body of any type. headers: whole lines besides the usual ones."""

    body: bytes = b""
    media: str = "text/html; charset=utf-8"
    headers: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {_REASONS[self.status]}", *_ALWAYS, *self.headers]
        lines += [f"content-type: {self.media}", f"content-length: {len(self.body)}"]
        if self.close:
            lines.append("connection: close")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


def content_policy(form_targets: Sequence[str] = ()) -> str:
    """The Content-Security-Policy line. form_targets: origins that a form may be redirected to."""
    forms = " ".join(("'self'", *form_targets))
    return (
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        f"img-src 'self'; form-action {forms}; frame-ancestors 'none'; base-uri 'none'"
    )


def page(html: str, status: int = 200, headers: Sequence[str] = (), form_targets: Sequence[str] = ()) -> Answer:
    """A page of HTML under a content security policy. form_targets: where its forms may lead."""
    return Answer(status, None, body=html.encode(), headers=(content_policy(form_targets), *headers))


def told(document: object, status: int = 200, headers: Sequence[str] = ()) -> Answer:
    """JSON for the page's own script."""
    made = orjson.dumps(document)
    return Answer(status, None, body=made, media="application/json", headers=(content_policy(), *headers))


def redirect(to: str, headers: Sequence[str] = ()) -> Answer:
    """303. to: a URL that was checked."""
    return Answer(303, None, media="text/plain", headers=(f"location: {to}", content_policy(), *headers))


def file(body: bytes, media: str) -> Answer:
    """A file of the page."""
    return Answer(200, None, body=body, media=media, headers=(content_policy(),))
