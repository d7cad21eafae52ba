"""MCP over a local server's pipes: every JSON-RPC line judged by the checks that judge HTTP, before it goes on.

Rule: a client's call and its answer are one exchange with one verdict; what a server asks of its client is an exchange
of its own. What is refused is answered with a JSON-RPC error to whoever asked, so that the session lives on; a
notification that is refused is dropped. A line that is no JSON-RPC is `genai.unreadable`. Source: MCP 2025-06-18
"Transports: stdio" (messages are single lines).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from clyra_proxy.exchange import Destination, Exchange, Identity, RequestHead, ResponseHead
from clyra_proxy.genai.compiled import CompiledGenAi
from clyra_proxy.genai.findings import unreadable
from clyra_proxy.genai.model import Conversation, Direction, Provenance
from clyra_proxy.genai.protocols.mcp import McpReading
from clyra_proxy.genai.protocols.reading import UnreadableError
from clyra_proxy.genai.protocols.salvage import salvage
from clyra_proxy.genai.wire.ending import settle
from clyra_proxy.genai.wire.scanning import ScanningRoom
from clyra_proxy.genai.wire.state import KEY, GenAiState
from clyra_proxy.genai.wire.steps import judge, read_request, rewritten
from clyra_proxy.policy.compiler import CompiledPolicy
from clyra_proxy.verdict.decide import decide
from clyra_proxy.verdict.denial import JSONRPC_ID, build
from clyra_proxy.verdict.identifiers import new_identifier
from clyra_proxy.verdict.model import Action, Coverage, Mode, Phase, Seen
from clyra_proxy.verdict.rules import mode_of_failure

_CHECK = "genai"
_PORT = 443  # the port that a destination in a policy has unless it says another
_MOST_PENDING = 4096
_FULL = Coverage(Seen.FULL)
_HEADERS = ((b"mcp-protocol-version", b"stdio"),)


@dataclass(frozen=True, slots=True)
class Passage:
    """What becomes of one line. onward: to the other side. back: to who sent it. None: nothing."""

    onward: bytes | None = None
    back: bytes | None = None


@dataclass(slots=True)
class _Open:
    """An exchange that waits for answers. ids: of its calls, as JSON texts."""

    exchange: Exchange
    state: GenAiState
    ids: set[bytes]


class StdioSession:
    """One server and its client. name: of the server, as policy names its host (`NAME.stdio`).

    report: gets each exchange with its verdict, once.
    """

    def __init__(
        self,
        policy: CompiledPolicy,
        compiled: CompiledGenAi,
        room: ScanningRoom,
        name: str,
        identity: Identity,
        report: Callable[[Exchange], None],
    ) -> None:
        self._policy = policy
        self._compiled = compiled
        self._room = room
        self._host = f"{name}.stdio"
        self._identity = identity
        self._report = report
        self._reading = McpReading()
        self._calls: dict[bytes, _Open] = {}

    async def pass_on(self, line: bytes, *, from_client: bool) -> Passage:
        """Judge one line, without its ending."""
        if not line.strip():
            return Passage()
        messages = _messages(line)
        open_ = self._opened(messages) if not from_client else None
        held = open_ or self._begin(messages, len(line))
        phase = Phase.REQUEST_BODY if from_client else Phase.RESPONSE_BODY
        onward = await self._judge(held, line, phase)
        if onward is None:
            return self._refused(held, messages, from_client=from_client, answers=open_ is not None)
        if from_client and held.ids and len(self._calls) < _MOST_PENDING:
            held.state.started = True
            self._forget(held.ids)  # an id that is used again is another call
            self._calls.update(dict.fromkeys(held.ids, held))
        elif open_ is None:
            self._end(held)
        else:
            self._forget(orjson.dumps(message["id"]) for message in messages if _is_reply(message))
        return Passage(onward=onward)

    def too_long(self, size: int, *, from_client: bool) -> bool:
        """A line that nobody will hold: whether it may pass unread."""
        held = self._begin([], size)
        phase = Phase.REQUEST_BODY if from_client else Phase.RESPONSE_BODY
        wanted = self._compiled.settings.unreadable
        held.exchange.findings.extend(unreadable(held.exchange, phase, wanted, {"why": "too_large", "observed": size}))
        passes = decide(held.exchange).action < Action.APPROVE
        self._end(held)
        return passes

    def close(self) -> None:
        """The session is over: calls that were never answered get their verdicts."""
        for held in {id(held): held for held in self._calls.values()}.values():
            self._end(held)
        self._calls.clear()

    async def _judge(self, held: _Open, line: bytes, phase: Phase) -> bytes | None:
        """The line to pass on, edited where that was asked for; None when it is refused."""
        exchange, state = held.exchange, held.state
        editable = state.mode is Mode.ENFORCE
        judgement = await judge(
            exchange, state, self._room, phase, lambda: self._read(state, line, phase), editable=editable
        )
        changed = rewritten(exchange, phase, judgement, line)
        self._count(exchange, phase, len(line))
        if decide(exchange).action >= Action.APPROVE:
            return None
        return line if changed is None else changed

    def _count(self, exchange: Exchange, phase: Phase, size: int) -> None:
        """What was seen of a direction, unless the reading said otherwise."""
        if phase is Phase.REQUEST_BODY:
            if exchange.request_coverage.seen is Seen.NONE:
                exchange.request_coverage = _FULL
            return
        exchange.response_body.seen += size
        exchange.response_body.released += size
        if exchange.response_coverage.seen is Seen.NONE:
            exchange.response_coverage = _FULL

    def _read(self, state: GenAiState, line: bytes, phase: Phase) -> Conversation:
        """The line as MCP means it, or at least its strings."""
        if phase is Phase.REQUEST_BODY:
            return read_request(self._reading, line)
        try:
            return self._reading.response(200, "application/json", line, state.request)
        except UnreadableError as error:
            foreign = Provenance.TOOL_RESULT
            return salvage(line, self._reading.id, Direction.RESPONSE, error.reason, provenance=foreign)

    def _begin(self, messages: Sequence[dict[str, Any]], size: int) -> _Open:
        route = self._policy.match(self._host, _PORT, "POST", "/", "application/json")
        operation = next((message["method"] for message in messages if isinstance(message.get("method"), str)), "")
        exchange = Exchange(
            id=new_identifier(),
            client_ip="",
            client_port=0,
            destination=Destination(self._host, _PORT, "stdio", self._host),
            request=RequestHead(_HEADERS, "POST", f"/{operation}"[:200], "MCP"),
            route=route,
            policy_sha256=self._policy.sha256,
            policy_generation=self._policy.generation,
            identity=self._identity,
        )
        exchange.request_body.seen = exchange.request_body.released = size
        exchange.request_body.media_type = "application/json"
        state = GenAiState(self._reading, self._compiled, mode_of_failure(route, _CHECK))
        exchange.extensions[KEY] = state
        asked = {orjson.dumps(message["id"]) for message in messages if "method" in message and _is_id(message)}
        return _Open(exchange, state, asked)

    def _opened(self, messages: Sequence[dict[str, Any]]) -> _Open | None:
        """The exchange that a server's line answers."""
        for message in messages:
            if _is_reply(message):
                held = self._calls.get(orjson.dumps(message["id"]))
                if held is not None:
                    held.exchange.response = held.exchange.response or ResponseHead((), 200, "MCP")
                    return held
        return None

    def _forget(self, ids: Iterable[bytes]) -> None:
        """These calls wait no longer; an exchange without any has ended."""
        for id in list(ids):
            held = self._calls.pop(id, None)
            if held is not None:
                held.ids.discard(id)
                if not held.ids:
                    self._end(held)

    def _refused(self, held: _Open, messages: Sequence[dict[str, Any]], *, from_client: bool, answers: bool) -> Passage:
        """Errors for whoever waits: the sender of calls, and the other side's calls that were answered."""
        calls = [message["id"] for message in messages if "method" in message and _is_id(message)]
        replies = [message["id"] for message in messages if _is_reply(message)]
        passage = Passage(self._errors(held, replies), self._errors(held, calls))
        if not from_client:
            self._forget(orjson.dumps(id) for id in replies)
        if not answers:
            self._end(held)
        return passage

    def _errors(self, held: _Open, ids: Sequence[Any]) -> bytes | None:
        lines = []
        for id in ids:
            held.exchange.extensions[JSONRPC_ID] = id
            denial = build(decide(held.exchange), held.exchange)
            held.exchange.denial = held.exchange.denial or denial
            lines.append(denial.body)
        return b"\n".join(lines) if lines else None

    def _end(self, held: _Open) -> None:
        exchange = held.exchange
        if exchange.finished:
            return
        exchange.finished = True
        exchange.verdict = decide(exchange)
        settle(exchange, held.state, self._room)
        self._report(exchange)


def _messages(line: bytes) -> list[dict[str, Any]]:
    """The JSON-RPC messages of a line; what is none is left to the reading."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return []
    return [message for message in (value if isinstance(value, list) else [value]) if isinstance(message, dict)]


def _is_reply(message: dict[str, Any]) -> bool:
    return "method" not in message and _is_id(message)


def _is_id(message: dict[str, Any]) -> bool:
    held = message.get("id")
    return isinstance(held, (str, int)) and not isinstance(held, bool)
