"""OPA and OpenFGA as a test can have them: a real HTTP server with their documented contracts, which can misbehave.

Run as `python -m tests.support.engines.server`; options as of `detector_server`. `POST /v1/data/PATH` evaluates real
Rego (Microsoft's rego-cpp, because no OPA binary can be had from a package registry) and answers as OPA documents it.
`POST /stores/ID/check` answers as OpenFGA does, over the relationships of `fga.Store`. A path may begin with
`/fault/NAME` (see `detector_server.FAULTS`, and `SAYS`), `/times/N` (only so often) and `/delay/SECONDS`.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass
from typing import Any

from tests.support.detector_server import DetectorServer, Server, run, write
from tests.support.engines.fga import STORE, Refused, check
from tests.support.engines.rego import MODULES, Rego

SAYS: dict[str, Any] = {
    "allow_text": {"result": {"allow": "yes"}},
    "allow_number": {"result": {"allow": 1}},
    "allow_missing": {"result": {"deny": False}},
    "allow_null": {"result": {"allow": None}},
    "text": {"result": "allow"},
    "number": {"result": 1},
    "list": {"result": [True]},
    "null_result": {"result": None},
    "approve_text": {"result": {"allow": True, "approve": "no"}},
    "reasons_text": {"result": {"allow": True, "reasons": "fine"}},
    "allowed_text": {"allowed": "true"},
    "allowed_number": {"allowed": 1},
    "allowed_null": {"allowed": None},
    "allowed_missing": {"resolution": ""},
}
"""Answers that are JSON and no yes."""


@dataclass(frozen=True)
class _Error:
    status: int
    document: dict[str, Any]


class EngineServer(Server):
    """See the module."""

    def __init__(self, token: str = "") -> None:
        super().__init__(token)
        self._rego = Rego(MODULES)

    async def answer(self, writer: asyncio.StreamWriter, path: str, query: dict[str, list[str]], asked: Any) -> bool:
        parts = path.split("/")[1:]
        while parts[0] in ("fault", "times", "delay"):
            query = {**query, parts[0]: [parts[1]]}
            parts = parts[2:]
        answer = self._decide(parts, asked)
        fault = query.get("fault", [""])[0]
        if fault in SAYS:
            answer, query = SAYS[fault], {**query, "fault": [""]}
        if isinstance(answer, _Error):
            write(writer, answer.status, {}, json.dumps(answer.document).encode())
            await writer.drain()
            return True
        return await self.write_answer(writer, query, answer)

    def _decide(self, parts: list[str], asked: Any) -> Any:
        if parts[:2] == ["v1", "data"]:
            return self._opa(".".join(["data", *parts[2:]]), asked)
        if parts[:1] == ["stores"] and parts[2:] == ["check"]:
            try:
                return check(STORE, parts[1], asked)
            except Refused as refused:
                return _Error(refused.status, {"code": refused.code, "message": str(refused)})
        return _Error(404, {"code": "undefined_endpoint", "message": "no such endpoint"})

    def _opa(self, query: str, asked: Any) -> Any:
        """https://www.openpolicyagent.org/docs/rest-api#get-a-document-with-input"""
        if not isinstance(asked, dict) or asked.keys() != {"input"}:
            return _Error(400, {"code": "invalid_parameter", "message": "no input"})
        return {"decision_id": str(uuid.uuid4()), **self._rego.decide(query, asked["input"])}


class EngineProcess(DetectorServer):
    """The server as a process of its own. url: its origin."""

    module = "tests.support.engines.server"


if __name__ == "__main__":
    asyncio.run(run(EngineServer))
