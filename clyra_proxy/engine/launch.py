"""What one run of the proxy is: the policy's `listen` section with the command line's wishes laid over it, resolved.

Rule: everything that can be wrong before a process is started is found here and said in one message; from here on
the values are plain and do not change until the next start. The policy document itself travels unchanged, so that
its hash in a verdict is the hash of the file on disk.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from clyra_proxy.atomic_file import write_atomically
from clyra_proxy.engine import certificates
from clyra_proxy.engine.listeners import can_bind, is_loopback
from clyra_proxy.errors import StartupError, UsageError
from clyra_proxy.home import Home
from clyra_proxy.policy.load import load_policy
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.policy.receiving import Listen, ListenMode

PROBE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks for; None leaves it to the policy."""

    host: str | None = None
    port: int | None = None
    mode: str | None = None
    upstream: str | None = None
    workers: int | None = None
    health: str | None = None
    lameduck_seconds: float = 0.0
    with_recorder: bool = True


@dataclass(frozen=True, slots=True)
class Launch:
    """One run, resolved. Times in seconds. health_host, health_port: where the probes answer (port 0: any free)."""

    home: Home
    policy_file: Path
    document: PolicyDocument
    host: str
    port: int
    mode: str
    upstream: str
    workers: int
    health_host: str
    health_port: int
    header_timeout_s: float
    drain_s: float
    lameduck_s: float
    with_recorder: bool

    @classmethod
    def prepare(cls, home: Home, policy_file: Path | None, wishes: Wishes) -> Launch:
        """Load the policy, resolve, check. Raises PolicyError, StartupError or UsageError."""
        unused = is_unused(home)
        home.create()
        _probe_disk(home)
        path = policy_file or home.policy
        document = load_policy(path)
        listen = _overlay(document.listen, wishes)
        if not is_loopback(listen.host) and not document.identity.required:
            raise StartupError(
                f"Refusing to listen on {listen.host} without authentication.",
                "Other machines could reach it and send requests in your name.",
                "Set `identity.required: true` with `identity.agents` in the policy, or bind 127.0.0.1.",
            )
        if unused:
            certificates.create_ca(home)
        certificates.load_ca(home)
        health_host, health_port = _endpoint(wishes.health, document.telemetry.health_port)
        return cls(
            home=home,
            policy_file=path,
            document=document,
            host=listen.host,
            port=listen.port,
            mode=listen.mode.value,
            upstream=listen.upstream or "",
            workers=listen.workers or usable_cores(),
            health_host=health_host,
            health_port=health_port,
            header_timeout_s=listen.header_timeout_seconds,
            drain_s=listen.drain_seconds,
            lameduck_s=wishes.lameduck_seconds,
            with_recorder=wishes.with_recorder,
        )

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every address to bind. The kernel redirects a connection to the loopback address of its own family, so in
        transparent mode a loopback listener is one for both, where the machine has both."""
        if self.mode != ListenMode.TRANSPARENT or not is_loopback(self.host):
            return (self.host,)
        other = "127.0.0.1" if ":" in self.host else "::1"
        return (self.host, other) if can_bind(other) else (self.host,)

    def at_port(self, port: int) -> Launch:
        """The same run with the port the system chose."""
        return replace(self, port=port)

    def with_document(self, document: PolicyDocument) -> Launch:
        """The same run under another policy; what was fixed at the start stays as it is."""
        return replace(self, document=document)


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What the supervisor hands to one worker, as one JSON message: all that the worker is told.

    sockets: file descriptors, one list a slot; the worker serves its own slot and may adopt others. life: read end
    of a pipe that only the supervisor holds open. halts: what is halted now, as `HaltDesk.take` wants it.
    """

    slot: int
    generation: int
    policy_json: str
    policy_folder: str
    home: str
    host: str
    port: int
    mode: str
    upstream: str
    header_timeout_s: float
    drain_s: float
    sockets: tuple[tuple[int, ...], ...]
    life: int
    halts: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> WorkerConfig:
        fields = json.loads(text)
        fields["sockets"] = tuple(tuple(slot) for slot in fields["sockets"])
        return cls(**fields)


def is_unused(home: Home) -> bool:
    """Whether nobody has ever worked with this data folder, so that making an authority surprises no client."""
    try:
        return not any(any(folder.glob("*")) for folder in (home.ca, home.recorder, home.verdicts) if folder.is_dir())
    except OSError:
        return False  # what cannot be looked into is not ours to fill; making the folder says why


def usable_cores() -> int:
    """Cores this process may run on (affinity, not the machine's total)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _overlay(listen: Listen, wishes: Wishes) -> Listen:
    fields = listen.model_dump()
    wished = {"host": wishes.host, "port": wishes.port, "upstream": wishes.upstream, "workers": wishes.workers}
    fields.update({name: value for name, value in wished.items() if value is not None})
    try:
        if wishes.mode is not None:
            fields["mode"] = ListenMode(wishes.mode)
            if fields["mode"] not in (ListenMode.REVERSE, ListenMode.MIRROR) and wishes.upstream is None:
                fields["upstream"] = None
        if fields["host"] == "localhost":
            fields["host"] = "127.0.0.1"
        return Listen.model_validate(fields)
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'listen'}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        )
        raise UsageError(
            "The listening options do not fit together.", f"{reasons}.", "See `clyra proxy --help`."
        ) from error
    except ValueError as error:
        raise UsageError(
            f"There is no mode {wishes.mode!r}.", "", f"Use one of {', '.join(mode.value for mode in ListenMode)}."
        ) from error


def _endpoint(text: str | None, port: int) -> tuple[str, int]:
    if text is None:
        return "127.0.0.1", port
    host, _, digits = text.rpartition(":")
    if not digits.isascii() or not digits.isdigit() or int(digits) > 65535:
        raise UsageError(f"--health {text!r} is not an address.", "", "Write HOST:PORT, for example 127.0.0.1:9090.")
    return host.strip("[]") or "127.0.0.1", int(digits)


def _probe_disk(home: Home) -> None:
    """Find a full disk now, in words, and not in the middle of the first exchange."""
    probe = home.run / "disk-probe"
    write_atomically(probe, b"\0" * PROBE_BYTES)
    probe.unlink()
