"""Finding the running proxy: from its state file, or as the caller names it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

import orjson

from clyra_proxy.errors import CannotTellError, StartupError, UsageError
from clyra_proxy.home import Home


@dataclass(frozen=True, slots=True)
class RunningProxy:
    """As a ready proxy describes itself. health: `host:port` of its probes, "" when unknown. policy: the file it was
    started with, "" for the data folder's own."""

    host: str
    port: int
    health: str = ""
    mode: str = "explicit"
    pid: int = 0
    workers: int = 0
    policy: str = ""


def find_proxy(home: Home, named: str | None = None) -> RunningProxy:
    """The proxy of this data folder, or the one at `named` (`host:port`), checked to be listening.

    Raises UsageError for a bad name, StartupError when nothing listens.
    """
    proxy = parse_address(named) if named else read_state(home)
    if proxy is None:
        raise StartupError(
            f"No proxy is running with the data folder {home.root}.",
            "A running proxy leaves its address there.",
            "Start one with 'clyra proxy', or name one with --proxy HOST:PORT.",
        )
    try:
        socket.create_connection((proxy.host, proxy.port), timeout=5).close()
    except OSError as error:
        raise StartupError(
            f"The proxy at {proxy.host}:{proxy.port} does not answer.",
            f"The system says: {error.strerror or error}.",
            "Start it with 'clyra proxy'; nothing is sent round it.",
        ) from error
    return proxy


def read_state(home: Home) -> RunningProxy | None:
    """What the proxy wrote when it became ready, or None. Raises CannotTellError when that is unreadable."""
    try:
        state = orjson.loads(home.proxy_state.read_bytes())
        host = str(state["host"])
        return RunningProxy(
            host={"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host),  # noqa: S104 - read, not bound
            port=int(state["port"]),
            health=str(state.get("health", "")),
            mode=str(state.get("mode", "explicit")),
            pid=int(state.get("pid", 0)),
            workers=int(state.get("workers", 0)),
            policy=str(state.get("policy", "")),
        )
    except FileNotFoundError:
        return None
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise CannotTellError(
            f"Cannot read {home.proxy_state}.",
            f"{type(error).__name__}: {error}.",
            "Restart the proxy; it writes the file again.",
        ) from error


def policy_in_use(home: Home) -> Path:
    """The policy file of the proxy that runs with this data folder; the folder's own when none runs.

    Raises CannotTellError when the state file is unreadable.
    """
    proxy = read_state(home)
    return Path(proxy.policy) if proxy is not None and proxy.policy and listens(proxy) else home.policy


def parse_address(text: str) -> RunningProxy:
    """`host:port` or `[v6]:port`."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536 or not host:
        raise UsageError(f"--proxy {text!r} is not an address.", "It takes HOST:PORT.", "Example: 127.0.0.1:8080.")
    return RunningProxy(host.strip("[]"), int(port))


def listens(proxy: RunningProxy) -> bool:
    """Whether something accepts connections at the proxy's address."""
    try:
        socket.create_connection((proxy.host, proxy.port), timeout=5).close()
    except OSError:
        return False
    return True
