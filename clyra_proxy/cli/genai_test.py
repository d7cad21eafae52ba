"""`clyra genai test`: the shipped attack pack through the running proxy, and a scorecard.

Exit codes: 0 as many attacks found as asked for and no false alarm; 1 otherwise; 2 when verdicts cannot be found.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clyra_proxy.cli.options import AgentOption, HomeOption, JsonOption, ProxyOption, TokenOption
from clyra_proxy.cli.output import painted, print_json, wants_colour
from clyra_proxy.cli.running import find_proxy, read_state
from clyra_proxy.errors import CannotTellError, StartupError, UsageError
from clyra_proxy.home import Home

if TYPE_CHECKING:
    from clyra_proxy.genai.rehearsal.runner import Passage
    from clyra_proxy.genai.rehearsal.scorecard import Scored
    from clyra_proxy.genai.rehearsal.upstream import RehearsalUpstream
    from clyra_proxy.genai.rehearsal.wires import Trial

EPILOG = (
    "Examples:  clyra genai test   |   clyra genai test --attack-vectors prompt-injection,tool-poisoning   |   "
    "clyra genai test --policy policy.yaml --json"
)
_NAME = "clyra-rehearsal"
_SHOWN = 40


def genai_test(
    attack_vectors: Annotated[
        str, typer.Option("--attack-vectors", metavar="A,B", help="Vectors to try; all without it.")
    ] = "",
    protocols: Annotated[str, typer.Option("--protocols", metavar="A,B", help="Protocols to try them in.")] = "",
    at_least: Annotated[
        float, typer.Option("--at-least", min=0, max=100, help="Share of attacks to find for exit code 0, in percent.")
    ] = 100.0,
    listed: Annotated[bool, typer.Option("--list", help="Print the cases, send nothing.")] = False,
    policy: Annotated[
        Path | None,
        typer.Option(help="Try this policy, in a proxy of its own."),
    ] = None,
    proxy: ProxyOption = None,
    agent: AgentOption = None,
    token: TokenOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send the shipped attacks and their look-alikes through the proxy and count what it found.

    They go to an upstream on this machine that the command starts. Where no proxy runs, or its policy refuses
    that address, a proxy of its own with the same policy is used, and the scorecard says so.
    """
    trials = _chosen(attack_vectors, protocols)
    if listed:
        _list(trials, as_json)
        return
    place = Home.locate(home)
    scored, through = _rehearse(trials, place, policy, proxy, (agent or "", token or ""))
    _report(scored, through, as_json)
    _end(scored, at_least)


def _chosen(vectors: str, protocols: str) -> list[Trial]:
    from clyra_proxy.genai.rehearsal import wires
    from clyra_proxy.genai.rehearsal.pack import choose, shipped_cases

    wanted = _words(protocols)
    if unknown := set(wanted) - set(wires.protocols()):
        known = ", ".join(wires.protocols())
        raise UsageError(f"There is no protocol `{min(unknown)}` in the pack.", "", f"Choose from: {known}.")
    cases = choose(shipped_cases(), _words(vectors))
    found = [trial for case in cases for trial in wires.trials(case) if not wanted or trial.protocol in wanted]
    if not found:
        raise UsageError("No case is left.", "The vectors chosen do not occur in the protocols chosen.")
    return found


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _rehearse(
    trials: Sequence[Trial], home: Home, policy: Path | None, named: str | None, who: tuple[str, str]
) -> tuple[list[Scored], str]:
    """The scored trials, and the words for where they went through."""
    from clyra_proxy.genai.rehearsal.own_proxy import own_proxy
    from clyra_proxy.genai.rehearsal.runner import find_verdicts
    from clyra_proxy.genai.rehearsal.scorecard import score
    from clyra_proxy.genai.rehearsal.upstream import RehearsalUpstream

    with ExitStack() as stack:
        upstream = stack.enter_context(RehearsalUpstream())
        why, passages = "the policy given is tried in a proxy of its own", None
        source = policy
        if policy is None:
            source = home.policy if home.policy.is_file() else None
            why, passages = _through_running(trials, home, named, who, upstream)
        through, log = f"the running proxy of {home.root}", home.verdict_log
        if passages is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clyra-rehearsal-")))
            own = stack.enter_context(own_proxy(folder, source, upstream.port))
            state = find_proxy(own)
            passages = _send(trials, f"{state.host}:{state.port}", ("", ""), upstream)
            through, log = f"a proxy of its own ({why})", own.verdict_log
        find_verdicts(passages, log)
        return score(passages, _unconfigured(source)), through


def _through_running(
    trials: Sequence[Trial], home: Home, named: str | None, who: tuple[str, str], upstream: RehearsalUpstream
) -> tuple[str, list[Passage] | None]:
    """What passed through the running proxy; None with the reason when it cannot be used."""
    from clyra_proxy.genai.rehearsal.runner import find_verdicts

    if named is None and read_state(home) is None:
        return f"no proxy is running with {home.root}", None
    try:
        state = find_proxy(home, named)
    except StartupError:
        if named is not None:
            raise
        return f"the proxy of {home.root} does not answer", None
    address = f"{state.host}:{state.port}"
    first = _send(trials[:1], address, who, upstream)
    find_verdicts(first, home.verdict_log)
    if not first[0].verdict:
        raise CannotTellError(
            "The proxy's verdicts cannot be found.",
            f"The first trial left no line in {home.verdict_log}.",
            "Name the data folder of that proxy with --home.",
        )
    if str(first[0].verdict["rule"]).startswith(("egress.", "identity.")) and first[0].verdict["action"] == "block":
        return f"the running one refuses this machine: {first[0].verdict['rule']}", None
    return "", [*first, *_send(trials[1:], address, who, upstream)]


def _send(trials: Sequence[Trial], address: str, who: tuple[str, str], upstream: RehearsalUpstream) -> list[Passage]:
    from clyra_proxy.genai.rehearsal.runner import send

    agent, token = who
    return send(trials, f"http://{address}", upstream, agent or ("" if token else _NAME), token)


def _unconfigured(policy: Path | None) -> frozenset[str]:
    """Keys that cases need and the policy leaves empty."""
    from clyra_proxy.genai.rehearsal.pack import shipped_cases
    from clyra_proxy.policy.load import load_policy
    from clyra_proxy.policy.models import PolicyDocument

    document = load_policy(policy) if policy is not None else PolicyDocument()
    needs = {case.needs for case in shipped_cases()} - {""}
    return frozenset(key for key in needs if not _value(document, key))


def _value(document: Any, key: str) -> Any:
    for name in key.split("."):
        document = getattr(document, name, None)
    return document


def _list(trials: Sequence[Trial], as_json: bool) -> None:
    rows = [
        {
            "id": trial.id,
            "vector": trial.case.vector,
            "place": trial.case.place,
            "protocol": trial.protocol,
            "expect": list(trial.case.expect),
        }
        for trial in trials
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['id']:<60} {row['place']:<17} {', '.join(row['expect']) or 'nothing'}")


def _report(scored: Sequence[Scored], through: str, as_json: bool) -> None:
    from clyra_proxy.genai.rehearsal.scorecard import summary

    counts = summary(scored)
    if as_json:
        print_json({"through": through, **counts, "trials": [one.row() for one in scored]})
        return
    colour = wants_colour()
    typer.echo(f"Through {through}.\n")
    typer.echo(
        f"{'vector':<20}{'attacks':>8}{'found':>7}{'stopped':>9}{'shadow':>8}{'missed':>8}{'alarms':>8}{'of':>5}"
    )
    for name, row in [*counts["vectors"].items(), ("total", counts["total"])]:
        cells = f"{row['attacks']:>8}{row['found']:>7}{row['stopped']:>9}{row['shadow']:>8}{row['missed']:>8}"
        note = f"  {row['not_configured']} not configured" if row["not_configured"] else ""
        typer.echo(f"{name:<20}{cells}{row['false_alarm']:>8}{row['look_alikes']:>5}{note}")
    times = counts["check_ms"]
    typer.echo(f"\nTime in the checks: {times['p50']} ms at the median, {times['p95']} ms at the 95th percentile.")
    bad = [one for one in scored if one.result.bad]
    for one in bad[:_SHOWN]:
        row = one.row()
        tint = "red" if one.result.value != "false alarm" else "yellow"
        line = f"{row['id']}  {', '.join(row['rules'])}  {row['verdict']}".rstrip()
        typer.echo(f"{painted(one.result.value, tint, colour)}  {line}")
    if len(bad) > _SHOWN:
        typer.echo(f"... and {len(bad) - _SHOWN} more; --json has them all.")


def _end(scored: Sequence[Scored], at_least: float) -> None:
    from clyra_proxy.genai.rehearsal.scorecard import Result, summary

    results = {one.result for one in scored}
    if Result.UNSEEN in results:
        raise typer.Exit(2)
    total = summary(scored)["total"]
    enough = total["found"] * 100 >= at_least * total["attacks"]
    if not enough or results & {Result.FALSE_ALARM, Result.LEAKED}:
        raise typer.Exit(1)
