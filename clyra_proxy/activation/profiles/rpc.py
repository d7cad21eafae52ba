"""Destinations that are called by JSON-RPC 2.0: Census Custom Destination, Hightouch Embedded Destination.

Guarantees: the method decides whether a call writes; a method that is not known is a write that cannot be read. Census
names rows by their identifier, the field that its sync plan marks as active.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from clyra_proxy.activation.model import Batch, Operation
from clyra_proxy.activation.profiles.compiled import CompiledEndpoint
from clyra_proxy.activation.profiles.endpoint import DeclaredEndpoint
from clyra_proxy.activation.profiles.jobs import Jobs
from clyra_proxy.activation.profiles.json_body import look, text_of, tokens_of
from clyra_proxy.activation.profiles.paths import Call
from clyra_proxy.activation.profiles.reasons import Unreadable, unreadable
from clyra_proxy.exchange import RequestHead

_READING = frozenset(
    [
        *("test_connection", "list_objects", "list_fields", "supported_operations", "get_sync_speed"),  # Census
        *("list_modes", "list_options", "validate", "behavior"),  # Hightouch, beside the first two lists
    ]
)


class RpcEndpoint(DeclaredEndpoint):
    """One call. A method that only asks has no rows."""

    def __init__(self, compiled: CompiledEndpoint, call: Call, captures: Mapping[str, str], _: Jobs) -> None:
        super().__init__(compiled, call, captures)

    def read(self, head: RequestHead, body: bytes) -> Batch:
        self.media = self._media(head)
        self.sent.document = self._document(body)
        method = text_of(look(self.sent.document, ("method",)))
        if method in _READING:
            self.writes = False
            return self._batch(head)
        batch = super().read(head, body)
        if any(row.operation is Operation.UNKNOWN for row in batch.rows):
            raise unreadable(Unreadable.OPERATION)
        identifier = self._identifier()
        if not identifier:
            return batch
        keyed = (row._replace(key=text_of(row.values.get(identifier)) or row.key) for row in batch.rows)
        return replace(batch, rows=tuple(keyed))

    def _identifier(self) -> str:
        schema = look(self.sent.document, tokens_of("/params/sync_plan/schema"))
        fields = schema.items() if isinstance(schema, dict) else ()
        return next((name for name, one in fields if isinstance(one, dict) and one.get("active_identifier")), "")
