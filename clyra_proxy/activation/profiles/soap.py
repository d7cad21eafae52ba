"""Salesforce by SOAP: calls that sign in or read pass, anything else is a write whose rows nobody reads.

So are programs, by whatever way they come.

Guarantees: one linear look for the one element in the body; documents with comments, CDATA sections or a DOCTYPE are
not looked into (`opaque`), because they can show one element and mean another.
"""

from __future__ import annotations

from collections.abc import Mapping

import re2  # type: ignore[import-untyped]

from clyra_proxy.activation.model import Batch
from clyra_proxy.activation.profiles.compiled import CompiledEndpoint
from clyra_proxy.activation.profiles.endpoint import DeclaredEndpoint
from clyra_proxy.activation.profiles.jobs import Jobs
from clyra_proxy.activation.profiles.paths import Call
from clyra_proxy.activation.profiles.reasons import Unreadable, unreadable
from clyra_proxy.exchange import RequestHead

_CALL = re2.compile(rb"<(?:[\w.-]{1,64}:)?Body(?:\s[^<>]{0,900})?>\s*<(?:[\w.-]{1,64}:)?(\w{1,64})[\s/>]")
_READING = frozenset(
    b"""login logout query queryall querymore retrieve search
    getuserinfo getservertimestamp getupdated getdeleted""".split()
)


class SoapEndpoint(DeclaredEndpoint):
    """One SOAP call."""

    def __init__(self, compiled: CompiledEndpoint, call: Call, captures: Mapping[str, str], _: Jobs) -> None:
        super().__init__(compiled, call, captures)

    def read(self, head: RequestHead, body: bytes) -> Batch:
        found = _CALL.findall(body) if b"<!" not in body else []
        if len(found) != 1 or not (found[0].lower() in _READING or found[0].lower().startswith(b"describe")):
            raise unreadable(Unreadable.OPAQUE)
        self.writes = False
        return Batch(self.compiled.destination.id, "")


class ProgramEndpoint(DeclaredEndpoint):
    """A request that is a program: nobody can tell its rows."""

    def __init__(self, compiled: CompiledEndpoint, call: Call, captures: Mapping[str, str], _: Jobs) -> None:
        super().__init__(compiled, call, captures)

    def read(self, head: RequestHead, body: bytes) -> Batch:
        raise unreadable(Unreadable.OPAQUE)
