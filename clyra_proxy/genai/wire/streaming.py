"""A streamed answer: read event by event, let go event by event, but for the undecided tail.

What is held back, in an enforcing session:
- an event whose text could still become part of a finding (`StreamScanner` says how much is decided);
- the events of a tool call until the call is complete and was judged;
- an event that is a message in itself (MCP, A2A) until it was judged, in the hook `clyra_pending`;
- everything from the end of the answer on, until all of it was judged (hook `response`).
Events leave in order, so what is held holds what comes after it. Edits are made in the one JSON text of an event;
where that is not possible, what should be redacted is refused. A shadow session sees the same and holds nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from clyra_proxy.checks import EVERYTHING, Violation
from clyra_proxy.exchange import Exchange
from clyra_proxy.genai.findings import escalate, make_finding, unreadable
from clyra_proxy.genai.inspection import Edit, Erasure, Signal, TextEdit
from clyra_proxy.genai.model import Conversation, Direction
from clyra_proxy.genai.moments import is_model_traffic
from clyra_proxy.genai.protocols.reading import ECHO, Delta, DeltaKind, StreamEvent, StreamReader, UnreadableError
from clyra_proxy.genai.wire.blocks import Blocks
from clyra_proxy.genai.wire.state import GenAiState, inspection_of
from clyra_proxy.genai.wire.window import Held, Window
from clyra_proxy.stream.holding import ByteEdit
from clyra_proxy.verdict.model import Action, Coverage, Finding, Mode, Phase, Seen
from clyra_proxy.verdict.rules import RULES

SCANNER = "leak"
"""The inspector whose scanner looks at text as it grows."""

_SCANNED = tuple(rule for rule in RULES if rule.startswith("leak."))
_MESSAGE = "\x00message"
_LONGEST_CALL = 1 << 15
"""Characters of arguments that are judged on the loop; a longer call waits for the end, which is judged in a thread."""


class EventSession:
    """See the module. edits: in what was cleared last; the gate takes them. waiting: messages to be judged.

    coded: the body is compressed, so nothing in it can be edited, nor can an event of ours follow it.
    """

    check_id = "genai"
    resumable = True
    incremental = True

    def __init__(
        self, exchange: Exchange, state: GenAiState, reader: StreamReader, *, phase: Phase = Phase.RESPONSE_BODY
    ) -> None:
        """phase: `message` for the messages of a session, which may last for days."""
        self.mode = state.mode
        self.coverage = Coverage(Seen.STREAMED)
        self.edits: list[ByteEdit] = []
        self.waiting: deque[tuple[Held, Conversation]] = deque()
        self.readable = True
        self._exchange = exchange
        self._state = state
        self._reader = reader
        self._phase = phase
        self._most = state.compiled.settings.max_inspect_bytes
        empty = Conversation(state.reading.id, Direction.RESPONSE, stream=True)
        self._inspection = inspection_of(exchange, state, empty)
        self._scanner = state.compiled.open_scanner(self._inspection) if _is_watched(exchange) else None
        self._blocks = Blocks()
        self.coded = _is_coded(exchange)
        self._window = Window(editable=self.mode is Mode.ENFORCE and not self.coded)
        self._refusal: Finding | None = None
        self._redacted: set[tuple[str, str, str]] = set()
        self._size = 0

    def conversation(self) -> Conversation:
        """Everything read so far."""
        return self._reader.conversation()

    def feed(self, data: bytes) -> int:
        """Read on; the watermark. Raises Violation."""
        if data and self.readable:
            self._size += len(data)
            self._window.keep(data)
            kept = self.is_assembled and self._phase is Phase.RESPONSE_BODY
            if (self._size if kept else self._window.size) > self._most:
                self._give_up("too_large")
            else:
                self._read(lambda: self._reader.feed(data))
        if self._refusal is not None:
            raise Violation(self._refusal)
        if not self.readable:
            self.edits.extend(self._window.all_edits())
            return EVERYTHING
        mark, edits = self._window.clear()
        self.edits.extend(edits)
        return mark

    def finish(self) -> int:
        """The stream ended: nothing more can join what is undecided; the whole is judged next. Raises Violation."""
        if self.readable and not self._window.over:
            self._window.over = True
            self._read(self._reader.finish)
            for block in self._blocks.all_blocks():
                self._end_block(block)
        if self._refusal is not None:
            raise Violation(self._refusal)
        self.edits.extend(self._window.all_edits())
        return EVERYTHING

    def end_blocks(self, blocks: Iterable[str]) -> None:
        """These texts are complete, and nothing more is asked about them."""
        for block in blocks:
            self._end_block(block)
            self._blocks.forget(block)

    def settle(self, held: Held) -> None:
        """A message that waited was judged and may leave."""
        held.undecided.discard(_MESSAGE)

    @property
    def editable(self) -> bool:
        """Whether bytes of the stream can be replaced at all."""
        return self._window.editable

    @property
    def is_assembled(self) -> bool:
        """Whether the answer is made of its events, so that only its end shows all of it, and not of whole messages."""
        return is_model_traffic(self._inspection.conversation)

    def has_redacted(self, finding: Finding) -> bool:
        """Whether all that a finding about the whole is about was redacted in its pieces."""
        patterns = str(finding.detail.get("patterns", "")).split(",")
        kinds = {(finding.rule, str(finding.detail.get("kind", "")), pattern) for pattern in patterns}
        return finding.action is Action.REDACT and kinds <= self._redacted

    def message(self, held: Held) -> object:
        """The JSON value of a message that waits, None when it has none."""
        return self._window.value(held)

    def replace(self, held: Held, text: bytes) -> None:
        """Let another JSON text take the place of a message that waits. Only while `editable`."""
        held.replacement = text

    def edit(self, held: Held, edits: list[Edit]) -> bool:
        """Change a message that waits; false when that cannot be done."""
        return self._window.edit(held, edits)

    # -- reading ----------------------------------------------------------------------------------------------------

    def _read(self, step: Callable[[], Sequence[StreamEvent]]) -> None:
        try:
            events = step()
        except UnreadableError as error:
            self._give_up(error.reason)
            return
        for event in events:
            held = self._window.take(event)
            for delta in event.deltas:
                self._take(held, delta)

    def _take(self, held: Held, delta: Delta) -> None:
        if delta.block.startswith(ECHO) and delta.path:
            held.echoes.append(Erasure(delta.path))
        match delta.kind:
            case DeltaKind.TEXT if delta.text and self._scanner is not None:
                self._blocks.grow_text(delta, held)
                decided, found = self._scanner.feed(delta.block, delta.text)
                self._note(found, delta.block)
                self._blocks.decide(delta.block, decided)
            case DeltaKind.CALL | DeltaKind.ARGUMENTS:
                self._blocks.grow_call(delta)
                self._window.wait_for(delta.block, held)
            case DeltaKind.BLOCK_END:
                self._end_block(delta.block)
            case DeltaKind.FINISH:
                self._window.end_from(held)
            case DeltaKind.MESSAGE if delta.conversation is not None:
                held.undecided.add(_MESSAGE)
                self.waiting.append((held, delta.conversation))
                self._exchange.pending = True
            case _:
                pass

    def _end_block(self, block: str) -> None:
        if self._scanner is not None and self._blocks.has_text(block):
            self._note(self._scanner.end(block), block)
            self._blocks.decide(block, EVERYTHING)
        call = self._blocks.complete_call(block)
        if call is not None and len(call.raw) <= _LONGEST_CALL:
            for inspector, signal in self._state.compiled.judge_call(call, self._inspection):
                self._signal(inspector, signal, block)
            self._window.release(block)

    # -- what was found ---------------------------------------------------------------------------------------------

    def _note(self, found: Iterable[Signal | TextEdit], block: str) -> None:
        for one in found:
            if isinstance(one, Signal):
                self._signal(SCANNER, one, block)
            elif not isinstance(one, TextEdit):
                raise TypeError("a scanner gave something that is neither a signal nor an edit")
            elif self.mode is Mode.ENFORCE:
                self._blocks.edit(one, block, self._window)  # an undone redaction that cannot be made stays redacted

    def _signal(self, inspector: str, signal: Signal, block: str) -> None:
        exception = self._state.compiled.exceptions.suppress(signal, self._inspection)
        finding = make_finding(inspector, signal, self._exchange, self._phase, exception)
        if finding is None:
            return
        if finding.redacts:
            edits = [edit for edit in signal.edits if isinstance(edit, TextEdit)]
            if not edits or not all(self._blocks.edit(edit, edit.block or block, self._window) for edit in edits):
                finding = escalate(finding)
        if finding.action is Action.REDACT and not block.startswith(ECHO):
            kind = str(finding.detail.get("kind", ""))
            patterns = str(finding.detail.get("patterns", "")).split(",")
            self._redacted.update((finding.rule, kind, pattern) for pattern in patterns)
        self._keep(finding)

    def _keep(self, finding: Finding) -> None:
        """Tell the exchange, once of a kind; remember the first that refuses, which the gate records."""
        if finding.stops:
            self._refusal = self._refusal or finding
        elif self._state.is_new(finding):
            self._exchange.findings.append(finding)

    def _give_up(self, why: str) -> None:
        """The rest cannot be read: the rule `genai.unreadable` says whether it may pass."""
        self.readable = False
        self.coverage = Coverage(Seen.SKIPPED, f"genai:{why}")
        wanted = self._state.compiled.settings.unreadable
        for finding in unreadable(self._exchange, self._phase, wanted, {"why": why}):
            self._keep(finding)


def _is_watched(exchange: Exchange) -> bool:
    """Whether anything that a scanner could find is a rule in force here."""
    return any(RULES[rule].mode(exchange.route) is not Mode.OFF for rule in _SCANNED)


def _is_coded(exchange: Exchange) -> bool:
    coding = exchange.response.get("content-encoding") if exchange.response is not None else None
    return coding not in (None, "", "identity")
