"""Destinations that take a batch at once and tell of its rows later, when asked for a job.

Guarantees: the answer to the batch is the destination's own; the later answer about the job counts all rows, the
refused ones as failed. Zendesk (job statuses) and Klaviyo (import errors of bulk jobs) work so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clyra_proxy.activation.model import Answer, Batch, Rejection
from clyra_proxy.activation.profiles.answers import document_of
from clyra_proxy.activation.profiles.compiled import CompiledEndpoint
from clyra_proxy.activation.profiles.endpoint import DeclaredEndpoint
from clyra_proxy.activation.profiles.jobs import Job, Jobs, refused_rows
from clyra_proxy.activation.profiles.json_body import dump, look, text_of, tokens_of
from clyra_proxy.activation.profiles.paths import Call
from clyra_proxy.exchange import RequestHead

_FINISHED = frozenset({"completed", "failed", "killed"})


class Started(DeclaredEndpoint):
    """A batch whose answer names a job. `job_at`: where."""

    job_at = ""

    def __init__(self, compiled: CompiledEndpoint, call: Call, captures: Mapping[str, str], jobs: Jobs) -> None:
        super().__init__(compiled, call, captures)
        self.jobs = jobs

    def merged(self, answer: Answer, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        id_ = text_of(look(document_of(answer), tokens_of(self.job_at)))
        if rejections and 200 <= answer.status < 300 and id_:
            job = Job(
                {"list": ",".join(self.shape.rows)}, refused_rows(rejections, self.sent.elements), len(batch.rows)
            )
            self.jobs.remember(self.compiled.destination.id, id_, job)
        return answer


class Asked(DeclaredEndpoint):
    """A question about a job."""

    def __init__(self, compiled: CompiledEndpoint, call: Call, captures: Mapping[str, str], jobs: Jobs) -> None:
        super().__init__(compiled, call, captures)
        self.jobs = jobs
        self.amends = True

    def read(self, head: RequestHead, body: bytes) -> Batch:
        return self._batch(head)

    def merged(self, answer: Answer, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        job = self.jobs.recall(self.compiled.destination.id, self.captures["job"])
        document = document_of(answer)
        if job is None or answer.status != 200 or not isinstance(document, dict):
            return answer
        told = self.told(document, job)
        return answer if told is None else answer.saying(dump(told))

    def told(self, document: dict[str, Any], job: Job) -> dict[str, Any] | None:
        """The answer for all rows; None to leave it as it is."""
        raise NotImplementedError


class ZendeskBatch(Started):
    """A bulk import of Zendesk (`create_many`, `update_many`, ...)."""

    job_at = "/job_status/id"


class ZendeskStatus(Asked):
    """`results` of a finished job: one for every row, with its index."""

    def told(self, document: dict[str, Any], job: Job) -> dict[str, Any] | None:
        changed = _told_by_zendesk(document.get("job_status"), job)
        return None if changed is None else {**document, "job_status": changed}


class ZendeskStatuses(Asked):
    """Several jobs in one answer, `job_statuses`."""

    def merged(self, answer: Answer, batch: Batch, rejections: Sequence[Rejection]) -> Answer | None:
        document = document_of(answer)
        given = document.get("job_statuses") if isinstance(document, dict) else None
        if answer.status != 200 or not isinstance(given, list):
            return answer
        every = [self._of_one(status) for status in given]
        if every == given:
            return answer
        return answer.saying(dump({**document, "job_statuses": every}))

    def _of_one(self, status: Any) -> Any:
        id_ = text_of(look(status, ("id",)))
        job = self.jobs.recall(self.compiled.destination.id, id_) if id_ else None
        told = None if job is None else _told_by_zendesk(status, job)
        return status if told is None else told


def _told_by_zendesk(status: Any, job: Job) -> dict[str, Any] | None:
    """The status of a finished job for all rows; None to leave it as it is."""
    if not isinstance(status, dict) or text_of(status.get("status")) not in _FINISHED:
        return None
    results = status.get("results")
    given = results if isinstance(results, list) else []
    refused = {one.index for one in job.refused}
    kept = [index for index in range(job.total) if index not in refused]
    every = [_recounted(result, kept) for result in given]
    every += [
        {"index": one.index, "error": "RecordInvalid", "details": one.message, "success": False} for one in job.refused
    ]
    every.sort(key=_index)
    total = status.get("total")
    counted = {"total": total + len(job.refused)} if isinstance(total, int) else {}
    return {**status, "results": every, **counted}


class KlaviyoBulk(Started):
    """A bulk import of Klaviyo, whose answer is a JSON:API resource."""

    job_at = "/data/id"


class KlaviyoJob(Asked):
    """A bulk job: how many of its operations failed, which is where clients look before they ask for the errors."""

    def told(self, document: dict[str, Any], job: Job) -> dict[str, Any] | None:
        attributes = look(document, ("data", "attributes"))
        if not isinstance(attributes, dict) or text_of(attributes.get("status")) != "complete":
            return None
        counts = {
            name: count + len(job.refused)
            for name in ("total_count", "failed_count")
            if isinstance(count := attributes.get(name), int)
        }
        return {**document, "data": {**document["data"], "attributes": {**attributes, **counts}}}


class KlaviyoErrors(Asked):
    """`import-errors` of a bulk job, as JSON:API resources."""

    def told(self, document: dict[str, Any], job: Job) -> dict[str, Any] | None:
        given = document.get("data")
        if not isinstance(given, list) or "page[cursor]" in self.call.query:  # the first page told of them
            return None
        way = job.facts.get("list", "")
        made = [
            {
                "type": "import-error",
                "id": f"refused-{one.index}",
                "attributes": {
                    "code": "invalid",
                    "title": "Invalid input.",
                    "detail": one.message,
                    "source": {"pointer": f"{way}/{one.index}"},
                    "original_payload": one.row,
                },
            }
            for one in job.refused
        ]
        return {**document, "data": [*given, *made]}


def _index(result: Any) -> int:
    at = result.get("index") if isinstance(result, dict) else None
    return at if isinstance(at, int) else 0


def _recounted(result: Any, kept: Sequence[int]) -> Any:
    at = result.get("index") if isinstance(result, dict) else None
    return {**result, "index": kept[at]} if isinstance(at, int) and 0 <= at < len(kept) else result
