"""`clyra policy`: check, show, compare and test policy files, and make what they need.

Exit codes: 0 pass, 1 the policy is wrong, the policies differ, a case failed or the gate of `promote` refuses, 2 there
is nothing to judge, 64 usage.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import painted, print_json, wants_colour
from clyra_proxy.cli.policy_promote import EPILOG as PROMOTE_EPILOG
from clyra_proxy.cli.policy_promote import promote
from clyra_proxy.errors import CannotTellError, ClyraError, PolicyError, SchemaError
from clyra_proxy.home import Home
from clyra_proxy.identity.proxy_auth import is_agent_id, new_token
from clyra_proxy.policy.compiler import CompiledPolicy, compile_policy
from clyra_proxy.policy.diff import diff_policies
from clyra_proxy.policy.editor_schema import editor_schema
from clyra_proxy.policy.fingerprint import effective_values
from clyra_proxy.policy.load import InvalidPolicyError, LoadedPolicy, load_with_source

if TYPE_CHECKING:
    from clyra_proxy.enforcement.contradictions import Contradiction
    from clyra_proxy.policy.testing import CaseResult

app = typer.Typer(name="policy", no_args_is_help=True, help="Check, show, compare, test and promote policies.")

app.command(epilog=PROMOTE_EPILOG)(promote)

PolicyArgument = Annotated[
    Path | None, typer.Argument(help="Policy file; the one in the data folder when left out.", show_default=False)
]


def _file(path: Path | None, home: Path | None) -> Path:
    return path if path is not None else Home.locate(home).policy


def _compiled(loaded: LoadedPolicy) -> CompiledPolicy:
    """The policy with everything it names, the GenAI checks included; nothing of it is kept. Raises ClyraError."""
    from clyra_proxy.genai.inspection import Workshop
    from clyra_proxy.state.memory import MemoryState
    from clyra_proxy.state.secret import SECRET_BYTES

    return compile_policy(loaded.document, loaded.base_dir, workshop=Workshop(MemoryState(), bytes(SECRET_BYTES)))


@app.command()
def check(
    path: PolicyArgument = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 on warnings too.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a policy, with every file it names, can be put in force, and what in it contradicts.

    Contradictions are rules that nothing reaches, that want opposite things, or that rely on what is not enforced; each
    comes with a request that shows it. Errors among them exit 1, as an invalid policy does.
    """
    file = _file(path, home)
    try:
        loaded = load_with_source(file)
        policy = _compiled(loaded)
    except (PolicyError, SchemaError) as error:
        if not as_json:
            raise
        print_json({"policy": str(file), "valid": False, "problems": _problems(error)})
        raise typer.Exit(1) from error
    enforcement = loaded.document.enforcement
    facts: dict[str, Any] = {
        "policy": str(file),
        "valid": True,
        "sha256": policy.sha256,
        "candidate": policy.candidate.policy.sha256 if policy.candidate is not None else None,
        "extends": loaded.document.extends,
        "mode": enforcement.mode.value,
        "egress": enforcement.egress.value,
        "destinations": len(loaded.document.destinations),
    }
    found = _contradictions(loaded, Home.locate(home))
    candidate = policy.candidate
    in_candidate = _contradictions(candidate.loaded, Home.locate(home)) if candidate is not None else []
    if as_json:
        told = {"contradictions": [one.as_json() for one in found]}
        if candidate is not None:
            told["candidate_contradictions"] = [one.as_json() for one in in_candidate]
        print_json({**facts, **told})
    else:
        _tell_valid(facts, found, in_candidate)
    if any(one.weight == "error" or strict for one in (*found, *in_candidate)):
        raise typer.Exit(1)


def _tell_valid(facts: dict[str, Any], found: list[Contradiction], in_candidate: list[Contradiction]) -> None:
    typer.echo(f"{facts['policy']}: valid")
    for name in ("extends", "mode", "egress", "destinations", "sha256", "candidate"):
        if name != "candidate" or facts[name]:
            typer.echo(f"  {name}: {facts[name]}")
    for one, where in [*((one, "") for one in found), *((one, "candidate: ") for one in in_candidate)]:
        typer.echo(painted(f"{where}{one}", "red" if one.weight == "error" else "yellow", wants_colour()))


def _contradictions(loaded: LoadedPolicy, home: Home) -> list[Contradiction]:
    from clyra_proxy.enforcement.contradictions.telling import find_here

    return find_here(loaded.document, loaded.base_dir, home)


def _problems(error: ClyraError) -> list[dict[str, Any]]:
    if isinstance(error, InvalidPolicyError):
        return [
            {"file": one.file, "line": one.line, "path": one.path, "message": one.message, "hint": one.hint}
            for one in error.problems
        ]
    return [{"file": None, "line": None, "path": "", "message": error.what, "hint": error.todo}]


@app.command()
def show(
    path: PolicyArgument = None,
    effective: Annotated[bool, typer.Option("--effective", help="With profile and defaults filled in.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a policy as it is read; with --effective, as it is in force."""
    loaded = load_with_source(_file(path, home))
    values = effective_values(loaded.document) if effective else loaded.source.data
    if as_json:
        print_json(values)
    else:
        typer.echo(yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=120), nl=False)


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(help="Policy file in force.")],
    after: Annotated[Path, typer.Argument(help="Policy file to compare with it.")],
    as_json: JsonOption = False,
) -> None:
    """Print every setting in which two effective policies differ; exit 1 when they do."""
    old, new = load_with_source(before), load_with_source(after)
    changes = diff_policies(old.document, old.base_dir, new.document, new.base_dir)
    if as_json:
        print_json({"same": not changes, "changes": [change.to_json() for change in changes]})
    else:
        colours = {"added": "green", "removed": "red", "changed": "yellow"}
        for change in changes:
            typer.echo(painted(str(change), colours[change.kind], wants_colour()))
        if not changes:
            typer.echo("No difference.")
    if changes:
        raise typer.Exit(1)


@app.command("test")
def run_tests(path: PolicyArgument = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Run the cases written in a policy or beside it (NAME.tests.yaml) through the real decision code."""
    file = _file(path, home)
    loaded = load_with_source(file)
    results = _run(loaded, file)
    failed = [result for result in results if not result.passed]
    if as_json:
        print_json(
            {"passed": len(results) - len(failed), "failed": len(failed), "cases": [_row(one) for one in results]}
        )
    else:
        for result in results:
            mark = painted("pass", "green", wants_colour()) if result.passed else painted("FAIL", "red", wants_colour())
            typer.echo(f"{mark}  {result.name}")
            for difference in result.differences:
                typer.echo(f"      {difference}")
        typer.echo(f"{len(results) - len(failed)} of {len(results)} cases pass")
    if failed:
        raise typer.Exit(1)


def _run(loaded: LoadedPolicy, file: Path) -> list[CaseResult]:
    from clyra_proxy.policy.testing import all_cases
    from clyra_proxy.schemalock.check import SchemaCheck

    cases = all_cases(loaded.document, file)
    if not cases:
        raise CannotTellError(
            f"{file} has no test cases.",
            "There is nothing to judge.",
            f"Write them under `tests:`, or into {file.with_suffix('.tests.yaml').name} beside it.",
        )
    from clyra_proxy.policy.testing import run_cases

    policy = _compiled(loaded)
    return run_cases(policy, cases, loaded.base_dir, [SchemaCheck()])


def _row(result: CaseResult) -> dict[str, Any]:
    deciding = result.verdict.deciding
    return {
        "name": result.name,
        "passed": result.passed,
        "route": result.route,
        "decision": result.verdict.decision.value,
        "would": result.verdict.would_action.word,
        "rule": deciding.rule if deciding is not None else None,
        "reason": deciding.reason.value if deciding is not None else None,
        "differences": list(result.differences),
    }


@app.command()
def schema() -> None:
    """Print the JSON Schema of the policy file, for editors."""
    print_json(editor_schema())


@app.command()
def token(
    agent: Annotated[str, typer.Argument(help="Agent id the token is for.")],
    as_json: JsonOption = False,
) -> None:
    """Make a token for an agent, and the hash of it that goes into the policy. The token is shown once."""
    if not is_agent_id(agent):
        raise typer.BadParameter("an agent id is 1 to 64 letters, digits, `_`, `.` or `-`", param_hint="AGENT")
    secret, digest = new_token()
    if as_json:
        print_json({"agent": agent, "token": secret, "policy": {"identity": {"agents": {agent: {"token": digest}}}}})
        return
    typer.echo(f"token (shown once): {secret}")
    typer.echo(f"use it as: http://{agent}:{secret}@HOST:PORT")
    typer.echo("into the policy:")
    typer.echo(yaml.safe_dump({"identity": {"agents": {agent: {"token": digest}}}}, sort_keys=False), nl=False)
