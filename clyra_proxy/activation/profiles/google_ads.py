"""Google Ads: rows that fail come back in `partialFailureError`, with an empty element in `results` at their place.

Guarantees: only requests that ask for partial failure lose single rows (`partialFailure`); the status object keeps what
Google said, its indexes counted as the sender counts. Reference: Google Ads API, partial failures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clyra_proxy.activation.model import Answer, Batch, Rejection, Reply
from clyra_proxy.activation.profiles.answers import document_of
from clyra_proxy.activation.profiles.compiled import CompiledEndpoint
from clyra_proxy.activation.profiles.endpoint import DeclaredEndpoint
from clyra_proxy.activation.profiles.facts import place_of
from clyra_proxy.activation.profiles.jobs import Jobs
from clyra_proxy.activation.profiles.json_body import dump, look, tokens_of
from clyra_proxy.activation.profiles.paths import Call

_DETAIL = "type.googleapis.com/google.ads.googleads.v{}.errors.GoogleAdsFailure"
_INVALID_ARGUMENT = 3
_RESPONSES = {"mutateOperations": "mutateOperationResponses"}
"""List of rows -> list of their results, where it is not `results`."""
_FIELDS = {"mutateOperations": "mutate_operations", "conversionAdjustments": "conversion_adjustments"}
"""List of rows -> its name in errors, which is that of the protocol buffer."""


class PartialFailureEndpoint(DeclaredEndpoint):
    """Uploads and mutates."""

    def __init__(self, compiled: CompiledEndpoint, call: Call, captures: Mapping[str, str], _: Jobs) -> None:
        super().__init__(compiled, call, captures)

    def merged(self, answer: Answer, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        document = document_of(answer)
        if not rejections or not 200 <= answer.status < 300:
            return answer
        refused = {one.index: one for one in rejections}
        kept = [row.index for row in batch.rows if row.index not in refused]
        name = _RESPONSES.get(place_of(batch.rows[0]), "results")
        given = document.get(name, []) if isinstance(document, dict) else None
        if not isinstance(given, list) or (given and len(given) != len(kept)):
            return None
        told = iter(given or [{}] * len(kept))
        results = [{} if row.index in refused else next(told) for row in batch.rows]
        status = document.get("partialFailureError")
        document = {
            **document,
            "partialFailureError": self._status(status if isinstance(status, dict) else {}, batch, rejections, kept),
            **({name: results} if name in document else {}),
        }
        return answer.saying(dump(document))

    def _status(
        self, given: dict[str, Any], batch: Batch, rejections: Sequence[Rejection], kept: Sequence[int]
    ) -> dict[str, Any]:
        name = _FIELDS.get(place_of(batch.rows[0]), place_of(batch.rows[0]))
        said = [_recounted(error, kept) for error in _errors(given)]
        ours = [
            {
                "errorCode": {"requestError": "INVALID_INPUT"},
                "message": one.message,
                "location": {"fieldPathElements": [{"fieldName": name, "index": one.index}]},
            }
            for one in rejections
        ]
        version = self.captures.get("version", "").lstrip("v")
        detail = {"@type": _DETAIL.format(version), "errors": [*said, *ours]}
        return {"code": _INVALID_ARGUMENT, "message": "Multiple errors in 'details'.", **given, "details": [detail]}

    def reply(self, answer: Answer, batch: Batch) -> Reply:
        reply = super().reply(answer, batch)
        document = document_of(answer)
        status = document.get("partialFailureError") if isinstance(document, dict) else None
        if not isinstance(status, dict) or reply.limited:
            return reply
        failed: dict[int, str] = {}
        for error in _errors(status):
            at, code = _index(error), error.get("errorCode")
            words = [str(word) for word in code.values()] if isinstance(code, dict) else []
            if at is not None and 0 <= at < len(batch.rows):
                failed[batch.rows[at].index] = words[0] if words else "failed"
        return Reply(len(batch.rows) - len(failed), failed)


def _errors(status: Mapping[str, Any]) -> list[dict[str, Any]]:
    details = status.get("details")
    return [
        error
        for detail in (details if isinstance(details, list) else [])
        if isinstance(detail, dict) and isinstance(detail.get("errors"), list)
        for error in detail["errors"]
        if isinstance(error, dict)
    ]


def _index(error: Mapping[str, Any]) -> int | None:
    found = look(error, tokens_of("/location/fieldPathElements/0/index"))
    listed = isinstance(look(error, tokens_of("/location/fieldPathElements")), list)
    return found if listed and isinstance(found, int) else None


def _recounted(error: dict[str, Any], kept: Sequence[int]) -> dict[str, Any]:
    at = _index(error)
    if at is None or not 0 <= at < len(kept):
        return error
    location = error["location"]
    first, *rest = location["fieldPathElements"]
    return {**error, "location": {**location, "fieldPathElements": [{**first, "index": kept[at]}, *rest]}}
