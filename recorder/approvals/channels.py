"""Where reviewers are told: webhook, Slack, e-mail. No secret stands in the settings."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$")]
Text = Annotated[str, Field(min_length=1, max_length=256)]


class Part(BaseModel):
    """A part of the file: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def is_safe_url(url: str) -> bool:
    """Whether a URL is https, or http to this very machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" and host:
        return True
    return parts.scheme == "http" and (host == "localhost" or is_loopback(host))


def is_loopback(host: str) -> bool:
    """Whether a host is a loopback address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def safe_url(url: str) -> str:
    """`url` itself. Raises ValueError when it is not safe."""
    if not is_safe_url(url):
        raise ValueError("https is needed, or http to localhost")
    return url


class _Channel(Part):
    name: Name
    roles: tuple[Name, ...] = ()
    escalation: bool = False


class WebhookChannel(_Channel):
    """Signed as Standard Webhooks say. secret_file: `whsec_` and base64, or the raw secret; of several lines each
    signs, the newest first. authority: PEM file."""

    kind: Literal["webhook"] = "webhook"
    url: Text
    secret_file: Path
    authority: Path | None = None

    _is_safe = field_validator("url")(safe_url)


class SlackChannel(_Channel):
    """A Slack incoming webhook. url_file: its address is the secret, so it stands in a 0600 file."""

    kind: Literal["slack"] = "slack"
    url_file: Path


class EmailChannel(_Channel):
    """A mail server. to: addresses besides those of the approvers concerned."""

    kind: Literal["email"] = "email"
    host: Text
    port: int = Field(default=587, ge=1, le=65_535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    sender: Text
    to: tuple[Text, ...] = ()
    user: str = ""
    password_file: Path | None = None

    @model_validator(mode="after")
    def _plain_only_here(self) -> EmailChannel:
        if self.tls == "none" and not (self.host == "localhost" or is_loopback(self.host)):
            raise ValueError("mail without TLS goes to this machine only")
        return self


Channel = WebhookChannel | SlackChannel | EmailChannel
