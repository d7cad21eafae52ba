"""Salesforce sObject trees: records with their children, all of which are rows.

Guarantees: a child record (`"Contacts": {"records": [...]}`) is a row like its parent, at any depth that the document
has, and no field of the parent. All records are made or none. Reference: REST API Developer Guide, sObject Tree (200
records in five levels).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from clyra_proxy.activation.model import Batch, Operation, Row
from clyra_proxy.activation.profiles.compiled import CompiledEndpoint
from clyra_proxy.activation.profiles.elements import Element
from clyra_proxy.activation.profiles.endpoint import DeclaredEndpoint
from clyra_proxy.activation.profiles.jobs import Jobs
from clyra_proxy.activation.profiles.json_body import Tokens, look, pointer_of, text_of
from clyra_proxy.activation.profiles.paths import Call
from clyra_proxy.activation.profiles.reasons import Unreadable, unreadable
from clyra_proxy.exchange import RequestHead

_RECORDS = "records"


class TreeEndpoint(DeclaredEndpoint):
    """`/composite/tree/{object}`. Parents stand before their children."""

    def __init__(self, compiled: CompiledEndpoint, call: Call, captures: Mapping[str, str], _: Jobs) -> None:
        super().__init__(compiled, call, captures)

    def read(self, head: RequestHead, body: bytes) -> Batch:
        self._open(head, body)
        return self._batch(head, rows=tuple(_row(index, element) for index, element in enumerate(self._elements)))

    def elements(self, document: Any) -> list[Element]:
        if not isinstance(look(document, (_RECORDS,)), list):
            raise unreadable(Unreadable.NO_ROWS)
        return list(_records(document, ()))

    def row_targets(self) -> list[str]:
        kinds = (text_of(look(element.value, ("attributes", "type"))) for element in self._elements)
        return [kind or self.captures["target"] for kind in kinds]


def _records(holder: Mapping[str, Any], way: Tokens) -> Iterator[Element]:
    waiting = [(holder, way)]
    while waiting:
        above, at_above = waiting.pop()
        container = (*at_above, _RECORDS)
        for at, record in enumerate(above[_RECORDS]):
            if not isinstance(record, dict):
                raise unreadable(Unreadable.WRONG_TYPE)
            here = (*container, str(at))
            yield Element(container, at, record, pointer=pointer_of(here))
            waiting += [(child, (*here, name)) for name, child in record.items() if _holds_records(child)]


def _holds_records(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get(_RECORDS), list)


def _row(index: int, element: Element) -> Row:
    fields = {
        name: value
        for name, value in element.value.items()
        if name != "attributes" and not (_holds_records(value) and len(value) == 1)
    }
    key = text_of(look(element.value, ("attributes", "referenceId")))
    return Row(index, fields, Operation.INSERT, key, element.pointer)
