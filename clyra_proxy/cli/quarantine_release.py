"""Sending an entry of the quarantine again, through the running proxy and all of its checks."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from clyra_proxy.activation.quarantine.entry import Content, Label, Request
from clyra_proxy.activation.quarantine.releasing import Release, outcome
from clyra_proxy.activation.quarantine.store import RELEASE, Quarantine
from clyra_proxy.cli.client_variables import ClientSettings
from clyra_proxy.cli.running import find_proxy
from clyra_proxy.errors import CannotTellError, StartupError, UsageError
from clyra_proxy.home import Home

TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Sender:
    """home: data folder of the proxy. proxy: another one. agent, token: who to be. headers: to send besides."""

    home: Home
    proxy: str | None
    agent: str
    token: str
    headers: tuple[tuple[str, str], ...]

    def send(self, store: Quarantine, label: Label, content: Content) -> dict[str, Any]:
        """Send one entry and keep what is left of it; what became of it. Raises StartupError, CannotTellError."""
        request = content.request
        if request is None:
            raise CannotTellError(
                f"The rows of {label.id} cannot be sent by themselves.",
                "Their request could not be written for them alone.",
                "Show them with --reveal, correct them at their source, and sync again.",
            )
        answer = self._answer(label.id, request)
        found: Release = outcome(label, content, answer.status_code, answer.headers, answer.content)
        if found.taken:
            store.reduce(label, content, found.left, found.body)
        told = {"id": label.id, "status": answer.status_code, "released": len(found.taken), "left": len(found.left)}
        return {**told, "verdict": answer.headers.get("clyra-verdict", ""), "reason": _reason(answer)}

    def _answer(self, entry: str, request: Request) -> httpx.Response:
        proxy = find_proxy(self.home, self.proxy)
        settings = ClientSettings(
            host=proxy.host,
            port=proxy.port,
            ca_certificate=self.home.ca_certificate,
            ca_bundle=self.home.ca_bundle,
            java_trust_store=Path(),
            wget_settings=Path(),
            agent=self.agent,
            token=self.token,
        )
        own = {name.lower() for name, _ in self.headers}
        kept = [(name, text) for name, text in request.headers if name.lower() not in own]
        try:
            context = ssl.create_default_context(cafile=self.home.ca_bundle)
            with httpx.Client(proxy=settings.proxy_url, verify=context, trust_env=False, timeout=TIMEOUT_S) as client:
                return client.request(
                    request.method, request.url, headers=[*kept, *self.headers, (RELEASE, entry)], content=request.body
                )
        except (httpx.HTTPError, OSError) as error:
            raise StartupError(
                f"{entry} could not be sent.",
                f"{type(error).__name__}: {error}.",
                "Nothing was changed; see 'clyra status' and 'clyra tail'.",
            ) from error


def read_headers(given: list[str]) -> tuple[tuple[str, str], ...]:
    """`NAME=VALUE` texts as header fields. Raises UsageError."""
    return tuple(map(_read_header, given))


def _read_header(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageError("--header is not NAME=VALUE.", "", "Example: --header 'Authorization=env:HUBSPOT_AUTH'")
    kind, colon, place = value.partition(":")
    if colon and kind == "env":
        if place not in os.environ:
            raise UsageError(
                f"The variable {place} is not set.", f"--header {name} takes its value from it.", "Set it."
            )
        value = os.environ[place]
    elif colon and kind == "file":
        try:
            value = Path(place).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise UsageError(f"{place} cannot be read.", f"{error.strerror}.", "Check the path.") from error
    return name.strip(), value


def _reason(answer: httpx.Response) -> str:
    return str(answer.headers.get("clyra-reason", ""))[:64]
