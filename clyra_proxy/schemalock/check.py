"""The body check `schema`: for every body, the session that fits its media type, its size and its schema.

A body that SchemaLock has no business with gets no session, and the coverage of its direction says why. So does a
WebSocket message of a side without a schema, which may be any text; with one, it is one JSON text that satisfies it.
"""

from __future__ import annotations

from clyra_proxy.checks import BodySession
from clyra_proxy.exchange import Exchange, Message
from clyra_proxy.policy.route import PerRoute, Route
from clyra_proxy.schemalock.admission import Admission
from clyra_proxy.schemalock.binding import ADMISSION_ONLY, Choice
from clyra_proxy.schemalock.buffered import BufferedSession
from clyra_proxy.schemalock.compile import CompiledSchema
from clyra_proxy.schemalock.fields import CsvSession, FormSession, MultipartSession
from clyra_proxy.schemalock.judge import CHECK_ID, Judge, Modes
from clyra_proxy.schemalock.media import Kind, Media, covers, parse_media
from clyra_proxy.schemalock.rows import EventSession, NdjsonSession
from clyra_proxy.schemalock.session import StreamSession
from clyra_proxy.schemalock.stillborn import StillbornSession
from clyra_proxy.stream.limits import DEFAULT_LIMITS, BodyLimits
from clyra_proxy.stream.multipart import MultipartError
from clyra_proxy.verdict.model import Action, Coverage, Mode, Phase, Seen
from clyra_proxy.verdict.reasons import Reason

_SMALL = 64 * 1024
"""Bodies up to this many bytes are judged whole."""


class _RouteFacts:
    """What is the same for every exchange on a route."""

    __slots__ = ("admission", "limits", "modes", "route")

    def __init__(self, route: Route) -> None:
        self.route = route
        self.modes = Modes(route)
        self.limits: BodyLimits = route.limits or DEFAULT_LIMITS
        self.admission = Admission(self.limits)


class SchemaCheck:
    """See the module. on_error: block; a schema check that fails must not let a body through."""

    id = CHECK_ID
    phases = frozenset({Phase.REQUEST_BODY, Phase.RESPONSE_BODY, Phase.MESSAGE})
    budget_ms = 50.0
    on_error = Action.BLOCK

    def __init__(self) -> None:
        self._facts = PerRoute(_RouteFacts)

    def open(self, exchange: Exchange, phase: Phase) -> BodySession | None:
        """A session for a body or message of this exchange, or None when there is nothing to check."""
        facts = self._facts.of(exchange.route)
        if phase is Phase.MESSAGE:
            return _open_message(facts, exchange.message)
        request = phase is Phase.REQUEST_BODY
        tally = exchange.request_body if request else exchange.response_body
        media = parse_media(tally.media_type)
        choice = self._choose(exchange, phase, media)
        if choice.refusal is Reason.MEDIA_TYPE:
            return _refuse(facts, phase, Reason.MEDIA_TYPE)
        judge = Judge(facts.modes, phase, choice.schema is not None)
        if judge.mode is Mode.OFF:
            _skip(exchange, phase, "off")
            return None
        if choice.refusal is not None:
            judge.remark(choice.refusal)
        if not media.utf8 and media.kind not in (Kind.MULTIPART, Kind.OTHER):
            return StillbornSession(judge, Reason.JSON_ENCODING, {"why": "charset"})
        if media.kind is Kind.JSON:
            return _open_document(facts, judge, choice, tally.declared, exchange if request else None)
        session = _open_rows(facts, judge, choice, media)
        if session is None:
            _skip(exchange, phase, choice.note or ("media_type" if media.kind is Kind.OTHER else "no_schema"))
        return session

    def _choose(self, exchange: Exchange, phase: Phase, media: Media) -> Choice:
        route = exchange.route
        if phase is Phase.REQUEST_BODY:
            if route.media and not any(covers(pattern, media.essence) for pattern in route.media):
                return Choice(refusal=Reason.MEDIA_TYPE)
            plan = route.request_schema
        else:
            plan = route.response_schema
        if plan is None:
            return ADMISSION_ONLY
        chosen: Choice = plan.choose(exchange, phase, media)  # type: ignore[attr-defined]
        return chosen


def _open_document(
    facts: _RouteFacts, judge: Judge, choice: Choice, declared: int, asking: Exchange | None
) -> BodySession:
    """Hold small documents whole, walk through the others. asking: the exchange, where this is its request.

    A response of unknown length streams from its first byte: its sender may pause between records.
    """
    schema, limits = choice.schema, facts.limits
    if 0 <= declared <= _SMALL:
        required = choice.required
        return BufferedSession(judge, facts.admission, schema, limits.max_buffer, required=required, exchange=asking)
    return StreamSession(
        judge,
        facts.admission,
        schema,
        limits,
        required=choice.required,
        hold_whole=_SMALL if asking is not None or declared >= 0 else 0,
    )


def _open_message(facts: _RouteFacts, message: Message | None) -> BodySession | None:
    """Messages are whole when they come, so they are judged whole.

    A binary message cannot be judged; on a side with a schema the rule `body.media_type` says what becomes of it.
    """
    if message is None:
        raise ValueError("the phase `message` needs a message in the exchange")
    plan = facts.route.request_schema if message.from_client else facts.route.response_schema
    schema: CompiledSchema | None = None
    if plan is not None:
        schema = plan.of_messages(from_client=message.from_client)  # type: ignore[attr-defined]
    if schema is None:
        message.coverage = Coverage(Seen.SKIPPED, "no_schema")
        return None
    if not message.text:
        message.coverage = Coverage(Seen.SKIPPED, str(Reason.MEDIA_TYPE))
        return _refuse(facts, Phase.MESSAGE, Reason.MEDIA_TYPE, even_empty=True)
    judge = Judge(facts.modes, Phase.MESSAGE, True)
    if judge.mode is Mode.OFF:
        message.coverage = Coverage(Seen.SKIPPED, "off")
        return None
    largest = facts.limits.max_buffer
    if message.size > largest:
        return StillbornSession(judge, Reason.BODY_TOO_LARGE, {"limit": largest, "observed": message.size})
    return BufferedSession(judge, facts.admission, schema, largest, required=True)


def _open_rows(facts: _RouteFacts, judge: Judge, choice: Choice, media: Media) -> BodySession | None:
    """A session over rows, events or fields; None for what needs a schema and has none."""
    schema, limits = choice.schema, facts.limits
    if media.kind is Kind.NDJSON:
        return NdjsonSession(judge, schema, limits)
    if media.kind is Kind.MULTIPART:
        try:
            return MultipartSession(judge, schema, limits, media.boundary)
        except MultipartError:
            return StillbornSession(judge, Reason.ROW_INVALID, {"why": "multipart boundary"})
    if schema is None:
        return None
    if media.kind is Kind.EVENTS:
        return EventSession(judge, schema, limits, choice.events)
    if media.kind is Kind.FORM:
        return FormSession(judge, schema, limits)
    if media.kind is Kind.CSV and not media.headed:
        return StillbornSession(judge, Reason.ROW_INVALID, {"why": "csv without a header"})
    if media.kind is Kind.CSV:
        return CsvSession(judge, schema, limits)
    return None


def _refuse(facts: _RouteFacts, phase: Phase, reason: Reason, *, even_empty: bool = False) -> BodySession | None:
    """A session that objects to the first byte, in the mode of the reason's own rule."""
    mode = facts.modes.by_reason[reason]
    if mode is Mode.OFF:
        return None
    return StillbornSession(Judge(facts.modes, phase, False, mode), reason, {}, even_empty=even_empty)


def _skip(exchange: Exchange, phase: Phase, why: str) -> None:
    if phase is Phase.REQUEST_BODY:
        exchange.request_coverage = Coverage(Seen.SKIPPED, why)
    else:
        exchange.response_coverage = Coverage(Seen.SKIPPED, why)
