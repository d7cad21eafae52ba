"""`clyra run --mcp -- CMD`: a local MCP server whose messages are judged on its pipes.

Rule: the checks and the policy are those of the proxy with the same data folder, read once at the start; verdicts go to
its verdict log. The server's own network traffic goes through the running proxy as with plain `clyra run`; without one
that is said on standard error, and the pipes are judged all the same. Standard output carries the protocol alone.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clyra_proxy.errors import StartupError
from clyra_proxy.home import Home

if TYPE_CHECKING:
    from clyra_proxy.exchange import Identity
    from clyra_proxy.genai.wire.scanning import ScanningRoom
    from clyra_proxy.policy.compiler import CompiledPolicy
    from clyra_proxy.telemetry.verdict_log import VerdictLog

_LAUNCHERS = frozenset({
    "npx", "uvx", "bunx", "pnpm", "yarn", "npm", "node", "deno", "bun", "python", "python3", "uv", "docker", "podman",
    "sh", "bash", "env", "cmd",
})  # fmt: skip
_VERBS = frozenset({"run", "exec", "dlx", "tool", "x", "-m", "start"})
_ODD = re.compile(r"[^a-z0-9-]+")


def run_server(
    home: Home, command: Sequence[str], environment: Mapping[str, str], *, name: str | None, agent: str, run: str
) -> int:
    """Run the server until it ends; its exit code. Raises StartupError, PolicyError."""
    from clyra_proxy.exchange import Identity
    from clyra_proxy.genai.wire.scanning import ScanningRoom
    from clyra_proxy.telemetry.verdict_log import VerdictLog
    from clyra_proxy.verdict.identifiers import new_identifier

    policy = _policy(home)
    if policy.genai is None:
        raise StartupError(
            "The policy switches the GenAI checks off.",
            "Nothing would look at the server's messages.",
            "Set genai_security.enabled to true, or run the server without --mcp.",
        )
    log, room = VerdictLog(home.verdict_log), ScanningRoom()
    identity = Identity(agent, "none", session=new_identifier(), run=run)
    try:
        return asyncio.run(
            _carry(policy, log, room, server_name([name] if name else command), identity, command, environment)
        )
    finally:
        room.close()
        log.close()


async def _carry(
    policy: CompiledPolicy,
    log: VerdictLog,
    room: ScanningRoom,
    name: str,
    identity: Identity,
    command: Sequence[str],
    environment: Mapping[str, str],
) -> int:
    from clyra_proxy.genai.stdio import StdioSession
    from clyra_proxy.genai.stdio_pipes import Pump

    compiled = policy.genai
    assert compiled is not None  # noqa: S101 - asked before
    session = StdioSession(policy, compiled, room, name, identity, log.write)
    pump = Pump(session, sys.stdin.buffer, sys.stdout.buffer, compiled.settings.max_inspect_bytes)
    try:
        return await pump.run(command, environment)
    finally:
        if compiled.detectors is not None:
            await compiled.detectors.aclose()


def server_name(command: Sequence[str]) -> str:
    """What to call a server in policy and verdicts: its program, or what a launcher is told to start."""
    words = [Path(word).name for word in command]
    if words[0].partition(".")[0] in _LAUNCHERS:
        told = [word for word in words[1:] if not word.startswith("-") and word not in _VERBS | _LAUNCHERS]
        words = told or words
    name = words[0].partition("@")[0] or words[0]
    return _ODD.sub("-", name.lower().removesuffix(".py").removesuffix(".js")).strip("-")[:63] or "server"


def _policy(home: Home) -> CompiledPolicy:
    from clyra_proxy.genai.inspection import Workshop
    from clyra_proxy.policy.compiler import compile_policy
    from clyra_proxy.policy.load import load_with_source, parse_policy
    from clyra_proxy.state.secret import SECRET_FILE, shared_secret
    from clyra_proxy.state.sqlite import STATE_FILE, SqliteState

    home.create()
    if home.policy.exists():
        loaded = load_with_source(home.policy)
        document, folder = loaded.document, loaded.base_dir
    else:
        document, folder = parse_policy("{}"), home.root
    workshop = Workshop(SqliteState(home.root / STATE_FILE), shared_secret(home.root / SECRET_FILE))
    return compile_policy(document, folder, 1, workshop)
