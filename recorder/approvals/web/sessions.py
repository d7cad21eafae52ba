"""Who is logged in on the page, and which logins are under way. In memory: a restart logs everybody out, and no more.

A session is a random cookie, HttpOnly and SameSite=Lax (a login comes back from another site by a plain GET), with a
token of its own that every change must repeat. A flow is one trip to an identity provider: its state is known to this
process and to the browser that began it, and is good once.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from recorder.approvals.settings import Person

LIFETIME_S = 8 * 3600.0
IDLE_S = 1800.0
FLOW_S = 600.0
MOST = 4096


@dataclass(slots=True)
class Session:
    """csrf: what a form or script must repeat. seen: last use, seconds of the monotonic clock."""

    person: Person
    csrf: str
    began: float
    seen: float


@dataclass(frozen=True, slots=True)
class Flow:
    """One trip. nonce: expected in the ID token. approval_nonce: of the challenge it answers, "" for a mere login."""

    provider: str
    verifier: str
    nonce: str
    began: float
    back_to: str = "/"
    approval_nonce: str = ""
    person: Person | None = None


@dataclass(slots=True)
class Sessions:
    """secure: whether the page is reached by https, so that cookies must be."""

    secure: bool
    _sessions: dict[str, Session] = field(default_factory=dict)
    _flows: dict[str, Flow] = field(default_factory=dict)
    _challenges: dict[str, tuple[bytes, str, float]] = field(default_factory=dict)

    @property
    def cookie(self) -> str:
        return "__Host-clyra" if self.secure else "clyra"

    @property
    def flow_cookie(self) -> str:
        return "__Host-clyra-flow" if self.secure else "clyra-flow"

    def begin(self, person: Person) -> str:
        """Log a person in; the Set-Cookie line."""
        now, token = time.monotonic(), secrets.token_urlsafe(32)
        _make_room(self._sessions)
        self._sessions[token] = Session(person, secrets.token_urlsafe(32), now, now)
        return self._line(self.cookie, token, int(LIFETIME_S))

    def end(self, headers: Mapping[str, str]) -> str:
        """Log out; the Set-Cookie line."""
        self._sessions.pop(cookies_of(headers).get(self.cookie, ""), None)
        return self._line(self.cookie, "", 0)

    def of(self, headers: Mapping[str, str]) -> Session | None:
        """The session of a request that is still good."""
        token = cookies_of(headers).get(self.cookie, "")
        found, now = self._sessions.get(token), time.monotonic()
        if found is None:
            return None
        if now - found.began > LIFETIME_S or now - found.seen > IDLE_S:
            del self._sessions[token]
            return None
        found.seen = now
        return found

    def set_out(self, flow: Flow) -> tuple[str, str]:
        """Begin a trip to a provider: (state, Set-Cookie line)."""
        state = secrets.token_urlsafe(32)
        _make_room(self._flows)
        self._flows[state] = flow
        return state, self._line(self.flow_cookie, state, int(FLOW_S))

    def come_back(self, state: str, headers: Mapping[str, str]) -> Flow | None:
        """The trip that ends, when this browser began it and it is not too old; good once."""
        flow = self._flows.pop(state, None)
        begun = cookies_of(headers).get(self.flow_cookie, "")
        if flow is None or not secrets.compare_digest(begun.encode(), state.encode()):
            return None
        return flow if time.monotonic() - flow.began <= FLOW_S else None

    def ask(self, name: str) -> tuple[str, bytes]:
        """A challenge for a login by passkey: (its id, 32 random bytes)."""
        key, challenge = secrets.token_urlsafe(16), secrets.token_bytes(32)
        _make_room(self._challenges)
        self._challenges[key] = (challenge, name, time.monotonic())
        return key, challenge

    def asked(self, key: str) -> tuple[bytes, str] | None:
        """The challenge and the name it was for; good once."""
        found = self._challenges.pop(key, None)
        if found is None or time.monotonic() - found[2] > FLOW_S:
            return None
        return found[0], found[1]

    def _line(self, name: str, value: str, age: int) -> str:
        secure = "; Secure" if self.secure else ""
        return f"set-cookie: {name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"


def cookies_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Name -> value (RFC 6265 section 4.2); the first of a name counts."""
    found: dict[str, str] = {}
    for part in headers.get("cookie", "").split(";"):
        name, mark, value = part.strip().partition("=")
        if mark:
            found.setdefault(name, value)
    return found


def _make_room[Value](table: dict[str, Value]) -> None:
    while len(table) >= MOST:
        del table[next(iter(table))]
