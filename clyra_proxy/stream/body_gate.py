"""The gate on one body: commit, decode, let the sessions look, release what all of them have cleared.

The promises are those of `clyra_proxy.stream.gate`; this is their only implementation. The gate writes what it learns
into the exchange as it learns it: findings, nanoseconds per check, coverage, lengths and the salted commitment
(HMAC-SHA256 of the raw bytes, whether they were released or not).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clyra_proxy.checks import EVERYTHING
from clyra_proxy.exchange import BodyTally, Exchange
from clyra_proxy.stream.commitment import Commitment
from clyra_proxy.stream.content_coding import PIECE, CodingError, Decoder
from clyra_proxy.stream.gate import BodyRefused
from clyra_proxy.stream.holding import Holding
from clyra_proxy.stream.limits import BodyLimits
from clyra_proxy.stream.spool import Spool, SpoolFullError
from clyra_proxy.stream.watch import Watch, refuses
from clyra_proxy.verdict.model import Coverage, Finding, Mode, Phase, Seen
from clyra_proxy.verdict.rules import BY_REASON, RULES

_NO_BODY = Coverage(Seen.NONE)
_STREAMED = Coverage(Seen.STREAMED)
_CODED_TAIL = 16
"""Raw bytes of a coded body held to the end: more than any trailer (gzip 8, zstd 4) and the coding's last block."""


class CheckingGate:
    """See `clyra_proxy.stream.gate.BodyGate`. Made by `clyra_proxy.stream.opening.open_gate`.

    salt: 32 bytes, the commitment's key. length: the declared Content-Length, -1 when there is none.
    """

    __slots__ = (
        "_blind",
        "_commitment",
        "_decoded",
        "_decoder",
        "_exchange",
        "_held",
        "_hold",
        "_length",
        "_limits",
        "_phase",
        "_refused",
        "_said_large",
        "_settled",
        "_spool",
        "_tally",
        "_watches",
        "findings",
        "mode",
    )

    def __init__(
        self,
        exchange: Exchange,
        phase: Phase,
        watches: list[Watch],
        decoder: Decoder | None,
        limits: BodyLimits,
        salt: bytes,
        length: int = -1,
        spool: Spool | None = None,
    ) -> None:
        self.findings: list[Finding] = []
        self._exchange = exchange
        self._phase = phase
        self._watches = watches
        self._decoder = decoder
        self._limits = limits
        self._commitment = Commitment(salt)
        self._length = length
        self._spool = spool
        self._tally: BodyTally = exchange.request_body if phase is Phase.REQUEST_BODY else exchange.response_body
        self._decoded = 0
        self._refused: BodyRefused | None = None
        self._settled = False
        self._said_large = False
        self._blind: Coverage | None = None
        self.mode = Mode.SHADOW
        self._hold = 0
        for watch in watches:
            if watch.enforcing:
                self.mode = Mode.ENFORCE
                if not watch.incremental:
                    self._hold = 1 if decoder is None else _CODED_TAIL
        self._held = Holding(decoder)

    def feed(self, raw: bytes) -> Sequence[bytes]:
        """Take the next raw bytes; return what may leave now. Raises BodyRefused."""
        if self._refused is not None:
            raise self._refused
        if not raw:
            return []
        tally = self._tally
        tally.seen = seen = tally.seen + len(raw)
        self._commitment.update(raw)
        before = self._decoded
        try:
            if seen > self._limits.max_body:
                self._too_large()
            if self._decoder is None and len(raw) <= PIECE:
                self._decoded = seen
                for watch in self._watches:
                    if watch.attached:
                        watch.feed(raw, seen, self)
            elif self._watches:
                self._inspect(raw)
            if self._spool is not None:
                self._keep(raw)
                return []
        except BodyRefused as refused:
            self._settle(refused)
            raise
        if self.mode is Mode.SHADOW:
            self._held.released += len(raw)
            return [raw]
        self._held.push(raw, before)
        return self._release()

    def resume(self) -> Sequence[bytes]:
        """A session that waited may go on; return what may leave now. Raises BodyRefused."""
        if self._refused is not None:
            raise self._refused
        try:
            for watch in self._watches:
                if watch.attached:
                    watch.feed(b"", self._decoded, self)
        except BodyRefused as refused:
            self._settle(refused)
            raise
        return [] if self.mode is Mode.SHADOW or self._spool is not None else self._release()

    def _release(self) -> list[bytes]:
        self._take_edits()
        cleared = self._cleared()
        return self._held.release(cleared, self._tail()) if cleared else []

    def _take_edits(self) -> None:
        """What an enforcing session replaces in the bytes it has cleared."""
        for watch in self._watches:
            if watch.enforcing and watch.attached and (edits := getattr(watch.session, "edits", None)):
                self._held.edit(edits)
                edits.clear()

    def finish(self) -> Iterable[bytes]:
        """The body ended; return all that was held back. Raises BodyRefused."""
        if self._refused is not None:
            raise self._refused
        try:
            if self._decoder is not None and self._watches and self._tally.seen:
                try:
                    self._decoder.flush()
                except CodingError as error:
                    self._coding_failed(error)
            for watch in self._watches:
                if watch.attached:
                    watch.finish(self._decoded, self)
        except BodyRefused as refused:
            self._settle(refused)
            raise
        if self._spool is not None:
            self._held.released = self._tally.seen
            self._tally.complete = True
            self._settle()
            return self._spool.read()
        self._take_edits()
        leaving = self._held.drain()
        self._tally.complete = True
        self._settle()
        return leaving

    def abort(self) -> None:
        """The body will never end; settle tallies and coverage."""
        self._held.drop()
        if self._spool is not None:
            self._spool.close()
        self._settle()

    @property
    def coverage(self) -> Coverage:
        if not self._tally.seen:
            return _NO_BODY
        if not self._watches:
            return self._blind or self._preset()
        best = _STREAMED
        for watch in self._watches:
            best = getattr(watch.session, "coverage", best)
            if best.seen is Seen.FULL:
                break
        return best

    @property
    def spool(self) -> bool:
        return self._spool is not None

    def refuse(self, finding: Finding) -> None:
        """The head alone settled it: record the finding; every later `feed` and `finish` raises."""
        self.record(finding)
        if refuses(finding):
            self._settle(BodyRefused(finding))

    def record(self, finding: Finding) -> None:
        """Keep a finding, and tell the exchange at once."""
        self.findings.append(finding)
        self._exchange.findings.append(finding)

    def _inspect(self, raw: bytes) -> None:
        """Show the sessions what `raw` decodes to. Raises BodyRefused."""
        decoder = self._decoder
        if decoder is None:
            if len(raw) <= PIECE:
                self._show(raw)
            else:
                for start in range(0, len(raw), PIECE):
                    self._show(raw[start : start + PIECE])
            return
        try:
            for piece in decoder.decode(raw):
                self._show(piece)
        except CodingError as error:
            self._coding_failed(error)

    def _show(self, piece: bytes) -> None:
        seen = self._decoded = self._decoded + len(piece)
        for watch in self._watches:
            if watch.attached:
                watch.feed(piece, seen, self)

    def _cleared(self) -> int:
        cleared = EVERYTHING
        for watch in self._watches:
            if watch.enforcing and watch.mark < cleared:
                cleared = watch.mark
        return cleared

    def _tail(self) -> int:
        """Raw bytes to keep back now: always some of a whole document, of rows only the declared last byte."""
        if self._hold or self._tally.seen != self._length:
            return self._hold
        return 1

    def _coding_failed(self, error: CodingError) -> None:
        """The body cannot be read further. Enforced when its rule is, or when an enforcing session would go blind."""
        rule = BY_REASON[error.reason]
        blind = any(watch.enforcing and watch.attached for watch in self._watches)
        mode = Mode.ENFORCE if blind else rule.mode(self._exchange.route)
        if mode is not Mode.OFF:
            self._raise(Finding("body", rule.id, rule.reason, rule.action, mode, self._phase, detail=error.detail))
        self.go_blind()

    def _preset(self) -> Coverage:
        """What a check that declined to look has said, else that only the head was seen."""
        exchange = self._exchange
        said = exchange.request_coverage if self._phase is Phase.REQUEST_BODY else exchange.response_coverage
        return said.or_head()

    def go_blind(self) -> None:
        """The body cannot be decoded and nothing enforced needs to see it: let it pass unread, and say so."""
        self._blind = Coverage(Seen.SKIPPED, "content_coding")
        for watch in self._watches:
            watch.detach()
        self._watches = []

    def _too_large(self) -> None:
        rule = RULES["body.too_large"]
        mode = rule.mode(self._exchange.route)
        if mode is Mode.ENFORCE or (mode is Mode.SHADOW and not self._said_large):
            self._said_large = True
            detail = {"limit": self._limits.max_body}
            self._raise(Finding("body", rule.id, rule.reason, rule.action, mode, self._phase, detail=detail))

    def _keep(self, raw: bytes) -> None:
        assert self._spool is not None  # noqa: S101 - for the type checker
        try:
            self._spool.append(raw)
        except SpoolFullError:
            rule = RULES["check.overflow"]
            why = {"why": "the spool could not be written"}
            self._raise(
                Finding("body", rule.id, rule.reason, rule.action, Mode.ENFORCE, self._phase, detail=why, error=True)
            )

    def _raise(self, finding: Finding) -> None:
        self.record(finding)
        if refuses(finding):
            raise BodyRefused(finding)

    def _settle(self, refused: BodyRefused | None = None) -> None:
        """Write what is known into the exchange, once, at the end of the body whatever the end was."""
        if refused is not None:
            self._refused = refused
            self._held.drop()
            if self._spool is not None:
                self._spool.close()
        if self._settled:
            return
        self._settled = True
        exchange, tally = self._exchange, self._tally
        tally.released = self._held.released
        tally.commitment = self._commitment.hexdigest()
        spent = exchange.check_ns
        for watch in self._watches:
            spent[watch.check_id] = spent.get(watch.check_id, 0) + watch.ns
        if self._phase is Phase.REQUEST_BODY:
            exchange.request_coverage = self.coverage
        else:
            exchange.response_coverage = self.coverage
