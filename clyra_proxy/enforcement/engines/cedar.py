"""Cedar policies, judged in this process.

Rules. (1) Cedar's own: no `permit` is a no, one `forbid` is a no. (2) A policy that fails while it is evaluated is left
out by Cedar, which could leave a `forbid` out; so any such failure is `garbage`, unless the answer is no anyway. (3) An
agent that proved who it is is the principal `Clyra::Agent`, any other caller is `Clyra::Guess`, so that no policy for
an agent covers who only says its name. (4) All else about the request is in `context`. Reference: Cedar policy
language, authorization (https://docs.cedarpolicy.com/auth/authorization.html).
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from clyra_proxy.enforcement.engines.answer import ALLOWED, Answer, Outcome, ids_of
from clyra_proxy.enforcement.engines.cedar_policies import check_question, load_policies
from clyra_proxy.enforcement.engines.question import Question
from clyra_proxy.policy.engines import Cedar
from clyra_proxy.services.failure import Cause, ServiceFailure

OFF_LOOP_BYTES = 16 << 10
"""Questions above this are judged in a thread."""

_NO_PERMIT = "no-permit"
"""The reason of a no that no `forbid` said."""


class CedarEngine:
    """Raises PolicyError for policies, schema or entities that cannot be used."""

    kind = "cedar"
    failing = False

    def __init__(self, settings: Cedar, base_dir: Path) -> None:
        self._settings = settings
        self._loaded = load_policies(settings, base_dir)
        import cedarpy

        self._is_authorized = cedarpy.is_authorized
        check_question(lambda question: self._ask(_request(question, _context(question)))[2], settings)

    async def decide(self, question: Question, seconds: float) -> Answer:
        context = _context(question)
        if len(context) <= OFF_LOOP_BYTES:
            return self._judge(question, context)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.to_thread(self._judge, question, context)
        except TimeoutError as error:
            raise ServiceFailure(Cause.TIMEOUT) from error

    def judge(self, question: Question) -> Answer:
        """The answer now. Raises ServiceFailure."""
        return self._judge(question, _context(question))

    async def aclose(self) -> None:
        """Nothing is open."""

    def _judge(self, question: Question, context: bytes) -> Answer:
        word, determining, problems = self._ask(_request(question, context))
        if word == "Allow" and not problems:
            return ALLOWED
        if word != "Deny":
            raise ServiceFailure(Cause.GARBAGE)
        loaded = self._loaded
        reasons = ids_of(loaded.ids[policy] for policy in determining) or (_NO_PERMIT,)
        asks = bool(determining) and loaded.asks.issuperset(determining)
        return Answer(Outcome.APPROVE if asks else Outcome.DENY, reasons)

    def _ask(self, request: dict[str, Any]) -> tuple[str, list[str], list[str]]:
        """Cedar's decision in a word, the policies that determined it, and what went wrong."""
        loaded = self._loaded
        result = self._is_authorized(request, loaded.policies, loaded.entities, loaded.schema)
        return result.decision.value, result.diagnostics.reasons, result.diagnostics.errors


def _request(question: Question, context: bytes) -> dict[str, Any]:
    caller, where = question.caller, question.destination
    return {
        "principal": {"type": "Clyra::Agent" if caller.proven else "Clyra::Guess", "id": caller.agent},
        "action": {"type": "Clyra::Action", "id": question.request.kind},
        "resource": {"type": "Clyra::Destination", "id": where.name or where.host},
        "context": context.decode(),
    }


def _context(question: Question) -> bytes:
    """The question as a Cedar record: without what is not there, and numbers with a fraction as Cedar's decimals."""
    told = {name: value for name, value in question.document().items() if value is not None}
    told["values"] = {pointer: _told(value) for pointer, value in question.values.items() if value is not None}
    return orjson.dumps(told)


def _told(value: str | float | bool) -> object:
    if not isinstance(value, float):
        return value
    exact = Decimal(repr(value))
    places = -min(0, int(exact.as_tuple().exponent))
    if places > 4 or abs(exact) >= 1 << 49:
        raise ServiceFailure(Cause.MISMATCH, blames=False)  # Cedar's decimals have four places
    return {"__extn": {"fn": "decimal", "arg": f"{exact:.{max(1, places)}f}"}}
