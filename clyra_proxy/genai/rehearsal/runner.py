"""Sending trials through a proxy and finding the verdict on each in its verdict log.

Rule: what is said of a trial comes from outside: the answer the client got, what the upstream received whole, and the
line of the verdict log with the trial's own trace id. A trial without such a line is `unseen`, never a success.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson

from clyra_proxy.genai.rehearsal.upstream import TRIAL_HEADER, RehearsalUpstream
from clyra_proxy.genai.rehearsal.wires import Trial
from clyra_proxy.telemetry.verdict_reader import VerdictReader

_TIMEOUT_S = 30.0
_LOG_PATIENCE_S = 5.0


@dataclass(slots=True)
class Passage:
    """What became of one trial. status: the client's, 0 when the exchange broke off. arrived: whether the request
    reached the upstream whole. answered: how many bytes of the answer the client got. verdict: its log line, {} when
    there is none."""

    trial: Trial
    trace: str
    status: int = 0
    arrived: bool = False
    answered: int = 0
    failure: str = ""
    verdict: Mapping[str, Any] = field(default_factory=dict)

    @property
    def findings(self) -> list[dict[str, Any]]:
        return list(self.verdict.get("findings", ()))


def send(
    trials: Iterable[Trial], proxy: str, upstream: RehearsalUpstream, agent: str = "", token: str = ""
) -> list[Passage]:
    """Send each trial, one after the other. proxy: URL. agent, token: what is presented, "" for nobody.

    Each trial is a run of its own, so that what counts the calls of a run does not count the rehearsal as one.
    """
    passages = []
    with httpx.Client(proxy=proxy, trust_env=False, timeout=_TIMEOUT_S) as client:
        for trial in trials:
            upstream.expect(trial)
            passages.append(_send_one(client, trial, upstream, agent, token))
    return passages


def _send_one(client: httpx.Client, trial: Trial, upstream: RehearsalUpstream, agent: str, token: str) -> Passage:
    passage = Passage(trial, secrets.token_hex(16))
    headers = {
        "content-type": "application/json",
        **({"proxy-authorization": _credentials(agent, passage.trace, token)} if agent else {}),
        "traceparent": f"00-{passage.trace}-{secrets.token_hex(8)}-01",
        TRIAL_HEADER: trial.id,
        **trial.headers,
    }
    body = json.dumps(trial.body, ensure_ascii=False).encode()
    try:
        with client.stream("POST", f"{upstream.url}{trial.path}", content=body, headers=headers) as answer:
            passage.status = answer.status_code
            for piece in answer.iter_raw():
                passage.answered += len(piece)
    except httpx.HTTPError as error:
        passage.failure = type(error).__name__
    passage.arrived = trial.id in upstream.arrived
    return passage


def _credentials(agent: str, run: str, token: str) -> str:
    """RFC 7617, with the run after the agent's name."""
    return "Basic " + base64.b64encode(f"{agent}+{run}:{token}".encode()).decode()


def find_verdicts(passages: Iterable[Passage], log: Path) -> None:
    """Fill in each passage's verdict from the log, waiting a little for lines that are still being written."""
    wanted = {passage.trace: passage for passage in passages if not passage.verdict}
    deadline = time.monotonic() + _LOG_PATIENCE_S
    while wanted:
        with VerdictReader(log) as reader:
            for line in reader.backwards():
                _match(line, wanted)
                if not wanted:
                    return
        if time.monotonic() > deadline:
            return
        time.sleep(0.1)


def _match(line: bytes, wanted: dict[str, Passage]) -> None:
    try:
        ours = orjson.loads(line)["unmapped"]["clyra"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return
    passage = wanted.pop(str(ours.get("trace_id", "")), None)
    if passage is not None:
        passage.verdict = ours
