"""A small OpenID provider that is real on the wire: discovery, code flow with PKCE, signed ID tokens, a login page.

It knows people by name and does what OpenID Connect Core 1.0 says; `people` and `claims` change what it says of them.
"""

from __future__ import annotations

import html
import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import RSAKey

CLIENT = "clyra-approvals"
SECRET = "a client secret"


@dataclass
class Grant:
    """One login that a code stands for."""

    subject: str
    client: str
    redirect: str
    nonce: str
    challenge: str


@dataclass
class OidcProvider:
    """claims: laid over those of every token. seen: the queries that came to the authorization endpoint."""

    claims: dict[str, Any] = field(default_factory=dict)
    amr: list[str] = field(default_factory=lambda: ["pwd", "mfa"])
    seen: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, Grant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.issuer = f"http://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def rotate(self) -> None:
        """A new signing key under another id."""
        self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})

    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.key.as_dict(private=False) | {"alg": "RS256"}]}

    def token(self, subject: str, nonce: str, **other: Any) -> str:
        """An ID token of now."""
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": subject, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce}
        claims |= {"auth_time": now, "amr": self.amr, "acr": "urn:level:2", "email": f"{subject}@example.com"}
        claims |= {"email_verified": True, **self.claims, **other}
        header = {"alg": "RS256", "typ": "JWT", "kid": self.key.kid}
        return jws.serialize_compact(header, json.dumps(claims), self.key, ["RS256"])

    def __enter__(self) -> OidcProvider:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _handler(provider: OidcProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            asked = {name: values[0] for name, values in parse_qs(query).items()}
            if path == "/.well-known/openid-configuration":
                self._json(_discovery(provider.issuer))
            elif path == "/jwks":
                self._json(provider.jwks())
            elif path == "/authorize":
                provider.seen.append(asked)
                fields = "".join(
                    f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
                    for name, value in asked.items()
                )
                fields += '<input name="user" id="user"><button>Go</button>'
                form = f'<form method="post" action="/login">{fields}</form>'
                page = f'<!doctype html><title>Log in</title><link rel="icon" href="data:,">{form}'
                self._send(200, page.encode(), "text/html")
            else:
                self._send(404, b"", "text/plain")

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
            form = {name: values[0] for name, values in parse_qs(raw).items()}
            if self.path == "/login":
                self._login(form)
            elif self.path == "/token":
                self._token(form)
            else:
                self._send(404, b"", "text/plain")

        def _login(self, form: dict[str, str]) -> None:
            if form.get("client_id") != CLIENT or form.get("code_challenge_method") != "S256":
                self._send(400, b"", "text/plain")
                return
            code = secrets.token_urlsafe(24)
            provider.codes[code] = Grant(
                form["user"], form["client_id"], form["redirect_uri"], form.get("nonce", ""), form["code_challenge"]
            )
            self.send_response(302)
            back = urlencode({"code": code, "state": form["state"]})
            self.send_header("location", f"{form['redirect_uri']}?{back}")
            self.send_header("content-length", "0")
            self.end_headers()

        def _token(self, form: dict[str, str]) -> None:
            grant = provider.codes.pop(form.get("code", ""), None)
            verifier = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
            good = grant is not None and verifier == grant.challenge and form.get("redirect_uri") == grant.redirect
            if grant is None or not good or form.get("client_id") != CLIENT:
                self._send(400, b'{"error":"invalid_grant"}', "application/json")
                return
            token = provider.token(grant.subject, grant.nonce)
            self._json({"access_token": secrets.token_urlsafe(8), "token_type": "Bearer", "id_token": token})

        def _json(self, document: object) -> None:
            self._send(200, json.dumps(document).encode(), "application/json")

        def _send(self, status: int, body: bytes, media: str) -> None:
            self.send_response(status)
            self.send_header("content-type", media)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _discovery(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
    }


def state_of(location: str) -> dict[str, str]:
    """The query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
