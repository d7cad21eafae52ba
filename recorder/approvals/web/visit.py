"""One request to the page, with everything a view may ask of it; and the ways in which a request is turned away."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from recorder.approvals.office import Office
from recorder.approvals.settings import ApprovalSettings
from recorder.approvals.web.oidc import OpenIdClient
from recorder.approvals.web.sessions import Session, Sessions
from recorder.http import Request

CSRF_HEADER = "x-clyra-csrf"
MAX_FORM = 65_536


class TurnedAway(Exception):  # noqa: N818 - an answer, not a fault
    """status: of the answer. detail: for a person."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass(slots=True)
class Site:
    """What all visits share. base: origin that browsers use. rp_id: its host."""

    office: Office
    base: str
    rp_id: str
    sessions: Sessions
    clients: dict[str, OpenIdClient]

    def client(self, settings: ApprovalSettings, name: str) -> OpenIdClient:
        """The client of a provider, made anew when its settings changed. Raises TurnedAway."""
        provider = settings.provider(name)
        if provider is None:
            raise TurnedAway(404, "No such identity provider.")
        known = self.clients.get(name)
        if known is None or known.provider != provider:
            known = self.clients[name] = OpenIdClient(provider, f"{self.base}/callback")
        return known


@dataclass(slots=True)
class Visit:
    """path: without query. parts: the path's segments."""

    site: Site
    request: Request
    path: str
    parts: tuple[str, ...]
    query: dict[str, str]
    settings: ApprovalSettings
    session: Session | None

    def logged_in(self) -> Session:
        """The session, still of somebody who may decide. Raises TurnedAway."""
        if self.session is None:
            raise TurnedAway(403, "Log in first.")
        person = self.session.person
        if self.settings.person_of(person.iss, person.sub) is None:
            raise TurnedAway(403, "You are no approver any more.")
        return self.session

    def own_change(self, form: dict[str, str] | None = None) -> Session:
        """The session of a change that this page itself asked for: its token is repeated. Raises TurnedAway."""
        session = self.logged_in()
        told = (form or {}).get("csrf") or self.request.headers.get(CSRF_HEADER, "")
        if told != session.csrf:
            raise TurnedAway(403, "The page is too old. Load it again.")
        return session

    def form(self) -> dict[str, str]:
        """The fields of a form. Raises TurnedAway."""
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded" or len(self.request.body) > MAX_FORM:
            raise TurnedAway(400, "Not a form of this page.")
        try:
            return dict(parse_qsl(self.request.body.decode("ascii"), keep_blank_values=True, max_num_fields=32))
        except (UnicodeDecodeError, ValueError):
            raise TurnedAway(400, "Not a form of this page.") from None

    def document(self) -> dict[str, Any]:
        """The JSON object of a script's request. Raises TurnedAway."""
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            found = json.loads(self.request.body) if len(self.request.body) <= MAX_FORM else None
        except (ValueError, RecursionError):
            found = None
        if kind != "application/json" or not isinstance(found, dict):
            raise TurnedAway(400, "A JSON object is expected.")
        return found
