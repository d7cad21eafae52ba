"""Open Policy Agent, over its data API: `POST /v1/data/PATH` with `{"input": QUESTION}`.

Rule: only the boolean `true`, or an object whose `allow` is the boolean `true`, is a yes; `"yes"`, `1` and an object
without `allow` are garbage, and no `result` at all is `undefined`: the policy has no opinion.
Reference: https://www.openpolicyagent.org/docs/rest-api#get-a-document-with-input
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from clyra_proxy.enforcement.engines.answer import Answer, Outcome, ids_of
from clyra_proxy.enforcement.engines.question import Question
from clyra_proxy.enforcement.engines.remote import RemoteEngine
from clyra_proxy.policy.engines import Opa
from clyra_proxy.services.failure import Cause, ServiceFailure
from clyra_proxy.services.strict_json import read_json

_MISSING = object()


class OpaEngine(RemoteEngine):
    """See the module."""

    kind = "opa"

    def __init__(self, settings: Opa, base_dir: Path) -> None:
        super().__init__(settings, base_dir, f"v1/data/{settings.path}")

    async def decide(self, question: Question, seconds: float) -> Answer:
        body = orjson.dumps({"input": question.document()})
        return await self._answer(lambda: [question.without_time()], lambda: self._call(body), seconds)

    async def _call(self, body: bytes) -> Answer:
        return read_answer(await self._service.post(body))


def read_answer(body: bytes) -> Answer:
    """The answer in a response of the data API. Raises ServiceFailure."""
    told = read_json(body)
    if not isinstance(told, dict):
        raise ServiceFailure(Cause.GARBAGE)
    result = told.get("result", _MISSING)
    if result is _MISSING:
        raise ServiceFailure(Cause.UNDEFINED, blames=False)
    decision = ids_of([told.get("decision_id")])
    outcome, reasons = _outcome(result)
    return Answer(outcome, reasons, decision[0] if decision else "")


def _outcome(result: Any) -> tuple[Outcome, tuple[str, ...]]:
    if isinstance(result, bool):
        return (Outcome.ALLOW if result else Outcome.DENY), ()
    if not isinstance(result, dict):
        raise ServiceFailure(Cause.GARBAGE)
    allow, approve, reasons = result.get("allow"), result.get("approve", False), result.get("reasons", [])
    if not (isinstance(allow, bool) and isinstance(approve, bool) and isinstance(reasons, list)):
        raise ServiceFailure(Cause.GARBAGE)
    if approve:
        return Outcome.APPROVE, ids_of(reasons)
    return (Outcome.ALLOW if allow else Outcome.DENY), ids_of(reasons)
