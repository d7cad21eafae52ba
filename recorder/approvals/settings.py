"""`recorder/approvals.json`: who may approve, how people prove who they are, whom to notify, where the page is.

It belongs to the recorder and not to the policy, because the guarded side must not choose its own approvers. Strict:
unknown fields are refused. No secret stands in it: each is read from a 0600 file of its own. A file that cannot be used
lets nobody approve anything.
"""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from recorder.approvals.channels import Channel, Name, Part, Text, safe_url
from recorder.errors import RecorderError

OWN_ISSUER = "urn:clyra:approvers"
"""Issuer of people who have no identity provider here: they are known by their authenticator alone."""


class ApprovalSettingsError(RecorderError):
    """`approvals.json` cannot be used."""


class PageSettings(Part):
    """Where people decide. listen: loopback HOST:PORT ("" for no page). url: how browsers reach it from outside, "" for
    http://localhost:PORT; a TLS proxy in front of it makes the difference."""

    listen: str = Field(default="127.0.0.1:0", pattern=r"^((127\.[0-9.]+|\[::1\]|localhost):[0-9]{1,5})?$")
    url: str = Field(default="", max_length=300)

    @field_validator("url")
    @classmethod
    def _is_origin(cls, url: str) -> str:
        if url and (urlsplit(url).path not in ("", "/") or urlsplit(url).query):
            raise ValueError("an origin without path is needed")
        return safe_url(url).rstrip("/") if url else url


class Provider(Part):
    """An OpenID provider. acr, amr: any one of these values shows a second factor. max_age_s: a login this old is asked
    for again. domains: of approvers, empty: any. authority: PEM file of a private TLS authority."""

    name: Name
    issuer: Text
    client_id: Text
    client_secret_file: Path | None = None
    scopes: str = Field(default="openid email", max_length=200)
    amr: tuple[Text, ...] = ("mfa",)
    acr: tuple[Text, ...] = ()
    max_age_s: int = Field(default=300, ge=0, le=86_400)
    domains: tuple[Text, ...] = ()
    authority: Path | None = None

    _is_safe = field_validator("issuer")(safe_url)


class Person(Part):
    """One approver. iss, sub: as the identity provider names him. roles: what he may approve. email: for letters."""

    name: Name
    sub: Text
    iss: Text = OWN_ISSUER
    domain: str = Field(default="", max_length=253)
    email: str = Field(default="", max_length=254)
    roles: tuple[Name, ...] = ()
    disabled: bool = False


class AgentDuty(Part):
    """Whose agents these are. agents: name with `*`. owner, deployer: names of people, who then may not approve."""

    agents: Text
    owner: str = ""
    deployer: str = ""


class Delegation(Part):
    """For some time `to` may decide what `by` may. roles: empty for all of them."""

    by: Name
    to: Name
    until: datetime
    roles: tuple[Name, ...] = ()

    @field_validator("until")
    @classmethod
    def _has_zone(cls, until: datetime) -> datetime:
        if until.tzinfo is None:
            raise ValueError("a time zone is needed")
        return until


class ApprovalSettings(Part):
    """All of it. grade: `bec` takes only what a person signed; `operator` also takes a code that was told to him.

    mfa: every decision needs a second factor. phishing_resistant: classes that need an authenticator. challenge_s: time
    to answer one challenge. escalate_at: share of the deadline after which it is told again, to channels marked so.
    demand_trusted_keys: keys must be in the trust file already when they are used, not only when a bundle is verified.
    summaries_days: what approvers were shown is kept so long.
    """

    page: PageSettings = PageSettings()
    providers: tuple[Provider, ...] = Field(default=(), max_length=16)
    approvers: tuple[Person, ...] = Field(default=(), max_length=1024)
    duties: tuple[AgentDuty, ...] = Field(default=(), max_length=1024)
    delegations: tuple[Delegation, ...] = Field(default=(), max_length=1024)
    channels: tuple[Annotated[Channel, Field(discriminator="kind")], ...] = Field(default=(), max_length=16)
    grade: Literal["bec", "operator"] = "bec"
    mfa: bool = True
    phishing_resistant: tuple[Literal["B", "C"], ...] = ()
    challenge_s: int = Field(default=300, ge=10, le=3600)
    escalate_at: float = Field(default=0.5, gt=0, lt=1)
    demand_trusted_keys: bool = False
    summaries_days: int = Field(default=30, ge=1, le=3650)

    @model_validator(mode="after")
    def _sensible(self) -> ApprovalSettings:
        for kind, names in (
            ("approvers", [person.name for person in self.approvers]),
            ("providers", [provider.name for provider in self.providers]),
            ("channels", [channel.name for channel in self.channels]),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"two {kind} have the same name")
        identities = [(person.iss, person.sub) for person in self.approvers]
        if len(set(identities)) != len(identities):
            raise ValueError("one person is listed twice")
        known = {person.name for person in self.approvers}
        named = {one for d in self.delegations for one in (d.by, d.to)}
        named |= {one for duty in self.duties for one in (duty.owner, duty.deployer) if one}
        if missing := sorted(named - known):
            raise ValueError(f"{missing[0]} is no approver")
        return self

    def person(self, name: str) -> Person | None:
        return next((person for person in self.approvers if person.name == name), None)

    def person_of(self, issuer: str, subject: str) -> Person | None:
        return next((one for one in self.approvers if (one.iss, one.sub) == (issuer, subject)), None)

    def provider(self, name: str) -> Provider | None:
        return next((provider for provider in self.providers if provider.name == name), None)

    def duty_of(self, agent: str) -> AgentDuty | None:
        """The first entry that names this agent."""
        return next((duty for duty in self.duties if fnmatchcase(agent, duty.agents)), None)


class SettingsFile:
    """The file, read again whenever it changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int, int] | None = None
        self._settings = ApprovalSettings()

    def current(self) -> ApprovalSettings:
        """The settings now; those of nobody when there is no file. Raises ApprovalSettingsError."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._stamp = None
            return ApprovalSettings()
        except OSError as error:
            raise ApprovalSettingsError(f"Cannot read {self.path}.", f"The system says: {error.strerror}.") from None
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if stamp != self._stamp:
            self._settings, self._stamp = load(self.path), stamp
        return self._settings


def load(path: Path) -> ApprovalSettings:
    """Read the file strictly. Raises ApprovalSettingsError."""
    try:
        return ApprovalSettings.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ApprovalSettingsError(f"Cannot read {path}.", f"The system says: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = "/".join(str(part) for part in first["loc"]) or "top"
        raise ApprovalSettingsError(
            f"{path} is wrong at '{where}'.", f"{first['msg']}.", "See docs/approvals-howto.md."
        ) from None
