"""`clyra explain ID`: the whole story of one verdict, back to the line of policy that made it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clyra_proxy.cli.options import HomeOption, JsonOption, LogOption, PolicyOption
from clyra_proxy.cli.output import print_json, wants_colour
from clyra_proxy.cli.running import policy_in_use
from clyra_proxy.cli.story_text import story_lines
from clyra_proxy.errors import CannotTellError, ClyraError, UsageError
from clyra_proxy.home import Home
from clyra_proxy.telemetry.verdict_reader import VerdictReader

if TYPE_CHECKING:
    from clyra_proxy.cli.policy_origin import PolicyOrigins

app = typer.Typer(add_completion=False)

_SHORTEST = 8
_MOST_CANDIDATES = 8
_EPILOG = "Examples:  clyra explain 01a20253-10a4-747a-a61a-074e83cf7718   |   clyra explain 01a20253-10a4 --json"


@app.command(epilog=_EPILOG)
def explain(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="Verdict id, exchange id or trace id; its beginning is enough.")
    ],
    policy: PolicyOption = None,
    log: LogOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell the whole story of one verdict: findings, the rule and the line of policy behind each, what to do."""
    place = Home.locate(home)
    event = find_event(log or place.verdict_log, identifier)
    story = tell(event, place, policy or policy_in_use(place))
    if as_json:
        print_json(story)
        return
    for line in story_lines(event, story, wants_colour()):
        typer.echo(line)


def find_event(path: Path, identifier: str) -> dict[str, Any]:
    """The newest event with this id. Raises UsageError for too short or ambiguous ids, CannotTellError for none."""
    wanted = identifier.strip().lower()
    if len(wanted) < _SHORTEST:
        raise UsageError(f"{identifier!r} is too short for an id.", "", f"Give at least {_SHORTEST} characters.")
    found: dict[str, dict[str, Any]] = {}
    with VerdictReader(path) as reader:
        for line in reader.backwards():
            if wanted.encode() not in line:
                continue
            event = reader.parse(line)
            if event is None or not any(name.startswith(wanted) for name in _names(event)):
                continue
            found.setdefault(str(event["metadata"]["uid"]), event)
            if str(event["metadata"]["uid"]) == wanted or len(found) >= _MOST_CANDIDATES:
                break
    if wanted in found:
        return found[wanted]
    if len(found) > 1:
        raise UsageError(f"{identifier!r} fits several verdicts.", " ".join(found), "Give more of the id.")
    if not found:
        raise CannotTellError(
            f"No verdict {identifier} is in {path} or its rotated files.",
            "It may be older than the logs that are kept, or of another data folder.",
            "The evidence log keeps it: see 'clyra seal'. Name another folder with --home.",
        )
    return next(iter(found.values()))


def _names(event: dict[str, Any]) -> tuple[str, ...]:
    metadata, ours = event.get("metadata", {}), event.get("unmapped", {}).get("clyra", {})
    return (str(metadata.get("uid", "")), str(metadata.get("correlation_uid", "")), str(ours.get("trace_id", "")))


def tell(event: dict[str, Any], home: Home, policy: Path) -> dict[str, Any]:
    """The story as JSON: the event's own facts, with rules, origins in the policy, records and advice."""
    from clyra_proxy.cli.policy_origin import PolicyOrigins
    from clyra_proxy.cli.recorded import find_records

    ours = event["unmapped"]["clyra"]
    origins: PolicyOrigins | None = None
    try:
        present = PolicyOrigins(policy)
        note, origins = _policy_note(present, str(ours["policy_sha256"])), present
    except ClyraError as error:
        note = f"the policy file cannot be read now: {error.what}"
    records = find_records(home, str(event["metadata"]["correlation_uid"]))
    return {
        "verdict": ours,
        "event": {key: event[key] for key in ("time", "src_endpoint", "dst_endpoint", "http_request", "http_response")},
        "policy": {"file": str(policy), "note": note, **_route_origins(origins, str(ours["route"]))},
        "findings": [_finding(finding, origins, str(ours["route"])) for finding in ours["findings"]],
        "records": None if records is None else [{"seq": one.seq, "record": one.line} for one in records],
    }


def _policy_note(origins: PolicyOrigins, then: str) -> str:
    from clyra_proxy.policy.fingerprint import policy_hash

    now = policy_hash(origins.loaded.document, origins.loaded.base_dir)
    if now == then:
        return ""
    return f"the policy has changed since ({then[:12]} then, {now[:12]} now); places below are of the present file"


def _route_origins(origins: PolicyOrigins | None, route: str) -> dict[str, Any]:
    if origins is None:
        return {"route": None, "schema": None}
    found, schema = origins.route(route), origins.schema(route)
    return {"route": str(found) if found else None, "schema": str(schema) if schema else None}


def _mode_from(origins: PolicyOrigins, finding: dict[str, Any], route: str) -> str:
    """Where the mode was written. What an enforced check cannot do without is enforced with it, whatever its mode."""
    origin = origins.mode(str(finding["rule"]), route, str(finding["check"]))
    if finding["mode"] != "enforce" or origin.value.startswith("enforce"):
        return str(origin)
    return f"{origin} (enforced all the same, if the policy was this: an enforced check depended on it)"


def _finding(finding: dict[str, Any], origins: PolicyOrigins | None, route: str) -> dict[str, Any]:
    from clyra_proxy.cli.remedies import remedy
    from clyra_proxy.verdict.rules import RULES
    from clyra_proxy.verdict.taxonomy import name_of

    rule = str(finding["rule"])
    labels = [*finding.get("owasp_llm", ()), *finding.get("atlas", ())]
    told = {
        **finding,
        "known_as": [f"{label} {name_of(label)}".strip() for label in labels],
        "description": RULES[rule].description if rule in RULES else "",
        "do": remedy(finding["reason"]),
    }
    if origins is not None:
        told["mode_from"] = _mode_from(origins, finding, route)
        if rule == "egress.destination":
            told["action_from"] = str(origins.unknown_destinations())
    return told
