"""Salesforce composite graphs: several graphs of calls in one request, each of which is done whole or not at all.

Guarantees: calls that only read are no rows; with a refused call its whole graph is taken out, as Salesforce would roll
it back, and the other graphs go on; the answer tells of every graph in the order of the request. Graphs cannot refer
to each other. Reference: REST API Developer Guide, composite graph (75 graphs, 500 nodes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clyra_proxy.activation.model import Answer, Batch, Rejection, Reply, Row
from clyra_proxy.activation.profiles.answers import document_of
from clyra_proxy.activation.profiles.compiled import CompiledEndpoint
from clyra_proxy.activation.profiles.elements import Element
from clyra_proxy.activation.profiles.endpoint import DeclaredEndpoint
from clyra_proxy.activation.profiles.facts import UNSAID, WITH_OTHERS
from clyra_proxy.activation.profiles.jobs import Jobs
from clyra_proxy.activation.profiles.json_body import dump, look, pointer_of, text_of
from clyra_proxy.activation.profiles.paths import Call
from clyra_proxy.activation.profiles.reasons import Unreadable, unreadable
from clyra_proxy.activation.profiles.salesforce_bulk import ERROR
from clyra_proxy.activation.profiles.salesforce_calls import key_of, object_of, only_reads, operation_of
from clyra_proxy.activation.profiles.spans import without_elements
from clyra_proxy.exchange import RequestHead

_GRAPHS, _CALLS = "graphs", "compositeRequest"
_HALTED = "PROCESSING_HALTED"


class GraphEndpoint(DeclaredEndpoint):
    """`/composite/graph`. An element's container is the way to the calls of its graph."""

    def __init__(self, compiled: CompiledEndpoint, call: Call, captures: Mapping[str, str], _: Jobs) -> None:
        super().__init__(compiled, call, captures)

    def read(self, head: RequestHead, body: bytes) -> Batch:
        self._open(head, body)
        return self._batch(head, rows=tuple(_row(index, element) for index, element in enumerate(self._elements)))

    def elements(self, document: Any) -> list[Element]:
        found: list[Element] = []
        graphs = document.get(_GRAPHS) if isinstance(document, dict) else None
        if not isinstance(graphs, list) or not graphs:
            raise unreadable(Unreadable.NO_ROWS)
        for number, graph in enumerate(graphs):
            calls = graph.get(_CALLS) if isinstance(graph, dict) else None
            if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
                raise unreadable(Unreadable.WRONG_TYPE)
            above = (_GRAPHS, str(number), _CALLS)
            found += [
                Element(above, at, call, pointer=pointer_of((*above, str(at))))
                for at, call in enumerate(calls)
                if not only_reads(call)
            ]
        return found

    def row_targets(self) -> list[str]:
        return [object_of(element.value, "body") for element in self._elements]

    def target(self) -> str:
        return next(iter(self.row_targets()), "")

    def falling(self, rejected: frozenset[int]) -> dict[int, int]:
        """The other rows of graphs with a rejected one: index -> index of that one."""
        roots = {self._graph(index): index for index in sorted(rejected, reverse=True)}
        every = range(len(self._elements))
        return {one: roots[self._graph(one)] for one in every if one not in rejected and self._graph(one) in roots}

    def _graph(self, index: int) -> int:
        return int(self._elements[index].container[1])

    def _cut(self, body: bytes, batch: Batch, rejected: frozenset[int]) -> bytes | None:
        return without_elements(body, [((_GRAPHS,), {self._graph(index) for index in rejected})])

    def refused(self, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        every = range(len(self.sent.document[_GRAPHS]))
        told = [self._failure(at, {one.index: one for one in rejections}) for at in every]
        return Answer(200, dump({_GRAPHS: told}), {"content-type": "application/json"})

    def merged(self, answer: Answer, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        document = document_of(answer)
        if not rejections or not 200 <= answer.status < 300:
            return answer
        given = document.get(_GRAPHS) if isinstance(document, dict) else None
        gone = {self._graph(one.index) for one in rejections}
        sent = self.sent.document[_GRAPHS]
        if not isinstance(given, list) or len(given) + len(gone) != len(sent):
            return None
        told, because = iter(given), {one.index: one for one in rejections}
        every = [self._failure(at, because) if at in gone else next(told) for at in range(len(sent))]
        return answer.saying(dump({**document, _GRAPHS: every}))

    def _failure(self, at: int, because: Mapping[int, Rejection]) -> dict[str, Any]:
        """The answer to a graph that was not done."""
        graph = self.sent.document[_GRAPHS][at]
        own = {
            element.position: because[index]
            for index, element in enumerate(self._elements)
            if index in because and self._graph(index) == at
        }
        told = []
        for position, call in enumerate(graph[_CALLS]):
            rejection = own.get(position)
            code = ERROR if rejection is not None or not because else _HALTED
            message = rejection.message if rejection is not None else WITH_OTHERS if because else UNSAID
            error = {"errorCode": code, "message": message}
            told.append({"body": [error], "httpHeaders": {}, "httpStatusCode": 400, **_reference(call)})
        named = {"graphId": graph["graphId"]} if "graphId" in graph else {}
        return {**named, "graphResponse": {"compositeResponse": told}, "isSuccessful": False}

    def reply(self, answer: Answer, batch: Batch) -> Reply:
        document = document_of(answer)
        given = document.get(_GRAPHS) if isinstance(document, dict) else None
        sent = sorted({self._graph(row.index) for row in batch.rows})
        whole = len(self.sent.document[_GRAPHS])
        if answer.status != 200 or not isinstance(given, list) or len(given) not in (len(sent), whole):
            return super().reply(answer, batch)
        told = dict(zip(sent if len(given) == len(sent) else range(whole), given, strict=True))
        failed = {
            row.index: _code(told[at])
            for row in batch.rows
            if text_of(look(told[at := self._graph(row.index)], ("isSuccessful",))) != "true"
        }
        return Reply(len(batch.rows) - len(failed), failed)


def _row(index: int, element: Element) -> Row:
    given = element.value.get("body") or {}
    if not isinstance(given, dict):
        raise unreadable(Unreadable.WRONG_TYPE)
    values = {name: value for name, value in given.items() if name != "attributes"}
    key = text_of(given.get("id") or given.get("Id")) or key_of(element.value)
    return Row(index, values, operation_of(element.value), key, element.pointer)


def _reference(call: Mapping[str, Any]) -> dict[str, Any]:
    return {"referenceId": call["referenceId"]} if "referenceId" in call else {}


def _code(graph: Any) -> str:
    """The first error code in the answer to a graph."""
    told = look(graph, ("graphResponse", "compositeResponse"))
    codes = [text_of(look(one, ("body", "0", "errorCode"))) for one in (told if isinstance(told, list) else ())]
    return next((code for code in codes if code), "failed")
