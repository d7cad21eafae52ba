"""Which module answers which command; nothing is imported before its command is called.

Rule: `clyra --help` and start-up import no command module, because some of them need the engine or the schema
compiler. The summary shown in the help therefore stands here, beside the module's name.
"""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from typing import Any

import typer
import typer.core
import typer.main

from clyra_proxy.errors import UsageError


@dataclass(frozen=True, slots=True)
class Command:
    """module: where its Typer `app` is. summary: one line for the help. pick: the one command of a shared app."""

    module: str
    summary: str
    pick: str = ""

    def load(self) -> Any:
        """Import the module and build the command."""
        loaded = typer.main.get_command(importlib.import_module(self.module).app)
        return loaded.commands[self.pick] if self.pick and hasattr(loaded, "commands") else loaded


COMMANDS: dict[str, Command] = {
    "init": Command("clyra_proxy.cli.init", "Prepare the data folder: CA, policy, recorder keys."),
    "run": Command("clyra_proxy.cli.run", "Run one command with its traffic going through the proxy."),
    "proxy": Command("clyra_proxy.cli.proxy", "Run the proxy and its recorder in the foreground."),
    "env": Command("clyra_proxy.cli.env", "Print the proxy and trust variables for a shell."),
    "status": Command("clyra_proxy.cli.status", "Say whether proxy and recorder are ready, and with what."),
    "halt": Command(
        "clyra_proxy.cli.halt", "Stop traffic: everything, or one tenant, agent, destination, tool.", pick="halt"
    ),
    "resume": Command("clyra_proxy.cli.halt", "End a halt, or override it for some time.", pick="resume"),
    "doctor": Command("clyra_proxy.cli.doctor", "Make real calls with every runtime found; name what goes wrong."),
    "tail": Command("clyra_proxy.cli.tail", "Follow the verdicts, one coloured line each."),
    "explain": Command("clyra_proxy.cli.explain", "Tell the whole story of one verdict."),
    "allow": Command("clyra_proxy.cli.allow", "Write the narrowest exception for a false positive."),
    "quarantine": Command("clyra_proxy.cli.quarantine", "List, show, release and drop rows that were kept back."),
    "check": Command("clyra_proxy.cli.check", "Judge a body file or a text, offline, as live traffic would be."),
    "genai": Command("clyra_proxy.cli.genai", "Judge texts, try attacks, report on the traffic of models."),
    "policy": Command("clyra_proxy.cli.policy", "Check, show, compare, test and promote policies."),
    "shadow": Command("clyra_proxy.cli.shadow", "Say what shadow rules and the candidate would have done."),
    "mirror": Command("clyra_proxy.cli.mirror", "Say what mirrors did, and how their answers differed."),
    "schema": Command("clyra_proxy.cli.schema", "Explain, learn, lock and compare JSON Schemas."),
    "seal": Command("clyra_proxy.cli.evidence", "Seal the evidence into a bundle.", pick="seal"),
    "verify": Command("clyra_proxy.cli.evidence", "Verify an evidence bundle, offline.", pick="verify"),
    "verify-record": Command("clyra_proxy.cli.evidence", "Verify one record with its proof.", pick="verify-record"),
    "evidence": Command("clyra_proxy.cli.evidence_tools", "Prove one record; hold, prune and release bundles."),
    "anchor": Command("clyra_proxy.cli.anchor", "Place the log's checkpoints outside, and look after them."),
    "keys": Command("clyra_proxy.cli.keys", "Make, show, rotate, delegate and revoke the keys of the log."),
    "snapshot": Command("clyra_proxy.cli.snapshot", "Prove what a table was, and which rows it had."),
    "witness": Command("clyra_proxy.cli.witness", "Cosign the checkpoints of logs, as a C2SP witness."),
    "attest": Command("clyra_proxy.cli.attest", "Test a framework's controls against a bundle; sign what was found."),
    "report": Command("clyra_proxy.cli.report", "Report a day: denials, gaps, approvals, halts, open items."),
    "threats": Command("clyra_proxy.cli.threats", "Show attacks in the evidence: over time, by agent, by technique."),
    "view": Command("clyra_proxy.cli.view", "Write one page that verifies a bundle and shows what is in it."),
    "approvals": Command("clyra_proxy.cli.approvals", "Show what waits for approval; enrol people; pass on answers."),
    "bec": Command("clyra_proxy.cli.bec", "Validate approval certificates, offline."),
    "replay": Command("clyra_proxy.cli.replay", "Judge recorded exchanges again under a policy."),
    "export": Command("clyra_proxy.cli.export", "Write evidence as OCSF, ECS, CSV, OTLP, in-toto or COSE receipts."),
    "disclose": Command("clyra_proxy.cli.disclose", "Show one body or field of one record, provably."),
    "erase": Command("clyra_proxy.cli.erase", "Destroy one subject key, and record that it was done."),
    "demo": Command("clyra_proxy.cli.demo", "Show the whole story against a local upstream."),
}


class LazyGroup(typer.core.TyperGroup):
    """The root command. Help lists COMMANDS; only the command that is called is imported."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        known = COMMANDS.get(cmd_name)
        if known is None:
            return None
        return typer.core.TyperCommand(cmd_name, help=known.summary)

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        name = args[0]
        if name not in COMMANDS:
            near = difflib.get_close_matches(name, COMMANDS, 1)
            raise UsageError(
                f"There is no command '{name}'.",
                f"The nearest is '{near[0]}'." if near else "",
                "Run 'clyra --help' for all of them.",
            )
        return name, COMMANDS[name].load(), args[1:]
