"""`clyra policy promote`: from shadow to enforce, or from candidate to policy, when what was seen is enough.

Exit codes: 0 promoted, or it would be (--dry-run); 1 the gate refuses; 2 there is no log to judge by; 64 usage.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clyra_proxy.atomic_file import write_atomically
from clyra_proxy.cli.allow import current_user
from clyra_proxy.cli.options import HomeOption, JsonOption, LogOption, PolicyOption, ReloadOption
from clyra_proxy.cli.output import painted, print_json, wants_colour
from clyra_proxy.cli.running import policy_in_use
from clyra_proxy.cli.shadow_log import evidence_line, gather
from clyra_proxy.cli.verdict_filter import VerdictFilter, parse_since
from clyra_proxy.engine.control import ask_supervisor
from clyra_proxy.errors import PolicyError, StartupError, UsageError
from clyra_proxy.home import Home
from clyra_proxy.policy.fingerprint import policy_hash
from clyra_proxy.policy.load import LoadedPolicy, load_with_source
from clyra_proxy.shadow.evidence import Kept, hand_over, promotion_data
from clyra_proxy.shadow.gate import Gate, Limits, Window, gate_of_candidate, gate_of_rule
from clyra_proxy.shadow.ledger import add_promotion, read_reviews
from clyra_proxy.shadow.promoting import candidate_text, document_of, enforced_text, mode_of_file
from clyra_proxy.shadow.report import CandidateCounts, ShadowReport
from clyra_proxy.verdict.rules import is_configurable

if TYPE_CHECKING:
    from clyra_proxy.policy.models import PolicyDocument

RELOAD_LIMIT_S = 60.0
_DEFAULT = Limits()
EPILOG = (
    "Examples:  clyra policy promote leak.secret --dry-run   |   clyra policy promote rows.cap --min-days 3   |   "
    "clyra policy promote --candidate"
)


def promote(
    rules: Annotated[list[str] | None, typer.Argument(help="Rules or families to enforce.", show_default=False)] = None,
    candidate: Annotated[bool, typer.Option("--candidate", help="Make the candidate the policy.")] = False,
    min_exchanges: Annotated[
        int, typer.Option("--min-exchanges", min=1, help="Exchanges it must have seen.")
    ] = _DEFAULT.min_exchanges,
    min_days: Annotated[
        float, typer.Option("--min-days", min=0, help="Days between the first and the last of them.")
    ] = _DEFAULT.min_days,
    max_block_rate: Annotated[
        float, typer.Option("--max-block-rate", min=0, max=1, help="Share that may be stopped wrongly, at most.")
    ] = _DEFAULT.max_block_rate,
    max_unreviewed: Annotated[
        int, typer.Option("--max-unreviewed", min=0, help="Would-be blocks that nobody has reviewed, at most.")
    ] = _DEFAULT.max_unreviewed,
    confidence: Annotated[
        float, typer.Option("--confidence", min=0.5, max=0.9999, help="Of the upper bound.")
    ] = _DEFAULT.confidence,
    since: Annotated[str, typer.Option("--since", help="How far back to look: age or ISO 8601 time.")] = "30d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the figures, change nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Promote whatever the gate says; needs --reason.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the promotion.")] = "",
    reload: ReloadOption = True,
    policy: PolicyOption = None,
    log: LogOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enforce rules, or make the candidate the policy, if the verdict log says that it is safe enough.

    Refuses (exit 1) unless enough exchanges and days were seen under this very policy, the upper bound of the share
    that would be stopped wrongly is below the limit, what would have been stopped was reviewed (`clyra shadow review`),
    and the policy as it would be has no contradiction.
    """
    names = tuple(dict.fromkeys(rules or ()))
    _demand_sense(names, candidate=candidate, force=force, reason=reason)
    house = Home.locate(home)
    limits = Limits(min_exchanges, min_days, max_block_rate, max_unreviewed, confidence)
    change = _Change.of(policy or policy_in_use(house), names, candidate=candidate)
    gates = change.gates(house, log or house.verdict_log, limits, VerdictFilter(since_ms=parse_since(since)))
    passed = all(gate.passed for gate in gates)
    done = not dry_run and (passed or force)
    evidence = None
    if done:
        change.write()
        evidence = _keep(house, change, gates, reason)
    in_force = _reloaded(house) if done and reload else None
    told = {"passed": passed, "promoted": done, "in_force": in_force, "evidence": evidence}
    _tell(change.told(gates) | told, gates, as_json)
    if not (passed or done):
        raise typer.Exit(1)


def _keep(house: Home, change: _Change, gates: list[Gate], reason: str) -> Kept:
    """Write the promotion down: in the data folder, and by a record in the evidence."""
    person, forced = current_user(), not all(gate.passed for gate in gates)
    line = add_promotion(house, change.told(gates) | {"person": person, "reason": reason, "forced": forced})
    hashes = (change.hash_before, change.hash_after)
    return hand_over(house, promotion_data(change.names, hashes, gates, line, person, reason))


def _demand_sense(names: tuple[str, ...], *, candidate: bool, force: bool, reason: str) -> None:
    if candidate == bool(names):
        raise UsageError("Say rules, or --candidate.", "", "Example: clyra policy promote leak.secret")
    for name in names:
        if not is_configurable(name):
            raise UsageError(f"`{name}` is no rule whose mode can be set.", "", "docs/verdicts.md lists them.")
    if force and not reason.strip():
        raise UsageError("--force needs --reason.", "It is kept with the promotion.", "")


@dataclass(frozen=True, slots=True)
class _Change:
    """What would be written. names: empty for the candidate."""

    file: Path
    before: LoadedPolicy
    text: str
    after: PolicyDocument
    names: tuple[str, ...]

    @classmethod
    def of(cls, file: Path, names: tuple[str, ...], *, candidate: bool) -> _Change:
        """Raises PolicyError."""
        loaded = load_with_source(file)
        text = candidate_text(loaded) if candidate else enforced_text(loaded, names)
        return cls(file, loaded, text, document_of(text, str(file)), names)

    @property
    def hash_before(self) -> str:
        return policy_hash(self.before.document, self.before.base_dir)

    @property
    def hash_after(self) -> str:
        return policy_hash(self.after, self.before.base_dir)

    def gates(self, house: Home, log: Path, limits: Limits, wanted: VerdictFilter) -> list[Gate]:
        """One for each rule, or the one for the candidate. Raises CannotTellError without a log."""
        report = ShadowReport(self.names)
        changed = gather(log, report, wanted, self.hash_before, unbroken=True)
        window = Window(report.exchanges, changed, report.lost)
        reviews, errors = read_reviews(house), self._errors()
        if self.names:
            return [gate_of_rule(name, report.counts(name), window, reviews, limits, errors) for name in self.names]
        counts = report.candidates.get(self.hash_after, CandidateCounts())
        return [gate_of_candidate(counts, window, reviews, limits, errors)]

    def _errors(self) -> list[str]:
        """Contradictions of the policy as it would be."""
        from clyra_proxy.enforcement.contradictions import find

        return [str(one) for one in find(self.after, self.before.base_dir, None) if one.weight == "error"]

    def write(self) -> None:
        """Replace the file, unless somebody has changed it meanwhile. Raises PolicyError, StartupError."""
        if load_with_source(self.file).source.text != self.before.source.text:
            raise PolicyError(f"{self.file} was changed meanwhile.", "", "Try again.")
        write_atomically(self.file, self.text.encode(), mode_of_file(self.file))

    def told(self, gates: list[Gate]) -> dict[str, Any]:
        return {
            "policy": str(self.file),
            "what": list(self.names) or "candidate",
            "sha256_before": self.hash_before,
            "sha256_after": self.hash_after,
            "gates": [gate.as_json() for gate in gates],
        }


def _reloaded(house: Home) -> bool | None:
    """Whether a running proxy took the change; None when none runs. Raises StartupError."""
    if not house.proxy_control.exists():
        return None
    answer = ask_supervisor(house.proxy_control, {"command": "reload"}, RELOAD_LIMIT_S)
    if not answer["ok"]:
        raise StartupError(
            "The policy is changed, and the running proxy did not take it.",
            str(answer.get("what", "")),
            str(answer.get("todo", "")),
        )
    return True


def _tell(told: dict[str, Any], gates: list[Gate], as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    colour = wants_colour()
    for gate in gates:
        typer.echo(f"{gate.name}: {'passes' if gate.passed else 'does not pass'}")
        for one in gate.conditions:
            mark = painted("ok", "green", colour) if one.passed else painted("NO", "red", colour)
            typer.echo(f"  {mark}  {one.name}: {one.figure} (limit {one.limit})")
    if told["promoted"]:
        typer.echo(f"{told['policy']} is changed: {told['sha256_before'][:16]} -> {told['sha256_after'][:16]}")
        taken = "in force in the running proxy" if told["in_force"] else "'clyra proxy reload' puts it in force"
        typer.echo(taken)
        typer.echo(evidence_line(told["evidence"]))
    else:
        typer.echo("Nothing was changed.")
