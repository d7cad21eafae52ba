"""One POST to a service, trusting nothing that comes back.

Guarantees: never follows a redirect, never uses a proxy of the environment (that could be ourselves), never reads more
than the limit, accepts only status 200 with uncompressed JSON, and turns every other end into a `ServiceFailure`.
Time is bounded by the caller, who abandons the call.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx

from clyra_proxy.errors import PolicyError
from clyra_proxy.policy.services import Service, ServiceTls
from clyra_proxy.services.credential import Secret
from clyra_proxy.services.failure import Cause, ServiceFailure

_HEADERS = {
    "content-type": "application/json",
    "accept": "application/json",
    "accept-encoding": "identity",
    "user-agent": "clyra",
}
_BROKEN = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class Transport:
    """The connections to one service. Opened with the first call, on the loop that makes it.

    url: what calls are posted to. owner: whose service it is, in messages about its files and its secret.
    """

    def __init__(self, settings: Service, url: str, base_dir: Path, owner: str) -> None:
        self._url = url
        self._most = settings.max_answer_bytes
        self._concurrency = settings.concurrency
        self._trust: ssl.SSLContext | bool = False  # `http`: no context to build when the first call is made
        if url.startswith("https:"):
            self._trust = tls_context(settings.tls, base_dir, owner)
        self._secret = Secret(settings.credential, base_dir, owner) if settings.credential else None
        self._client: httpx.AsyncClient | None = None

    async def post(self, body: bytes) -> bytes:
        """The body of the answer. A connection that broke, and a secret that was replaced, are tried once more."""
        try:
            return await self._once(body)
        except _Again as again:
            if again.secret and not await self._secret_changed():
                raise ServiceFailure(Cause.UNAUTHORISED) from again
        try:
            return await self._once(body)
        except _Again as again:
            raise ServiceFailure(Cause.UNAUTHORISED if again.secret else Cause.CONNECTION) from again

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _secret_changed(self) -> bool:
        return self._secret is not None and await asyncio.to_thread(self._secret.read_again)

    async def _once(self, body: bytes) -> bytes:
        headers = dict([*_HEADERS.items(), *([self._secret.header] if self._secret else ())])
        try:
            async with self._opened().stream("POST", self._url, content=body, headers=headers) as response:
                self._check_head(response)
                return await self._read(response)
        except _BROKEN as error:
            raise _Again(secret=False) from error
        except httpx.HTTPError as error:
            raise ServiceFailure(Cause.TLS if _is_tls(error) else Cause.CONNECTION) from error

    def _check_head(self, response: httpx.Response) -> None:
        if response.status_code in (401, 403):
            raise _Again(secret=True)
        if response.is_redirect or 300 <= response.status_code < 400:
            raise ServiceFailure(Cause.REDIRECT)
        if response.status_code != 200:
            raise ServiceFailure(Cause.STATUS)
        media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
            raise ServiceFailure(Cause.MEDIA_TYPE)
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise ServiceFailure(Cause.MEDIA_TYPE)

    async def _read(self, response: httpx.Response) -> bytes:
        read = bytearray()
        async for piece in response.aiter_raw():
            read += piece
            if len(read) > self._most:
                raise ServiceFailure(Cause.ANSWER_TOO_LARGE)
        return bytes(read)

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=self._trust,
                trust_env=False,
                follow_redirects=False,
                timeout=None,  # noqa: S113 - bounded by whoever asks, as a whole and not piece by piece
                limits=httpx.Limits(max_connections=self._concurrency, max_keepalive_connections=self._concurrency),
            )
        return self._client


class _Again(Exception):  # noqa: N818 - an instruction
    """Worth one more try. secret: because the credential was refused, else because the connection broke."""

    def __init__(self, *, secret: bool) -> None:
        super().__init__()
        self.secret = secret


def tls_context(settings: ServiceTls, base_dir: Path, owner: str) -> ssl.SSLContext:
    """TLS 1.2 or later, verifying, with our certificate where policy gives one. Raises PolicyError."""
    load: Callable[[], None] | None = None
    try:
        context = ssl.create_default_context(cafile=str(base_dir / settings.ca) if settings.ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.certificate and settings.key:
            certificate, key = base_dir / settings.certificate, base_dir / settings.key
            load = lambda: context.load_cert_chain(certificate, key, password=_no_password)  # noqa: E731
            load()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        which = "client certificate or key" if load else "`ca` file"
        raise PolicyError(
            f"{owner}: its {which} cannot be used.",
            f"The system says: {error}.",
            "Name PEM files; the key must not be encrypted.",
        ) from error
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
