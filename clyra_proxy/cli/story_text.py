"""The story of a verdict (see `cli.explain`) as lines for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clyra_proxy.cli.output import painted
from clyra_proxy.cli.verdict_text import decision_word, one_line
from clyra_proxy.telemetry.redaction import printable


def story_lines(event: dict[str, Any], story: dict[str, Any], colour: bool) -> Iterator[str]:
    """From the line `tail` shows down to each finding and what to do about it."""
    ours, policy = story["verdict"], story["policy"]
    word, tint = decision_word(ours)
    yield one_line(event, colour)
    yield ""
    yield f"{painted(word, tint, colour)}: {_sentence(ours)}"
    yield f"  who       {_who(event, ours)}"
    yield f"  where to  {_destination(event)}"
    yield f"  route     {policy['route'] or f'{ours["route"]} (no destination of the policy matches)'}"
    if policy["schema"]:
        yield f"  schema    {policy['schema']}"
    yield f"  policy    {ours['policy_sha256'][:16]}, generation {ours['policy_generation']}, mode {ours['mode']}"
    if policy["note"]:
        yield f"            {policy['note']}"
    if "candidate" in ours:
        yield f"  candidate {_candidate(ours['candidate'])}"
    yield f"  seen      request {_seen(ours, 'request')}, response {_seen(ours, 'response')}"
    yield f"  time      {ours['ms']} ms in all, {ours['upstream_ms']} ms upstream; checks: {_checks(ours)}"
    if ours["error"]:
        yield f"  error     {printable(str(ours['error']))}"
    yield f"  trace     {ours['trace_id'] or 'none'}"
    yield f"  evidence  {_evidence(ours, story['records'])}"
    for number, finding in enumerate(story["findings"], 1):
        yield ""
        yield from _finding_lines(number, finding, colour)
    if not story["findings"]:
        yield ""
        yield "No check found anything."


def _sentence(ours: dict[str, Any]) -> str:
    if ours["would_action"] != ours["action"]:
        return f"in shadow mode, so it went on; enforced, it would have been: {ours['would_action']}"
    return {
        "allow": "every check passed",
        "mark": "it went on, and was marked",
        "redact": "it went on without what was taken out",
        "approve": "it waits for a human",
        "block": "it was stopped",
        "error": "a check failed, and its declared outcome was applied",
    }.get(str(ours["decision"]), "")


def _who(event: dict[str, Any], ours: dict[str, Any]) -> str:
    source = event.get("src_endpoint", {})
    parts = [f"agent {ours['agent']} (known by: {ours['auth']})"]
    parts += [f"{name} {ours[name]}" for name in ("tenant", "run") if ours.get(name)]
    return printable(", ".join([*parts, f"from {source.get('ip')}:{source.get('port')}"]))


def _destination(event: dict[str, Any]) -> str:
    request, address = event["http_request"], event["dst_endpoint"].get("ip")
    url = request["url"]
    whole = f"{request['http_method']} {url['scheme']}://{url['hostname']}:{url['port']}{url['path']}"
    return printable(whole + (f" at {address}" if address else " (never dialled)"))


def _candidate(said: dict[str, Any]) -> str:
    """What the candidate policy made of it."""
    name = f"policy {said['policy_sha256'][:16]}"
    if said["relation"] == "failed":
        return printable(f"{name} has no decision: {said['why']}")
    rules = ", ".join(said["rules"])
    seen = f"seen: request {said['request_coverage']}, response {said['response_coverage']}"
    unasked = f"; not asked: {', '.join(said['unasked'])}" if said["unasked"] else ""
    decided = f"{said['decision']} ({rules})" if rules else said["decision"]
    return printable(f"{name} says {decided}: {said['relation']}; {seen}{unasked}")


def _seen(ours: dict[str, Any], direction: str) -> str:
    body = ours[f"{direction}_body"]
    whole = "" if body["complete"] or not body["seen"] else ", never complete"
    return f"{ours[f'{direction}_coverage']} ({body['seen']:,} bytes, {body['released']:,} let go{whole})"


def _checks(ours: dict[str, Any]) -> str:
    return ", ".join(f"{name} {micros} µs" for name, micros in ours["check_us"].items()) or "none ran"


def _evidence(ours: dict[str, Any], records: list[dict[str, Any]] | None) -> str:
    intent = (
        f"intent {ours['intent']} was durable before the first byte left" if ours["intent"] else "no intent asked for"
    )
    if records is None:
        return f"{intent}; the recorder's log cannot be read from here"
    if not records:
        return f"{intent}; no record in the log (yet)"
    return f"{intent}; records {', '.join('#' + str(record['seq']) for record in records)}"


def _finding_lines(number: int, finding: dict[str, Any], colour: bool) -> Iterator[str]:
    name = painted(printable(str(finding["rule"])), "red" if finding["mode"] == "enforce" else "yellow", colour)
    yield f"{number}. {name}: {finding['description']}"
    where = f"{finding['phase']} at {finding['path']}" if finding["path"] else str(finding["phase"])
    detail = "  ".join(f"{key}={value}" for key, value in finding["detail"].items())
    yield f"   asks for   {finding['action']} ({finding['mode']}), reason {finding['reason']}, {finding['severity']}"
    yield printable(f"   found in   {where}") + (printable(f"  {detail}") if detail else "")
    for name in finding.get("known_as", ()):
        yield printable(f"   known as   {name}")
    for label, key in (("mode from", "mode_from"), ("says so", "action_from"), ("do", "do")):
        if finding.get(key):
            yield f"   {label:<10} {finding[key]}"
