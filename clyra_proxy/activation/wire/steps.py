"""The judgement of one write: look at its rows, then edit it, answer it, or let it pass.

Guarantees: in enforce nothing has left yet when this runs; a row that a rule blocks never leaves; where single rows
cannot be taken out (all or none, a body that cannot be edited) the whole request is refused. Whatever goes wrong is a
finding with the declared outcome. In shadow only findings come of it.

Small batches are judged on the event loop, because a thread costs more than the look itself; what may take longer
(large bodies, statements, a store that is not prompt, rows that may have to be taken out and kept) goes to a thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from time import perf_counter_ns

from clyra_proxy.activation.inspection import RowSignal, TakesLongerError
from clyra_proxy.activation.model import Rejection
from clyra_proxy.activation.profile import UnreadableError
from clyra_proxy.activation.wire.ending import SMALL, answer_of, reconcile
from clyra_proxy.activation.wire.evidence import note_batch
from clyra_proxy.activation.wire.falling import with_fallen
from clyra_proxy.activation.wire.judging import Report, look, rejections_of
from clyra_proxy.activation.wire.keeping import keep_refused, quarantine
from clyra_proxy.activation.wire.refusing import own, refusal
from clyra_proxy.activation.wire.state import ActivationState
from clyra_proxy.activation.wire.statements import note_query, note_statements, tag
from clyra_proxy.activation.wire.telling import finding_of, findings_of_report
from clyra_proxy.enforcement.halt.signals import ROWS_WRITTEN
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.findings import failure
from clyra_proxy.genai.wire.faults import faults_of
from clyra_proxy.genai.wire.scanning import ScanningRoom
from clyra_proxy.policy.activation import OnBadRows
from clyra_proxy.verdict.model import Action, Finding, Mode, Phase
from clyra_proxy.verdict.rules import RULES
from clyra_proxy.watchdog import WATCHDOG

CHECK = "activation"
BUDGET_S = 4.0
"""Longest time a look may take, waiting for a thread included. Everything it runs is linear in a bounded body."""


def begin_request(exchange: Exchange, state: ActivationState, room: ScanningRoom) -> Awaitable[None] | None:
    """Judge the batch that was collected; findings, the edited body and an answer of its own go into the exchange.

    Returns what is to be waited for; None when it is done, as with most batches, which need no task for that.
    """
    started = perf_counter_ns()
    report, findings = None, None
    try:
        report = _look_at_once(exchange, state) if _is_short(state) else None
        if report is not None and not any(signal.rows for _, signal in report.signals):
            findings = _conclude(exchange, state, report)
    except Exception as error:  # noqa: BLE001 - every failure of a check has a declared outcome
        findings = faults_of(error, CHECK, exchange, Phase.REQUEST_BODY)
    if findings is None:
        return _judge_in_a_thread(exchange, state, room, report, started)
    _end(exchange, state, findings, started)
    return None


async def judge_request(exchange: Exchange, state: ActivationState, room: ScanningRoom) -> None:
    """`begin_request` to its end."""
    if (rest := begin_request(exchange, state, room)) is not None:
        await rest


async def _judge_in_a_thread(
    exchange: Exchange, state: ActivationState, room: ScanningRoom, report: Report | None, started: int
) -> None:
    """report: of a look that was had already; what it asks for may take longer."""

    def work() -> list[Finding]:
        return decide_rows(exchange, state) if report is None else _conclude(exchange, state, report)

    try:
        findings = await room.run(work, BUDGET_S)
    except Exception as error:  # noqa: BLE001 - every failure of a check has a declared outcome
        findings = faults_of(error, CHECK, exchange, Phase.REQUEST_BODY)
    _end(exchange, state, findings, started)


def _end(exchange: Exchange, state: ActivationState, findings: list[Finding], started: int) -> None:
    exchange.findings.extend(findings)
    note_batch(exchange, state)
    note_statements(exchange, state)
    if state.batch is not None:
        exchange.extensions[ROWS_WRITTEN] = len(state.forwarded)
    exchange.check_ns[CHECK] = exchange.check_ns.get(CHECK, 0) + perf_counter_ns() - started


def _is_short(state: ActivationState) -> bool:
    return state.body is not None and len(state.body) <= SMALL and state.compiled.prompt


def _look_at_once(exchange: Exchange, state: ActivationState) -> Report | None:
    """A look on the event loop, under its time limit; None when it wants to be had in a thread."""
    WATCHDOG.enter()
    try:
        return look(exchange, state, hurried=True)
    except TakesLongerError:
        return None
    finally:
        WATCHDOG.leave()


def decide_rows(exchange: Exchange, state: ActivationState) -> list[Finding]:
    """Everything between the whole body and the decision. May raise what a fault raises."""
    if state.body is None:
        return []  # it outgrew the limit, and was told already
    return _conclude(exchange, state, look(exchange, state))


def _conclude(exchange: Exchange, state: ActivationState, report: Report) -> list[Finding]:
    """What follows from a look: findings, the rows that go on, an answer of our own. Keeps rejected rows."""
    findings = findings_of_report(report, exchange)
    if state.batch is None or state.inspection is None:
        exchange.answer = refusal(exchange, state, report)
        return findings
    state.forwarded = frozenset(range(len(state.batch.rows)))
    for inspector, signal in report.signals:
        single = _takes_rows(signal, state)
        finding = finding_of(inspector, signal, exchange, state, single=single)
        if finding is not None:
            findings.append(finding)
    if any(finding.enforced and finding.action is Action.BLOCK for finding in findings):
        state.forwarded = frozenset()
        exchange.answer = refusal(exchange, state, report)
        keep_refused(exchange, state, report)
        return findings
    findings += _take_out(exchange, state, report)
    if exchange.answer is None:
        tag(exchange, state)
    return findings


def _takes_rows(signal: RowSignal, state: ActivationState) -> bool:
    """Whether rows alone can be kept back for it: policy wants that, and the destination takes what is left."""
    wanted = state.compiled.settings.on_bad_rows is OnBadRows.REJECT_ROW
    return bool(signal.rows) and wanted and state.batch is not None and not state.batch.all_or_none


def _take_out(exchange: Exchange, state: ActivationState, report: Report) -> list[Finding]:
    """Keep the bad rows back: the edited body, or the destination's own answer when none is left."""
    batch, body = state.batch, state.body
    if batch is None or body is None or state.compiled.settings.on_bad_rows is not OnBadRows.REJECT_ROW:
        return []
    rejections = () if batch.all_or_none else rejections_of(report.signals, exchange)
    rejections = with_fallen(state.endpoint, rejections)
    if not rejections or state.mode is not Mode.ENFORCE:
        return []
    bad = frozenset(rejection.index for rejection in rejections)
    some = len(bad) < len(batch.rows) or state.endpoint.takes_none
    edited = state.endpoint.without(body, batch, bad) if some else None
    state.rejections = rejections
    if edited is not None:
        exchange.request_rewrite = edited
        state.forwarded -= bad
        state.quarantined = quarantine(exchange, state, bad)
        return []
    answer = state.endpoint.refused(batch, rejections)
    exchange.answer = None if answer is None else own(answer)
    state.forwarded = frozenset()
    state.quarantined = quarantine(exchange, state, bad)
    return _all_refused(exchange, rejections, Phase.REQUEST_BODY, {})


def _all_refused(
    exchange: Exchange, rejections: Sequence[Rejection], phase: Phase, detail: Mapping[str, str | int]
) -> list[Finding]:
    """The finding that no row goes on, or that nobody could be told which ones did: of the first row's rule."""
    counted = {"rejected": len(rejections), **detail}
    finding = RULES[rejections[0].rule].finding(exchange.route, phase, check=CHECK, action=Action.BLOCK, detail=counted)
    return [finding] if finding is not None else []


def begin_answer(exchange: Exchange, state: ActivationState, room: ScanningRoom) -> Awaitable[None] | None:
    """Read the destination's answer: what it took, what the sender is told instead. Returns as `begin_request`."""
    if state.batch is None or exchange.denial is not None:
        return None
    if not _is_short(state) or len(state.answer or b"") > SMALL:
        return _read_in_a_thread(exchange, state, room)
    try:
        _read_answer(exchange, state)
    except Exception as error:  # noqa: BLE001 - as in a thread
        _unread(exchange, state, error)
    return None


async def judge_answer(exchange: Exchange, state: ActivationState, room: ScanningRoom) -> None:
    """`begin_answer` to its end."""
    if (rest := begin_answer(exchange, state, room)) is not None:
        await rest


async def _read_in_a_thread(exchange: Exchange, state: ActivationState, room: ScanningRoom) -> None:
    try:
        await room.run(lambda: _read_answer(exchange, state), BUDGET_S)
    except Exception as error:  # noqa: BLE001 - every failure of a check has a declared outcome
        _unread(exchange, state, error)


def _unread(exchange: Exchange, state: ActivationState, error: Exception) -> None:
    """The rows have left; the sender must not take silence for success."""
    if state.rejections:
        exchange.findings.append(failure(CHECK, exchange, Phase.REQUEST_BODY, type(error).__name__))


def _read_answer(exchange: Exchange, state: ActivationState) -> None:
    reconcile(exchange, state)
    note_query(exchange, state)
    merge_answer(exchange, state)


def merge_answer(exchange: Exchange, state: ActivationState) -> None:
    """Tell the sender what became of every row, when some were kept back: the destination's answer for all of them."""
    if state.batch is None or not (state.rejections or state.endpoint.amends):
        return
    came = answer_of(exchange, state)
    if came is None or came.status >= 400:
        return  # where nothing was taken the sender repeats, and hears of its bad rows then
    try:
        told = state.endpoint.merged(came, state.batch, state.rejections)
    except UnreadableError:
        told = None
    if told is came or state.mode is not Mode.ENFORCE or (told is None and not state.rejections):
        return
    if told is None:
        exchange.findings.extend(_untold(exchange, state))
        return
    exchange.response_rewrite = told.body
    exchange.response_status = told.status
    exchange.response_fields = tuple(
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in told.headers.items()
        if came.headers.get(name) != value and name != "content-length"
    )


def _untold(exchange: Exchange, state: ActivationState) -> list[Finding]:
    """The finding that an answer could not be told for all rows. It passes as it came: the good rows were taken, and a
    refusal would make the sender send them again; the bad ones are in quarantine and in the record."""
    finding = RULES[state.rejections[0].rule].finding(
        exchange.route,
        Phase.RESPONSE_BODY,
        check=CHECK,
        action=Action.MARK,
        detail={"why": "untold", "rejected": len(state.rejections), "forwarded": len(state.forwarded)},
    )
    return [finding] if finding is not None else []
