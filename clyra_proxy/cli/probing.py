"""Judging one runtime: which way did its call go, and did it trust what it met.

Evidence, strongest first: the proxy decided the call (a line in the verdict log with the call's own path: it was
intercepted and the authority trusted); the runtime printed an HTTP status after a tunnel; the relay saw a tunnel; the
upstream saw a connection without one. Words of an error message only explain, they never prove.
"""

from __future__ import annotations

import re
import secrets
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from clyra_proxy.cli.probe_certificates import untrusted_context
from clyra_proxy.cli.probe_targets import FORBIDDEN, Relay, Upstream
from clyra_proxy.cli.runtime_probes import Probe
from clyra_proxy.telemetry.redaction import printable
from clyra_proxy.telemetry.verdict_reader import VerdictReader

_AT_ONCE = 2
_LOG_PATIENCE_S = 3.0
_STATUS = re.compile(r"(?:^\s*|\bHTTP/[\d.]+ |\bHTTP [Ee]rror |\breturned error: )([1-5]\d\d)\s*$", re.MULTILINE)
_DISTRUST = re.compile(
    r"certificate verify failed|self.signed certificate|SELF_SIGNED|unable to (?:get|verify).*certificate|"
    r"UnknownIssuer|PKIX path|unknown authority|certificate is not trusted|UNABLE_TO_|SSL certificate problem|"
    r"unknown issuer|invalid peer certificate|doesn't have a known issuer",
    re.IGNORECASE,
)


class Way(StrEnum):
    """What became of a call."""

    INTERCEPTED = "intercepted"
    BYPASSED = "bypassed"
    DISTRUSTED = "distrusts the CA"
    REFUSED = "refused by the proxy"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Probed:
    """One runtime's result. evidence: what shows it. fix: what to do, "" when nothing."""

    runtime: str
    way: Way
    evidence: str
    fix: str = ""

    @property
    def good(self) -> bool:
        return self.way is Way.INTERCEPTED


@dataclass(slots=True)
class _Call:
    """One call under way."""

    probe: Probe
    upstream: Upstream
    path: str
    output: str = ""
    ended: str = ""


def probe_all(probes: Iterable[Probe], environment: Mapping[str, str], relay: Relay, verdict_log: Path) -> list[Probed]:
    """Make every call, through `relay`, and judge it. environment: complete, with the relay as the proxy."""
    context = untrusted_context()
    with VerdictReader(verdict_log) as reader:
        next(reader.backwards(), None)  # what was there before is not about us
        calls = [_prepared(probe, context) for probe in probes]
        try:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(lambda call: _make(call, environment), calls))
            decided = _decided(reader, {call.path for call in calls if call.upstream.port in relay.tunnels})
        finally:
            for call in calls:
                call.upstream.close()
    return [_judge(call, relay, decided) for call in calls]


def _prepared(probe: Probe, context: ssl.SSLContext) -> _Call:
    return _Call(probe, Upstream(context), f"/doctor-{secrets.token_hex(8)}")


def _make(call: _Call, environment: Mapping[str, str]) -> None:
    url = f"https://{call.probe.host}:{call.upstream.port}{call.path}"
    with tempfile.TemporaryDirectory(prefix="clyra-doctor-") as folder:
        try:
            done = subprocess.run(
                call.probe.argv(Path(folder), url),
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=call.probe.seconds,
                check=False,
            )
            call.output = (done.stdout + b"\n" + done.stderr).decode("utf-8", "replace")
            call.ended = f"exit {done.returncode}"
        except subprocess.TimeoutExpired as error:
            call.output = ((error.stdout or b"") + (error.stderr or b"")).decode("utf-8", "replace")
            call.ended = f"no end within {call.probe.seconds:.0f} s"
        except OSError as error:
            call.ended = f"could not be started: {error.strerror}"


def _decided(reader: VerdictReader, paths: set[str]) -> dict[str, str]:
    """Path of a call -> id of the verdict on it, for those the proxy decided."""
    deadline = time.monotonic() + _LOG_PATIENCE_S
    found: dict[str, str] = {}
    for line in reader.follow(lambda: len(found) == len(paths) or time.monotonic() > deadline):
        event = reader.parse(line) or {}
        asked = str(event.get("http_request", {}).get("url", {}).get("path", ""))
        for path in paths:
            if asked == path or asked.startswith(f"{path}/"):
                found.setdefault(path, str(event.get("metadata", {}).get("uid", "")))
    return found


def _judge(call: _Call, relay: Relay, decided: Mapping[str, str]) -> Probed:
    name, port = call.probe.name, call.upstream.port
    said = _first_words(call.output) or call.ended
    if call.path in decided:
        return Probed(name, Way.INTERCEPTED, f"verdict {decided[call.path]}")
    if port not in relay.tunnels:
        if call.upstream.arrivals:
            return Probed(name, Way.BYPASSED, "the call arrived at the upstream without the proxy", call.probe.fix)
        return Probed(name, Way.UNCLEAR, f"no call was seen; it says: {said}", "Run it by hand and read its message.")
    answer = relay.tunnels[port]
    if port in relay.trusted:
        return Probed(name, Way.INTERCEPTED, "policy refuses this call; the proxy was asked, the authority is trusted")
    if answer >= 400 and not (answer == FORBIDDEN and _DISTRUST.search(call.output)):
        fix = "Give --agent and --token." if answer == 407 else "See `clyra tail --no-follow` for the reason."
        return Probed(name, Way.REFUSED, f"the proxy answered {answer} to CONNECT", fix)
    if _DISTRUST.search(call.output):
        return Probed(name, Way.DISTRUSTED, said, f"It does not read the trust variables. {call.probe.fix}")
    if status := _STATUS.search(call.output):
        return Probed(name, Way.INTERCEPTED, f"a tunnel, and HTTP status {status[1]} inside it")
    return Probed(name, Way.UNCLEAR, f"a tunnel was opened; it says: {said}", "Run it by hand and read its message.")


def _first_words(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if _DISTRUST.search(line)] or lines
    return printable(telling[-1][:160]) if telling else ""
