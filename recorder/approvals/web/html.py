"""What one sees: plain pages that need no script to be read, with one heading each, labels, and a live status line.

Every value is escaped here and nowhere else; what a packet shows is printed exactly as it was committed to. WCAG 2.2:
language, landmarks, table headers, visible focus, no meaning by colour alone.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from recorder.approvals.settings import Person, Provider

_STATES = {
    "requested": "Waiting for a decision",
    "granted": "Approved, not used yet",
    "consumed": "Approved and used",
    "refused": "Refused",
    "expired": "Expired",
    "superseded": "Superseded by a newer request",
    "unreachable": "Nobody could decide",
}


def frame(title: str, body: str, person: Person | None = None, csrf: str = "") -> str:
    """A whole page. body: markup that is escaped already."""
    who = ""
    if person is not None:
        who = (
            f'<form method="post" action="/logout"><span>Logged in as {escape(person.name)}</span>'
            f'<input type="hidden" name="csrf" value="{escape(csrf)}"><button class="quiet">Log out</button></form>'
        )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · Clyra approvals</title>"
        '<link rel="icon" href="/assets/icon.svg">'
        '<link rel="stylesheet" href="/assets/approvals.css"><script src="/assets/approvals.js" defer></script></head>'
        f'<body data-csrf="{escape(csrf)}"><header><nav aria-label="Main"><a href="/">Approvals</a></nav>{who}</header>'
        f'<main id="main"><h1>{escape(title)}</h1>{body}'
        '<p id="status" role="status" aria-live="polite"></p></main></body></html>'
    )


def login(providers: Iterable[Provider], back_to: str) -> str:
    """The ways to log in."""
    ways = "".join(
        f'<li><a class="button" href="/login/{escape(one.name)}?next={escape(back_to)}">'
        f"Log in with {escape(one.name)}</a></li>"
        for one in providers
    )
    passkey = (
        '<form id="passkey-login" class="card"><h2>With a passkey</h2>'
        '<label for="name">Your name, as enrolled</label>'
        '<input id="name" name="name" autocomplete="username webauthn" required>'
        f'<button data-next="{escape(back_to)}">Log in with a passkey</button></form>'
    )
    others = f'<section class="card"><h2>With your organisation</h2><ul class="ways">{ways}</ul></section>'
    return frame("Log in", (others if ways else "") + passkey)


def listing(rows: Sequence[sqlite3.Row], person: Person, csrf: str, now: float) -> str:
    """What waits, and what was decided lately."""
    if not rows:
        return frame("Approvals", "<p>Nothing waits for you.</p>", person, csrf)
    lines = "".join(_listed(row, now) for row in rows)
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Request", "Asked by", "Class", "State", "Deadline"))
    return frame("Approvals", f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>", person, csrf)


def _listed(row: sqlite3.Row, now: float) -> str:
    request = json.loads(row["request"])
    act = request["act"]
    what = escape(f"{act['method']} {act.get('host', '')}{act['target']}")
    left = int((row["deadline"] - now) / 60)
    due = f"in {left} min" if row["state"] == "requested" else ""
    return (
        f'<tr><th scope="row"><a href="/r/{escape(row["id"])}">{what}</a></th>'
        f"<td>{escape(str(request['agent'].get('uid', '')))}</td><td>{escape(request['action_class'])}</td>"
        f"<td>{escape(_STATES.get(row['state'], row['state']))}</td><td>{due}</td></tr>"
    )


def packet(
    row: sqlite3.Row,
    given: Sequence[sqlite3.Row],
    person: Person,
    csrf: str,
    providers: Sequence[Provider],
    *,
    has_passkey: bool,
    barred: str,
) -> str:
    """One request: what is shown is what is signed. barred: why this person may not decide, "" when he may."""
    if row["display"] is None:
        return frame("Approval request", "<p>What was shown has been forgotten after its time.</p>", person, csrf)
    shown = json.loads(row["display"])
    body = f'<p class="state state-{escape(row["state"])}">{escape(_STATES.get(row["state"], row["state"]))}</p>'
    body += _risks(shown) + _lines(shown) + _bound(shown, given)
    if row["state"] == "requested":
        body += f'<p class="barred">{escape(barred)}</p>' if barred else _choices(row, csrf, providers, has_passkey)
    return frame("Approval request", body, person, csrf)


def _lines(shown: dict[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th><td>{escape(value)}</td></tr>' for label, value in shown["lines"]
    )
    return (
        f'<section class="card"><h2>What is asked for</h2><table class="lines"><tbody>{rows}</tbody></table></section>'
    )


def _risks(shown: dict[str, Any]) -> str:
    if not shown["risks"]:
        return ""
    items = "".join(f"<li>{escape(risk)}</li>" for risk in shown["risks"])
    more = shown["risks_total"] - len(shown["risks"])
    tail = f"<p>{more} more findings are not shown.</p>" if more > 0 else ""
    return f'<section class="card risks"><h2>Risks found</h2><ul>{items}</ul>{tail}</section>'


def _bound(shown: dict[str, Any], given: Sequence[sqlite3.Row]) -> str:
    grants = sum(one["decision"] == "grant" for one in given)
    digest = shown["payload"]["sha256"]
    groups = " ".join(digest[at : at + 8] for at in range(0, 64, 8))
    until = datetime.fromtimestamp(shown["deadline"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    facts = (
        ("Approval", shown["approval"]),
        ("Class", f"{shown['class']}: {shown['need']} of different people must approve; {grants} did"),
        ("Role", shown["role"] or "any approver"),
        ("Deadline", until),
        ("Payload SHA-256", groups),
        ("Deployment", shown["bound"]["audience"]),
    )
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f'<section class="card"><h2>What your decision is bound to</h2><dl>{items}</dl></section>'


def _choices(row: sqlite3.Row, csrf: str, providers: Sequence[Provider], has_passkey: bool) -> str:
    made = ""
    if has_passkey:
        made += (
            f'<div class="choices" id="passkey" data-packet="{escape(row["id"])}">'
            '<button data-decision="grant">Approve with passkey</button>'
            '<button data-decision="deny" class="danger">Refuse with passkey</button></div>'
        )
    for provider in providers:
        buttons = "".join(
            f'<button name="decision" value="{decision}"{style}>{word} with {escape(provider.name)}</button>'
            for decision, word, style in (("grant", "Approve", ""), ("deny", "Refuse", ' class="danger"'))
        )
        made += (
            f'<form class="choices" method="post" action="/r/{escape(row["id"])}/sso">'
            f'<input type="hidden" name="csrf" value="{escape(csrf)}">'
            f'<input type="hidden" name="provider" value="{escape(provider.name)}">{buttons}</form>'
        )
    if not made:
        made = (
            "<p>You have no passkey here, and no identity provider of yours is set up. Ask for an enrolment link.</p>"
        )
    return f'<section class="card"><h2>Your decision</h2>{made}</section>'


def enrolment(person: str, token: str) -> str:
    """The page on which a person registers an authenticator."""
    body = (
        f'<div class="card"><p>Register an authenticator for <strong>{escape(person)}</strong>. '
        "It must check that it is you: by fingerprint, face or PIN.</p>"
        f'<button id="enrol" data-token="{escape(token)}">Register this device</button></div>'
    )
    return frame("Enrol an authenticator", body)


def message(title: str, text: str, back_to: str = "/") -> str:
    """A page that says one thing."""
    return frame(title, f'<p>{escape(text)}</p><p><a href="{escape(back_to)}">Go on</a></p>')
