"""The body check `schema`: for every body, the session that fits its media type, its size and its schema.

A body that SchemaLock has no business with gets no session, and the coverage of its direction says why.
"""

from __future__ import annotations

from clyra_proxy.checks import BodySession
from clyra_proxy.exchange import Exchange
from clyra_proxy.policy.route import Route
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

_MOST_ROUTES = 4096
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
    phases = frozenset({Phase.REQUEST_BODY, Phase.RESPONSE_BODY})
    budget_ms = 50.0
    on_error = Action.BLOCK

    def __init__(self) -> None:
        self._facts: dict[int, _RouteFacts] = {}

    def open(self, exchange: Exchange, phase: Phase) -> BodySession | None:
        """A session for this exchange's request or response body, or None when there is nothing to check."""
        facts = self._facts_of(exchange.route)
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
            return _open_document(facts, judge, choice, tally.declared, request)
        session = _open_rows(facts, judge, choice.schema, media)
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

    def _facts_of(self, route: Route) -> _RouteFacts:
        facts = self._facts.get(id(route))
        if facts is None or facts.route is not route:
            if len(self._facts) >= _MOST_ROUTES:
                self._facts.clear()  # routes of policies that were replaced
            facts = self._facts[id(route)] = _RouteFacts(route)
        return facts


def _open_document(facts: _RouteFacts, judge: Judge, choice: Choice, declared: int, request: bool) -> BodySession:
    """Hold small documents whole, walk through the others.

    A response of unknown length streams from its first byte: its sender may pause between records.
    """
    schema, limits = choice.schema, facts.limits
    if 0 <= declared <= _SMALL:
        return BufferedSession(judge, facts.admission, schema, limits.max_buffer, required=choice.required)
    return StreamSession(
        judge,
        facts.admission,
        schema,
        limits,
        required=choice.required,
        hold_whole=_SMALL if request or declared >= 0 else 0,
    )


def _open_rows(facts: _RouteFacts, judge: Judge, schema: CompiledSchema | None, media: Media) -> BodySession | None:
    """A session over rows, events or fields; None for what needs a schema and has none."""
    limits = facts.limits
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
        return EventSession(judge, schema, limits)
    if media.kind is Kind.FORM:
        return FormSession(judge, schema, limits)
    if media.kind is Kind.CSV:
        return CsvSession(judge, schema, limits)
    return None


def _refuse(facts: _RouteFacts, phase: Phase, reason: Reason) -> BodySession | None:
    """A session that objects to the first byte, in the mode of the reason's own rule."""
    mode = facts.modes.by_reason[reason]
    return None if mode is Mode.OFF else StillbornSession(Judge(facts.modes, phase, False, mode), reason, {})


def _skip(exchange: Exchange, phase: Phase, why: str) -> None:
    if phase is Phase.REQUEST_BODY:
        exchange.request_coverage = Coverage(Seen.SKIPPED, why)
    else:
        exchange.response_coverage = Coverage(Seen.SKIPPED, why)
