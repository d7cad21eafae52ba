"""The messages of one WebSocket session, both ways: judged one at a time, summed up in the session's one exchange.

Guarantees: every check that wants messages sees each of them whole; tallies count payload bytes seen and passed on,
and the commitment of a side covers the payloads of all its messages, one after another. The coverage of a side is the
worst of its messages. However many messages are found wanting, what is kept is bounded: the first finding of each kind
(check, rule, mode, sender), with how often it was made (`count`) once the session is over.

A finding about a message says whose it was (`sender`) and which (`row`: messages of that sender before it). Its path
leads into the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import urandom

from clyra_proxy.checks import BodyCheck
from clyra_proxy.exchange import BodyTally, Exchange, Message
from clyra_proxy.stream.commitment import SALT_BYTES, Commitment
from clyra_proxy.stream.gate import BodyRefused
from clyra_proxy.stream.opening import open_sessions
from clyra_proxy.stream.watch import Watch, refuses
from clyra_proxy.verdict.model import Coverage, Finding, Mode, Phase, Seen
from clyra_proxy.verdict.rules import RULES

MOST_KINDS = 64
"""Kinds of findings that are kept of one session; findings of further kinds are counted together (`others`)."""

_WORSE = (Seen.NONE, Seen.FULL, Seen.STREAMED, Seen.HEADERS_ONLY, Seen.SKIPPED)

type _Kind = tuple[str, str, Mode, str, bool]


@dataclass(slots=True)
class _Side:
    """One sender. number: messages so far."""

    name: str
    tally: BodyTally
    commitment: Commitment
    number: int = 0


class Conversation:
    """The messages of `exchange`. salts: of the commitments to what client and server send; default random."""

    def __init__(
        self, exchange: Exchange, checks: Sequence[BodyCheck], salts: tuple[bytes, bytes] | None = None
    ) -> None:
        client, server = salts or (urandom(SALT_BYTES), urandom(SALT_BYTES))
        self._exchange = exchange
        self._checks = tuple(check for check in checks if Phase.MESSAGE in check.phases)
        self._client = _Side("client", exchange.request_body, Commitment(client))
        self._server = _Side("server", exchange.response_body, Commitment(server))
        self._speaking = self._client
        self._kinds: dict[_Kind, tuple[int, int]] = {}  # place in the exchange's findings, times found
        self._others = 0

    def inspect(self, content: bytes, *, from_client: bool, text: bool) -> None:
        """Take the next message. Findings go into the exchange.

        Raises BodyRefused when an enforced finding refuses the message; it must not be passed on.
        """
        side = self._speaking = self._client if from_client else self._server
        message = Message(from_client, text, len(content), side.number)
        side.number += 1
        side.tally.seen += len(content)
        side.commitment.update(content)
        try:
            self._show(message, content)
        except BodyRefused:
            side.tally.complete = False
            raise
        side.tally.released += len(content)

    def refuse_oversize(self, size: int, limit: int, *, from_client: bool) -> BodyRefused:
        """A message is larger than the engine holds, in whatever mode; `size` bytes of it came. Not raised but given.

        What is unfinished cannot be shown to checks, nor kept: in shadow, too, such a session ends here.
        """
        side = self._speaking = self._client if from_client else self._server
        side.tally.seen += size
        side.tally.complete = False
        rule = RULES["body.too_large"]
        detail = {"limit": limit}
        finding = Finding("body", rule.id, rule.reason, rule.action, Mode.ENFORCE, Phase.MESSAGE, detail=detail)
        self.record(finding)
        self._cover(Coverage(Seen.SKIPPED, str(rule.reason)), from_client=from_client)
        return BodyRefused(finding)

    def close(self) -> None:
        """The session is over: settle commitments, and write how often each kind of finding was made."""
        findings = self._exchange.findings
        for place, times in self._kinds.values():
            if times > 1:
                findings[place] = _with(findings[place], count=times)
        if self._others and self._kinds:
            last = next(reversed(self._kinds.values()))[0]
            findings[last] = _with(findings[last], others=self._others)
        for side in (self._client, self._server):
            if side.number:
                side.tally.commitment = side.commitment.hexdigest()

    def record(self, finding: Finding) -> None:
        """Keep the first finding of a kind, and every one that refuses; count the rest."""
        side = self._speaking
        kind = (finding.check, finding.rule, finding.mode, side.name, finding.error)
        if (known := self._kinds.get(kind)) is not None and not refuses(finding):
            self._kinds[kind] = (known[0], known[1] + 1)
            return
        if len(self._kinds) >= MOST_KINDS and not refuses(finding):
            self._others += 1
            return
        findings = self._exchange.findings
        self._kinds[kind] = (len(findings), 1)
        findings.append(_with(finding, row=max(side.number - 1, 0), sender=side.name))

    def _show(self, message: Message, content: bytes) -> None:
        exchange = self._exchange
        exchange.message = message
        watches, faults = open_sessions(exchange, Phase.MESSAGE, self._checks)
        try:
            for finding in faults:
                if finding.mode is not Mode.OFF:
                    self.record(finding)
                    if refuses(finding):
                        raise BodyRefused(finding)
            for watch in watches:
                watch.feed(content, len(content), self)
                if watch.attached:
                    watch.finish(len(content), self)
        finally:
            exchange.message = None
            for watch in watches:
                exchange.check_ns[watch.check_id] = exchange.check_ns.get(watch.check_id, 0) + watch.ns
            self._cover(_coverage(message, watches, faults), from_client=message.from_client)

    def _cover(self, coverage: Coverage, *, from_client: bool) -> None:
        """Let the worst stand; of two as bad, the first."""
        exchange = self._exchange
        so_far = exchange.request_coverage if from_client else exchange.response_coverage
        if _WORSE.index(coverage.seen) <= _WORSE.index(so_far.seen):
            return
        if from_client:
            exchange.request_coverage = coverage
        else:
            exchange.response_coverage = coverage


def _coverage(message: Message, watches: Sequence[Watch], faults: Sequence[Finding]) -> Coverage:
    """The best that a check saw of one message; without any, what a check that declined has said."""
    if not watches:
        return Coverage(Seen.SKIPPED, faults[0].rule) if faults else message.coverage
    return min((getattr(watch.session, "coverage", Coverage(Seen.FULL)) for watch in watches), key=_badness)


def _badness(coverage: Coverage) -> int:
    return _WORSE.index(coverage.seen)


def _with(finding: Finding, **facts: str | int) -> Finding:
    return replace(finding, detail={**finding.detail, **facts})
