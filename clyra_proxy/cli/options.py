"""Options that several commands share, spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        envvar="CLYRA_HOME",
        help="Data folder (CA, policy, keys, logs).",
        show_default="~/.local/share/clyra",
        file_okay=False,
    ),
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

PolicyOption = Annotated[
    Path | None,
    typer.Option(
        "--policy", help="Policy file.", show_default="the running proxy's, else policy.yaml in the data folder"
    ),
]

ReloadOption = Annotated[
    bool, typer.Option("--reload/--no-reload", help="Let a running proxy take the change at once.")
]

LogOption = Annotated[Path | None, typer.Option("--log", help="Another verdict log.", dir_okay=False)]

ProxyOption = Annotated[
    str | None, typer.Option("--proxy", metavar="HOST:PORT", help="A proxy other than this data folder's.")
]

AgentOption = Annotated[
    str | None,
    typer.Option("--agent", envvar="CLYRA_AGENT", help="Agent id to present to the proxy."),
]

TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="CLYRA_AGENT_TOKEN",
        help="The agent's token ('clyra policy token' makes one). Better given by environment.",
        show_default=False,
    ),
]

ExemptOption = Annotated[
    list[str] | None,
    typer.Option("--no-proxy", metavar="HOST", help="A host that clients may reach directly. Repeatable."),
]
