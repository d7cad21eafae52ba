"""Salted fingerprints of what must not be kept, and the scope that counters belong to.

Guarantees: a fingerprint is a keyed BLAKE2b hash (RFC 7693) of length-prefixed parts under the data folder's secret, so
that neither a guess nor another installation can confirm what was hashed; equal JSON values have equal fingerprints
whatever the order of their members.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import orjson

from clyra_proxy.genai.inspection import Inspection
from clyra_proxy.genai.model import Provenance
from clyra_proxy.genai.moments import is_message

_BYTES = 16
_ANONYMOUS = "anonymous"


class Salt:
    """Makes fingerprints. secret: 32 bytes, stable for the data folder."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret[:64]

    def of(self, *parts: str | bytes) -> str:
        """Fingerprint of some parts, in hex."""
        digest = hashlib.blake2b(key=self._secret, digest_size=_BYTES)
        for part in parts:
            data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big"))
            digest.update(data)
        return digest.hexdigest()


def canonical(value: Any) -> bytes:
    """One text for equal JSON values. Raises nothing on what a JSON parser gave."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, RecursionError):
        return json.dumps(value, sort_keys=True, separators=(",", ":"), default=repr).encode("utf-8", "surrogatepass")


def agent_scope(salt: Salt, inspection: Inspection) -> str:
    """Key of what belongs to one agent of one tenant; agents that proved no name share one."""
    return salt.of("agent", inspection.caller.tenant, inspection.caller.proven)


def work_scope(salt: Salt, inspection: Inspection) -> str:
    """Key of what one agent does at a time over all servers: its run, else the named agent, else as `run_scope`."""
    caller = inspection.caller
    if caller.run or caller.agent == _ANONYMOUS:
        return run_scope(salt, inspection)
    return agent_scope(salt, inspection)


def is_one_agent(inspection: Inspection) -> bool:
    """Whether what `work_scope` puts together is the work of one agent, and not of all that share a name."""
    return bool(inspection.caller.run) or inspection.caller.named


def run_scope(salt: Salt, inspection: Inspection) -> str:
    """Key of what belongs to one run: the caller's run, its session, its conversation, or the agent itself.

    A WebSocket session is one conversation; over HTTP it is told by its system prompt and first message, which every
    later request of it repeats. The rest of a named agent's work is one run; nothing tells apart what comes under a
    name that programs share: the empty text.
    """
    caller = inspection.caller
    who = (caller.tenant, caller.proven)
    if caller.run:
        return salt.of("run", *who, caller.run)
    if caller.session:
        return salt.of("session", *who, caller.session)
    if is_message(inspection.conversation):
        return salt.of("exchange", inspection.exchange)
    opening = _opening(inspection)
    if opening:
        return salt.of("conversation", *who, *opening)
    return agent_scope(salt, inspection) if caller.named else ""


def _opening(inspection: Inspection) -> list[bytes]:
    """The texts that a conversation began with, system prompts, then the first message; without digits, because
    prompts tell the time."""
    conversation = inspection.request or inspection.conversation
    opening: list[bytes] = []
    for segment in conversation.segments:
        if segment.provenance in (Provenance.SYSTEM, Provenance.USER):
            opening.append(segment.text.encode("utf-8", "replace").translate(None, b"0123456789"))
        if segment.provenance is Provenance.USER:
            return opening
    return []
