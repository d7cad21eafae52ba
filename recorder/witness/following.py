"""Following the keys of a log that changes them: from its trust file, by the endorsed changes it shows.

The C2SP protocol leaves it to the operator to tell a witness of a new log key. A log whose key is delegated for a day
would need that daily, so this witness can be given the log's trust file instead, and takes the log's own list of key
changes (`keys/rotations.dsse.jsonl`) by `POST /add-rotations`: origin, LF, the list. It is believed by the rules every
verifier uses, and only ever grows: another list than a continuation of the known one is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from recorder.cosignature import LOG_TYPE, Vkey
from recorder.effective_keys import KeyRing, effective_keys
from recorder.public_key import ED25519
from recorder.trust import Trust
from recorder.witness.decision import Refusal

PATH = "/add-rotations"
_END = 2**53


@dataclass(frozen=True, slots=True)
class Followed:
    """One log. member: its list of key changes as known. ring: the keys that follow from both."""

    trust: Trust
    member: bytes
    ring: KeyRing

    @classmethod
    def of(cls, trust: Trust, member: bytes) -> Followed:
        return cls(trust, member, effective_keys(trust, trust.origin, _END, member))

    def keys_at(self, size: int) -> tuple[Vkey, ...]:
        """The log keys that may sign a checkpoint of this size."""
        return tuple(
            Vkey(self.trust.origin, key.public, LOG_TYPE)
            for key in self.ring.of_role("log")
            if key.alg == ED25519 and not key.refusal_at(size)
        )


def continue_list(known: Followed | None, member: bytes) -> Followed | Refusal:
    """The log with a longer list of changes, or why not: 404 not followed, 409 another list, 422 not endorsed."""
    if known is None:
        return Refusal(404, "this witness has no trust file of that log")
    if not member.startswith(known.member):
        return Refusal(409, "another list of key changes is known")
    found = Followed.of(known.trust, member)
    if found.ring.failures:
        first = found.ring.failures[0]
        return Refusal(422, f"{first.code}: {first.detail}")
    return found


def format_body(origin: str, member: bytes) -> bytes:
    """A list of key changes as it is sent to a witness: the origin on its line, then the member."""
    return origin.encode() + b"\n" + member


def parse_body(body: bytes) -> tuple[str, bytes]:
    """(origin, member). Raises ValueError."""
    origin, separator, member = body.partition(b"\n")
    if not separator or not origin or len(origin) > 800:
        raise ValueError("no origin line")
    return origin.decode("utf-8"), member
