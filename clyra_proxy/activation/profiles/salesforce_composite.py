"""Salesforce composite resources: several calls in one, some of them writes.

Guarantees: a subrequest that only reads is no row; a collection inside of a subrequest is as many rows as it has
records; what is taken out is referred to (`@{id...}`) by none that stays: those go down with it. Reference: REST
API Developer Guide, composite (25 subrequests) and composite batch.
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
from clyra_proxy.activation.profiles.salesforce_calls import (
    key_of,
    listed_ids,
    object_of,
    only_reads,
    operation_of,
    refers,
)
from clyra_proxy.exchange import RequestHead

_HALTED = "PROCESSING_HALTED"


class CompositeEndpoint(DeclaredEndpoint):
    """`/composite` and `/composite/batch`, which differ in their words."""

    def __init__(self, compiled: CompiledEndpoint, call: Call, captures: Mapping[str, str], _: Jobs) -> None:
        super().__init__(compiled, call, captures)
        batch = compiled.shape.id == "composite-batch"
        self._list, self._input = ("batchRequests", "richInput") if batch else ("compositeRequest", "body")
        self._answers = "results" if batch else "compositeResponse"

    def read(self, head: RequestHead, body: bytes) -> Batch:
        self._open(head, body)
        rows = tuple(self._row(index, element) for index, element in enumerate(self._elements))
        return self._batch(head, rows=rows)

    def elements(self, document: Any) -> list[Element]:
        requests = document.get(self._list) if isinstance(document, dict) else None
        if not isinstance(requests, list) or not requests:
            raise unreadable(Unreadable.NO_ROWS)
        found: list[Element] = []
        for at, request in enumerate(requests):
            if not isinstance(request, dict):
                raise unreadable(Unreadable.WRONG_TYPE)
            if not only_reads(request):
                found += self._of_request(at, request)
        return found

    def _of_request(self, at: int, request: dict[str, Any]) -> list[Element]:
        given = request.get(self._input)
        if isinstance(given, dict) and isinstance(records := given.get("records"), list):
            way = (self._list, str(at), self._input, "records")
            above = pointer_of(way)
            return [Element(way, number, record, pointer=f"{above}/{number}") for number, record in enumerate(records)]
        one = Element((self._list,), at, request, pointer=f"/{self._list}/{at}")
        return [one] * (len(listed_ids(request)) or 1)

    def row_targets(self) -> list[str]:
        return [self._object(element) for element in self._elements]

    def target(self) -> str:
        return self._object(self._elements[0]) if self._elements else ""

    def _object(self, element: Element) -> str:
        own = text_of(look(element.value, ("attributes", "type"))) if len(element.container) > 1 else ""
        return own or object_of(self._request(element), self._input)

    def _row(self, index: int, element: Element) -> Row:
        request = self._request(element)
        nested = len(element.container) > 1
        given = element.value if nested else request.get(self._input, {})
        if given is None:
            given = {}
        if not isinstance(given, dict):
            raise unreadable(Unreadable.WRONG_TYPE)
        values = {name: value for name, value in given.items() if name != "attributes"}
        key = text_of(given.get("id") or given.get("Id")) or ("" if nested else self._named(index, request))
        return Row(index, values, operation_of(request), key, element.pointer)

    def _named(self, index: int, request: dict[str, Any]) -> str:
        """The record that a subrequest names: the next of a list where it stands for several rows."""
        if not (ids := listed_ids(request)):
            return key_of(request)
        at = self._elements[index].position
        before = sum(self._elements[other].position == at for other in range(max(0, index - len(ids)), index))
        return ids[before]

    def _request(self, element: Element) -> dict[str, Any]:
        at = element.position if len(element.container) == 1 else int(element.container[1])
        request = self.sent.document[self._list][at]
        return request if isinstance(request, dict) else {}

    def _cut(self, body: bytes, batch: Batch, rejected: frozenset[int]) -> bytes | None:
        gone = {self._elements[index].position for index in rejected if self._alone(index)}
        requests = self.sent.document[self._list]
        shifted = {int(self._elements[index].container[1]) for index in rejected if not self._alone(index)}
        names = [text_of(requests[at].get("referenceId")) for at in gone | shifted]
        rest = [request for at, request in enumerate(requests) if at not in gone]
        if any(refers(rest, name) for name in names):
            return None
        return super()._cut(body, batch, rejected)

    def falling(self, rejected: frozenset[int]) -> dict[int, int]:
        """Rows that cannot stay without rejected ones: of the same subrequest, or referring to its result; index ->
        index of such."""
        fallen = {index: index for index in rejected if self._alone(index)}
        roots = list(fallen)
        while roots:
            root = roots.pop()
            name = text_of(self._request(self._elements[root]).get("referenceId"))
            for index, element in enumerate(self._elements):
                if index in fallen or not self._alone(index):
                    continue
                if element.position == self._elements[root].position or refers(element.value, name):
                    fallen[index] = fallen[root]
                    roots.append(index)
        return {index: root for index, root in fallen.items() if index not in rejected}

    def refused(self, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        because = {one.index: one for one in rejections}
        told = []
        for at, request in enumerate(self.sent.document.get(self._list, ())):
            indexes = [index for index, one in enumerate(self._elements) if self._request(one) is request]
            one = next((because[index] for index in indexes if index in because), None)
            if one is not None or not because:
                told.append(self._failure(at, ERROR, one.message if one else UNSAID))
            else:
                told.append(self._failure(at, _HALTED, WITH_OTHERS))
        body: dict[str, Any] = {self._answers: told}
        if self._answers == "results":
            body = {"hasErrors": True, **body}
        return Answer(200, dump(body), {"content-type": "application/json"})

    def merged(self, answer: Answer, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        document = document_of(answer)
        if not rejections or not 200 <= answer.status < 300:
            return answer
        given = document.get(self._answers) if isinstance(document, dict) else None
        because = {one.index: one for one in rejections}
        gone = {self._elements[index].position: because[index] for index in because if self._alone(index)}
        requests = self.sent.document[self._list]
        if not isinstance(given, list) or len(given) + len(gone) != len(requests):
            return None
        told = iter(given)
        every = [
            self._failure(at, ERROR, gone[at].message) if at in gone else self._inside(at, next(told), because)
            for at in range(len(requests))
        ]
        if "hasErrors" in document:
            document["hasErrors"] = True
        return answer.saying(dump({**document, self._answers: every}))

    def reply(self, answer: Answer, batch: Batch) -> Reply:
        document, requests = document_of(answer), self.sent.document[self._list]
        given = document.get(self._answers) if isinstance(document, dict) else None
        sent = {row.index for row in batch.rows}
        gone = {one.position for index, one in enumerate(self._elements) if index not in sent and self._alone(index)}
        if answer.status != 200 or not isinstance(given, list) or len(given) + len(gone) != len(requests):
            return super().reply(answer, batch)
        told = dict(zip((at for at in range(len(requests)) if at not in gone), given, strict=True))
        failed: dict[int, str] = {}
        for row in batch.rows:
            if code := self._code(self._elements[row.index], told):
                failed[row.index] = code
        return Reply(len(batch.rows) - len(failed), failed)

    def _code(self, element: Element, told: Mapping[int, Any]) -> str:
        """The error code of a row in the answers by subrequest, "" when it was taken."""
        at = element.position if len(element.container) == 1 else int(element.container[1])
        result = (
            told[at].get("result" if self._answers == "results" else "body") if isinstance(told[at], dict) else None
        )
        if len(element.container) == 1:
            return text_of(look(result, ("0", "errorCode")))
        return text_of(look(result, (str(element.position), "errors", "0", "statusCode")))

    def _alone(self, index: int) -> bool:
        return len(self._elements[index].container) == 1

    def _inside(self, at: int, told: Any, because: Mapping[int, Rejection]) -> Any:
        """The answer to a collection in a subrequest, told for all of its records."""
        name = "result" if self._answers == "results" else "body"
        way = (self._list, str(at), self._input, "records")
        inner = [index for index, one in enumerate(self._elements) if one.container == way]
        given = told.get(name) if isinstance(told, dict) else None
        refused = [index for index in inner if index in because]
        if not refused or not isinstance(given, list) or len(given) + len(refused) != len(inner):
            return told
        results = iter(given)
        every = [
            {"success": False, "errors": [{"statusCode": ERROR, "message": because[index].message, "fields": []}]}
            if index in because
            else next(results)
            for index in inner
        ]
        return {**told, name: every}

    def _failure(self, at: int, code: str, message: str) -> dict[str, Any]:
        error = [{"errorCode": code, "message": message}]
        if self._answers == "results":
            return {"statusCode": 400, "result": error}
        request = self.sent.document[self._list][at]
        told = {"body": error, "httpHeaders": {}, "httpStatusCode": 400}
        return {**told, "referenceId": request["referenceId"]} if "referenceId" in request else told
