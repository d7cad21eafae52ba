"""Logging people in with their identity provider: OpenID Connect Core 1.0, code flow with PKCE (RFC 7636, S256).

Rule: the provider is the one that settings name, found by its own discovery document, which must name the same issuer;
keys come from its key set over TLS and are chosen by key id; a token counts for the nonce, client and time it was asked
for. What is asked of a decision is asked of the token itself, so that the certificate can show it again.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import ssl
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode, urlsplit

from recorder import trust
from recorder.approval_binding import BindingError, signed_payload
from recorder.approvals import errors
from recorder.approvals.channels import is_safe_url
from recorder.approvals.errors import Refusal, Unavailable
from recorder.approvals.jwk import key_of
from recorder.approvals.settings import Provider
from recorder.keys import read_private
from recorder.web_encoding import WebEncodingError, decode_base64url, read_object, to_base64url

SKEW_S = 60
MAX_ANSWER = 1 << 20
_FRESH_S = 600.0
_AGAIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Signed:
    """A token that holds. jwks: the key set that says so, as it came."""

    token: str
    claims: dict[str, Any]
    key: trust.TrustedKey
    jwks: bytes


@dataclass(slots=True)
class OpenIdClient:
    """One provider. redirect: our address that it sends people back to."""

    provider: Provider
    redirect: str
    _found: dict[str, Any] = field(default_factory=dict)
    _found_at: float = -1e9
    _jwks: bytes = b""
    _jwks_at: float = -1e9

    async def authorize_url(self, state: str, nonce: str, verifier: str, *, decision: bool) -> str:
        """Where to send the browser. decision: ask for a fresh login, as strong as settings say. Raises Unavailable."""
        found = await self._discover()
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self.redirect,
            "scope": self.provider.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": to_base64url(sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        if self.provider.acr:
            asked["acr_values"] = " ".join(self.provider.acr)
        if decision:
            asked["max_age"] = str(self.provider.max_age_s)
        mark = "&" if "?" in found["authorization_endpoint"] else "?"
        return f"{found['authorization_endpoint']}{mark}{urlencode(asked)}"

    async def redeem(self, code: str, verifier: str, nonce: str) -> Signed:
        """Turn a code into a token that holds for `nonce`. Raises Refusal, Unavailable."""
        found = await self._discover()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect}
        form |= {"client_id": self.provider.client_id, "code_verifier": verifier}
        headers = {"accept": "application/json"}
        if self.provider.client_secret_file is not None:
            secret = read_private(self.provider.client_secret_file).decode().strip()
            pair = f"{_quoted(self.provider.client_id)}:{_quoted(secret)}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        answer = await self._fetch("POST", found["token_endpoint"], headers, form)
        token = _json(answer).get("id_token")
        if not isinstance(token, str) or len(token) > 16_384:
            raise Refusal(errors.BINDING, "The identity provider gave no ID token.")
        return await self.check(token, nonce)

    async def check(self, token: str, nonce: str) -> Signed:
        """A token as it was handed in. Raises Refusal, Unavailable."""
        key, raw = await self._key(token)
        try:
            claims = read_object(signed_payload(token, key))
        except (BindingError, WebEncodingError) as error:
            raise Refusal(errors.BINDING, f"The ID token does not hold: {error}.") from None
        _check_claims(claims, self.provider, nonce, time.time())
        return Signed(token, claims, key, raw)

    async def look(self) -> None:
        """Find the provider now, if it is there."""
        with contextlib.suppress(Unavailable, Refusal):
            await self._discover()

    @property
    def origin(self) -> str:
        """Where its login page is, once that is known: forms may lead there."""
        parts = urlsplit(self._found.get("authorization_endpoint", self.provider.issuer))
        return f"{parts.scheme}://{parts.netloc}"

    async def _key(self, token: str) -> tuple[trust.TrustedKey, bytes]:
        header = _header(token)
        for fresh in (False, True):
            raw = await self._key_set(fresh=fresh)
            found = [jwk for jwk in _json(raw).get("keys", []) if isinstance(jwk, dict)]
            chosen = [jwk for jwk in found if "kid" not in header or jwk.get("kid") == header["kid"]]
            if len(chosen) == 1 and chosen[0].get("use", "sig") == "sig":
                return key_of(chosen[0], self.provider.issuer), raw
        raise Refusal(errors.APPROVER, "The identity provider has no such key.")

    async def _key_set(self, *, fresh: bool) -> bytes:
        now = time.monotonic()
        limit = _AGAIN_S if fresh else _FRESH_S
        if now - self._jwks_at > limit:
            found = await self._discover()
            self._jwks = await self._fetch("GET", found["jwks_uri"], {"accept": "application/json"})
            self._jwks_at = now
        return self._jwks

    async def _discover(self) -> dict[str, Any]:
        """The discovery document (OpenID Connect Discovery 1.0, section 4)."""
        if time.monotonic() - self._found_at <= _FRESH_S:
            return self._found
        issuer = self.provider.issuer.rstrip("/")
        found = _json(await self._fetch("GET", f"{issuer}/.well-known/openid-configuration", {}))
        if found.get("issuer") != self.provider.issuer:
            raise Unavailable("the discovery document names another issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(found.get(name), str) or not is_safe_url(found[name]):
                raise Unavailable(f"the discovery document has no usable {name}")
        methods = found.get("code_challenge_methods_supported", ["S256"])
        if "S256" not in methods:
            raise Unavailable("the identity provider does not do PKCE with S256")
        self._found, self._found_at = found, time.monotonic()
        return found

    async def _fetch(self, method: str, url: str, headers: dict[str, str], form: dict[str, str] | None = None) -> bytes:
        import httpx  # slow to load

        local = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
        authority = self.provider.authority
        try:
            verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=str(authority)) if authority else True
            async with (
                httpx.AsyncClient(timeout=10, verify=verify, trust_env=not local) as http,
                http.stream(method, url, headers=headers, data=form) as answer,
            ):
                read = bytearray()
                async for chunk in answer.aiter_bytes():
                    read += chunk
                    if len(read) > MAX_ANSWER:
                        raise Unavailable("the identity provider's answer is too long")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ssl.SSLError) as error:
            raise Unavailable(f"the identity provider cannot be asked: {type(error).__name__}") from None
        if answer.status_code != 200:
            raise Refusal(errors.BINDING, f"The identity provider answered {answer.status_code}.")
        return bytes(read)


def new_verifier() -> str:
    """A code verifier of 64 characters (RFC 7636, 4.1)."""
    return secrets.token_urlsafe(48)


def _check_claims(claims: dict[str, Any], provider: Provider, nonce: str, now: float) -> None:
    """OpenID Connect Core 1.0, section 3.1.3.7. Raises Refusal."""
    audience = claims.get("aud")
    single = audience == provider.client_id or audience == [provider.client_id]
    issued, expires = claims.get("iat"), claims.get("exp")
    if (
        claims.get("iss") != provider.issuer
        or not single
        or claims.get("azp", provider.client_id) != provider.client_id
    ):
        raise Refusal(errors.BINDING, "The ID token is from, or for, somebody else.")
    if not isinstance(claims.get("nonce"), str) or not secrets.compare_digest(claims["nonce"].encode(), nonce.encode()):
        raise Refusal(errors.NONCE, "The ID token answers another challenge.")
    if type(issued) is not int or type(expires) is not int:
        raise Refusal(errors.BINDING, "The ID token has no times.")
    if expires < now - SKEW_S or abs(now - issued) > SKEW_S + _FRESH_S:
        raise Refusal(errors.EXPIRED, "The ID token is not of now.")


def check_fresh(claims: dict[str, Any], provider: Provider, now: float) -> None:
    """For a decision: the person logged in just now, and is of a domain that counts. Raises Refusal."""
    logged_in = claims.get("auth_time")
    if type(logged_in) is not int or now - logged_in > provider.max_age_s + SKEW_S:
        raise Refusal(errors.MFA, "The login is too old, or the token does not say when it was.")


def check_domain(claims: dict[str, Any], wanted: tuple[str, ...]) -> None:
    """The person's domain, by the provider's own word, is one of these. Raises Refusal."""
    found = {str(claims["hd"]).lower()} if isinstance(claims.get("hd"), str) else set()
    email = claims.get("email")
    if isinstance(email, str) and claims.get("email_verified") is not False:
        found.add(email.rpartition("@")[2].lower())
    if wanted and not found & {one.lower() for one in wanted}:
        raise Refusal(errors.APPROVER, "The person is of another domain.")


def _header(token: str) -> dict[str, Any]:
    try:
        return read_object(decode_base64url(token.partition(".")[0]))
    except WebEncodingError:
        raise Refusal(errors.BINDING, "Not an ID token.") from None


def _json(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unavailable("the identity provider's answer is no JSON object")
    return found


def _quoted(text: str) -> str:
    """As RFC 6749 section 2.3.1 wants the parts of Basic credentials."""
    return urlencode({"": text})[1:]
