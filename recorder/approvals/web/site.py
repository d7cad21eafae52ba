"""Which path leads where, and who is let in at all.

Rules. (1) A request must be for this origin (Host, against DNS rebinding), and a change must come from it (Origin, and
Sec-Fetch-Site where the browser says it). (2) What a view cannot do becomes one short page or JSON answer with the
code; nothing of a fault is shown. (3) Nothing here touches the book: that is the office's thread.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Awaitable, Callable
from functools import cache
from importlib import resources
from urllib.parse import parse_qsl, urlsplit

from recorder.approvals.errors import Refusal, Unavailable
from recorder.approvals.settings import ApprovalSettingsError
from recorder.approvals.web import decisions, html, login
from recorder.approvals.web.answers import Answer, file, page, told
from recorder.approvals.web.visit import Site, TurnedAway, Visit
from recorder.errors import RecorderError
from recorder.http import Request

log = logging.getLogger("recorder.approvals.web")

type View = Callable[[Visit], Awaitable[Answer]]
_ROUTES: dict[tuple[str, tuple[str, ...]], View] = {
    ("GET", ()): decisions.show_list,
    ("GET", ("r", "*")): decisions.show_packet,
    ("POST", ("r", "*", "challenge")): decisions.passkey_challenge,
    ("POST", ("r", "*", "decide")): decisions.passkey_decision,
    ("POST", ("r", "*", "sso")): decisions.sso_begin,
    ("GET", ("callback",)): decisions.come_back,
    ("GET", ("login",)): login.show_login,
    ("GET", ("login", "*")): login.begin_oidc,
    ("POST", ("login", "passkey", "options")): login.passkey_options,
    ("POST", ("login", "passkey")): login.passkey_login,
    ("POST", ("logout",)): login.log_out,
    ("GET", ("enrol", "*")): login.show_enrolment,
    ("POST", ("enrol", "*", "options")): login.enrolment_options,
    ("POST", ("enrol", "*")): login.enrol,
}
_ASSETS = {
    "icon.svg": "image/svg+xml",
    "approvals.css": "text/css; charset=utf-8",
    "approvals.js": "text/javascript; charset=utf-8",
}


async def answer(site: Site, request: Request) -> Answer:
    """Answer one request. Never raises."""
    path, _, query = request.path.partition("?")
    wants_json = request.headers.get("content-type", "").startswith("application/json")
    try:
        _check_origin(site, request)
        parts = tuple(part for part in path.split("/") if part)
        if parts[:1] == ("assets",) and len(parts) == 2 and parts[1] in _ASSETS and request.method == "GET":
            return file(_asset(parts[1]), _ASSETS[parts[1]])
        settings = await site.office.run(site.office.settings.current)
        fields = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=32))
        visit = Visit(site, request, path, parts, fields, settings, site.sessions.of(request.headers))
        return await _view(request.method, parts)(visit)
    except TurnedAway as away:
        return _turned_away(away.status, away.detail, wants_json)
    except Refusal as refusal:
        return _turned_away(409, refusal.detail, wants_json, refusal.code)
    except (Unavailable, ApprovalSettingsError, RecorderError, sqlite3.Error) as error:
        log.error("the page could not answer: %s", type(error).__name__)  # noqa: TRY400 - its text may name a place
        return _turned_away(503, "It cannot be done now. Try again.", wants_json)
    except Exception as error:  # noqa: BLE001 - fail closed: nothing was decided
        log.error("the page failed: %s", type(error).__name__)  # noqa: TRY400
        return _turned_away(503, "It cannot be done now.", wants_json)


def _view(method: str, parts: tuple[str, ...]) -> View:
    found = None
    for (verb, pattern), view in _ROUTES.items():
        if verb == method and len(pattern) == len(parts):
            exact = sum(one == other for one, other in zip(pattern, parts, strict=True))
            fits = all(one in ("*", other) for one, other in zip(pattern, parts, strict=True))
            if fits and (found is None or exact > found[0]):
                found = exact, view
    if found is None:
        raise TurnedAway(404, "There is no such page.")
    return found[1]


def _check_origin(site: Site, request: Request) -> None:
    if request.headers.get("host", "").lower() != urlsplit(site.base).netloc:
        raise TurnedAway(421, "This page has another address.")
    if request.method == "GET":
        return
    if request.method != "POST":
        raise TurnedAway(405, "Only GET and POST.")
    fetched = request.headers.get("sec-fetch-site", "same-origin")
    if request.headers.get("origin") != site.base or fetched != "same-origin":
        raise TurnedAway(403, "A change must come from this page.")


def _turned_away(status: int, detail: str, wants_json: bool, code: str = "") -> Answer:
    if wants_json:
        return told({"detail": detail, "status": status, **({"code": code} if code else {})}, status)
    note = f"{detail} ({code})" if code else detail
    return page(html.message("Approvals", note), status)


@cache
def _asset(name: str) -> bytes:
    return (resources.files("recorder") / "approvals" / "web" / "assets" / name).read_bytes()
