"""OpenFGA, over `POST /stores/{store}/check`: may this user stand in this relation to this object?

Rule: every relationship that policy asks about must hold, by the boolean `true` in `allowed`; the first that does not
is a no, and none to ask about is no opinion. Reference: https://openfga.dev/api/service#/Relationship%20Queries/Check
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from clyra_proxy.enforcement.engines.answer import ALLOWED, Answer, Outcome, ids_of
from clyra_proxy.enforcement.engines.question import Question
from clyra_proxy.enforcement.engines.remote import RemoteEngine
from clyra_proxy.enforcement.engines.tuples import Relationship, relationships, words_of
from clyra_proxy.policy.engines import OpenFga
from clyra_proxy.services.failure import Cause, ServiceFailure
from clyra_proxy.services.strict_json import read_json

MOST_CHECKS = 64
"""Relationships that are asked about, or told, with one request; more are not asked about and not let through."""


class OpenFgaEngine(RemoteEngine):
    """See the module."""

    kind = "openfga"

    def __init__(self, settings: OpenFga, base_dir: Path) -> None:
        super().__init__(settings, base_dir, f"stores/{settings.store}/check")
        self._settings = settings

    async def decide(self, question: Question, seconds: float) -> Answer:
        words = words_of(question)
        asked = list(islice(relationships(self._settings.checks, words), MOST_CHECKS + 1))
        if not asked:
            raise ServiceFailure(Cause.UNDEFINED, blames=False)
        told = list(islice(relationships(self._settings.contextual, words), MOST_CHECKS + 1))
        if max(len(asked), len(told)) > MOST_CHECKS:
            raise ServiceFailure(Cause.TOO_LARGE, blames=False)
        bodies = [orjson.dumps(self._request(one, told)) for one in asked]
        return await self._answer(lambda: bodies, lambda: self._judged(asked, bodies), seconds)

    async def _judged(self, asked: Sequence[Relationship], bodies: Sequence[bytes]) -> Answer:
        allowed = await self._all(bodies)
        denied = [one["relation"] for one, yes in zip(asked, allowed, strict=True) if not yes]
        return Answer(Outcome.DENY, ids_of(dict.fromkeys(denied))) if denied else ALLOWED

    def _request(self, asked: Relationship, told: Sequence[Relationship]) -> dict[str, Any]:
        settings = self._settings
        request: dict[str, Any] = {"tuple_key": asked}
        if told:
            request["contextual_tuples"] = {"tuple_keys": told}
        if settings.model is not None:
            request["authorization_model_id"] = settings.model
        if settings.consistency is not None:
            request["consistency"] = settings.consistency
        return request

    async def _all(self, bodies: Sequence[bytes]) -> list[bool]:
        """The answers to all calls, made at the same time."""
        tasks = [asyncio.ensure_future(self._call(body)) for body in bodies]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _call(self, body: bytes) -> bool:
        return read_allowed(await self._service.post(body))


def read_allowed(body: bytes) -> bool:
    """Whether a response of the check API says yes. Raises ServiceFailure."""
    told = read_json(body)
    allowed = told.get("allowed") if isinstance(told, dict) else None
    if not isinstance(allowed, bool):
        raise ServiceFailure(Cause.GARBAGE)
    return allowed
