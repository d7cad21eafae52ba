"""What `clyra doctor` looks at in the house itself: authority, clock, policy, keys, disk, proxy, recorder."""

from __future__ import annotations

import asyncio
import ctypes
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from clyra_proxy.cli.running import RunningProxy, policy_in_use
from clyra_proxy.errors import ClyraError
from clyra_proxy.home import Home

_DISK_FAIL = 200 * 1024 * 1024
_DISK_WARN = 2 * 1024 * 1024 * 1024
_EXPIRY_WARN_DAYS = 30
_KERNEL_CLOCK_ERROR = 5  # adjtimex(2): TIME_ERROR, the clock is not synchronised
_TIMEX_BYTES = 512


class State(StrEnum):
    """What was found of one condition."""

    GOOD = "good"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing looked at. todo: "" when nothing is to be done."""

    name: str
    state: State
    found: str
    todo: str = ""


def house_conditions(home: Home, proxy: RunningProxy | None) -> Iterator[Condition]:
    """Everything about the house, in the order in which faults cause one another."""
    yield _folder(home)
    yield _judged("authority", lambda: _authority(home))
    yield _clock(home)
    yield _judged("policy", lambda: _policy(home))
    yield from _engines(home)
    yield _keys(home)
    yield _disk(home)
    yield _proxy(proxy)
    yield _recorder(home, proxy)


def _judged(name: str, look: Callable[[], Condition]) -> Condition:
    try:
        return look()
    except ClyraError as error:
        return Condition(name, State.FAIL, f"{error.what} {error.why}".strip(), error.todo)


def _folder(home: Home) -> Condition:
    if not home.root.is_dir():
        return Condition("data folder", State.FAIL, f"{home.root} does not exist", "Run `clyra init`.")
    mode = stat.S_IMODE(home.root.stat().st_mode)
    if mode & 0o077:
        todo = f"Run `chmod 700 {home.root}`."
        return Condition("data folder", State.FAIL, f"{home.root} is open to others (mode {mode:o})", todo)
    return Condition("data folder", State.GOOD, str(home.root))


def _authority(home: Home) -> Condition:
    from clyra_proxy.engine.certificates import load_ca

    authority = load_ca(home)
    days = (authority.expires - datetime.now(UTC)).days
    found = f"expires {authority.expires:%Y-%m-%d} ({days} days), sha256 {authority.sha256[:16]}"
    if not home.ca_bundle.exists() or not home.ca_certificate.exists():
        return Condition("authority", State.FAIL, "its bundle for clients is missing", "Run `clyra init`.")
    if days < _EXPIRY_WARN_DAYS:
        return Condition("authority", State.WARN, found, "Rotate it with `clyra proxy rotate-ca`.")
    return Condition("authority", State.GOOD, found)


def _clock(home: Home) -> Condition:
    now = time.time()
    try:
        newest = max(file.stat().st_mtime for file in home.verdicts.iterdir())
    except (OSError, ValueError):
        newest = 0.0
    if newest > now + 60:
        todo = "Set the clock; verdicts and records would be out of order."
        return Condition("clock", State.FAIL, f"the verdict log is {newest - now:.0f} s in the future", todo)
    if _kernel_clock_state() == _KERNEL_CLOCK_ERROR:
        return Condition("clock", State.WARN, "the kernel does not know it to be synchronised", "Run an NTP client.")
    return Condition("clock", State.GOOD, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def _kernel_clock_state() -> int:
    """State of the kernel's clock (adjtimex(2), read only), or -1 when it cannot be asked."""
    try:
        return int(ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    except (OSError, AttributeError):
        return -1


def _policy(home: Home) -> Condition:
    from clyra_proxy.policy.compiler import compile_policy
    from clyra_proxy.policy.load import load_with_source

    file = policy_in_use(home)
    loaded = load_with_source(file)
    policy = compile_policy(loaded.document, loaded.base_dir)
    return Condition("policy", State.GOOD, f"{file}, sha256 {policy.sha256[:16]}")


def _engines(home: Home) -> Iterator[Condition]:
    """Every policy engine, asked about an example; a policy that cannot be used was said before."""
    from clyra_proxy.enforcement.engines.compiled import CompiledEngines, compile_engines
    from clyra_proxy.policy.load import load_with_source

    async def probe(engines: CompiledEngines) -> dict[str, str]:
        try:
            return dict(await engines.probe())
        finally:
            await engines.aclose()

    try:
        loaded = load_with_source(policy_in_use(home))
    except ClyraError:
        return
    try:
        engines = compile_engines(loaded.document.enforcement.engines, loaded.base_dir)
    except ClyraError as error:
        yield Condition("policy engine", State.FAIL, f"{error.what} {error.why}".strip(), error.todo)
        return
    for name, standing in asyncio.run(probe(engines)).items() if engines is not None else ():
        state = State.GOOD if standing == "answers" else State.FAIL
        todo = "" if state is State.GOOD else "Repair it, or see docs/policy-engines.md; until then nothing passes it."
        yield Condition("policy engine", state, f"{name}: {standing}", todo)


def _keys(home: Home) -> Condition:
    from recorder.errors import RecorderError
    from recorder.key_report import report_keys
    from recorder.layout import Layout

    try:
        report = report_keys(Layout(home.root))
    except (RecorderError, OSError) as error:
        return Condition("keys", State.FAIL, str(error), "See `clyra keys show`.")
    if report.warnings:
        return Condition("keys", State.WARN, report.warnings[0], "`clyra keys show` has the whole list.")
    return Condition("keys", State.GOOD, "protected, root keys elsewhere")


def _disk(home: Home) -> Condition:
    place = home.root if home.root.is_dir() else home.root.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Condition("disk", State.UNKNOWN, f"{place}: {error.strerror}")
    found = f"{free / 1e9:.1f} GB free at {place}"
    if free < _DISK_FAIL:
        return Condition("disk", State.FAIL, found, "Free some space: without room no evidence, without it no writes.")
    return Condition("disk", State.WARN if free < _DISK_WARN else State.GOOD, found)


def _proxy(proxy: RunningProxy | None) -> Condition:
    from clyra_proxy.cli.running import listens
    from clyra_proxy.cli.status import probe_readiness

    if proxy is None:
        return Condition("proxy", State.FAIL, "it is not running", "Start it with `clyra proxy`.")
    where = f"{proxy.host}:{proxy.port}"
    if not listens(proxy):
        return Condition("proxy", State.FAIL, f"nothing answers on {where}", "Start it with `clyra proxy`.")
    if not proxy.health:
        return Condition("proxy", State.GOOD, f"answers on {where}; its health probe is not known here")
    probe = probe_readiness(proxy)
    if not probe.get("ready"):
        return Condition("proxy", State.FAIL, f"{where} is not ready: {'; '.join(probe.get('waiting_for', ()))}")
    return Condition("proxy", State.GOOD, f"ready on {where}, {proxy.workers} workers")


def _recorder(home: Home, proxy: RunningProxy | None) -> Condition:
    from recorder.errors import RecorderError
    from recorder.local import get_status

    try:
        status: dict[str, Any] = get_status(home.recorder_socket, 5.0)
    except RecorderError as error:
        state = State.FAIL if proxy is not None else State.UNKNOWN
        return Condition("recorder", state, error.what, "`clyra proxy` runs one; or start `clyra-recorder serve`.")
    if status.get("error"):
        return Condition("recorder", State.FAIL, str(status["error"]), "See the recorder's messages.")
    if trouble := status.get("keys", {}).get("trouble"):
        return Condition("recorder", State.WARN, str(trouble), "Repair the seal key's store before the log key ends.")
    return Condition("recorder", State.GOOD, f"{status.get('size')} records, process {status.get('pid')}")
