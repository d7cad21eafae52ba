"""`clyra status`: is it ready, and with what.

Rule: everything is asked of the running processes or read from disk, nothing is remembered. Exit 0 ready, 1 not ready
(or nothing runs), 2 a part could not be asked.
"""

from __future__ import annotations

import shutil
import time
import urllib.error
import urllib.request
from typing import Any

import orjson
import typer

from clyra_proxy.cli.options import HomeOption, JsonOption
from clyra_proxy.cli.output import painted, print_json, wants_colour
from clyra_proxy.cli.running import RunningProxy, policy_in_use, read_state
from clyra_proxy.errors import ClyraError
from clyra_proxy.home import Home

app = typer.Typer(add_completion=False)


@app.command(
    epilog="Examples:  clyra status   |   clyra status --json | jq .policy.sha256   |   clyra status && make deploy"
)
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Say whether proxy and recorder are ready: workers, policy, recorder, logs, seals. Exit 1 when not ready."""
    facts = collect(Home.locate(home))
    if as_json:
        print_json(facts)
    else:
        _print(facts)
    raise typer.Exit(0 if facts["ready"] else 1)


def collect(home: Home) -> dict[str, Any]:
    """Everything `status` knows, as JSON-ready values. Raises CannotTellError when the state file is damaged."""
    proxy = read_state(home)
    probe = probe_readiness(proxy)
    inside = _inside(home) if proxy is not None else {}
    workers = [_worker(worker) for worker in inside.get("workers", ())]
    return {
        "ready": bool(probe.get("ready")),
        "waiting_for": probe.get("waiting_for", []),
        "home": str(home.root),
        "proxy": _proxy(proxy),
        "workers": workers,
        "policy": _policy(home, workers, inside),
        "halts": inside.get("halts", []) if proxy is not None else halts_on_disk(home),
        "recorder": _recorder(home),
        "verdict_log": _verdict_log(home),
        "last_seal": _last_seal(home),
        "disk_free_bytes": shutil.disk_usage(home.root).free if home.root.exists() else None,
    }


def probe_readiness(proxy: RunningProxy | None) -> dict[str, Any]:
    """What /readyz says: `ready` and `waiting_for`."""
    if proxy is None:
        return {"ready": False, "waiting_for": ["the proxy is not running"]}
    try:
        with urllib.request.urlopen(f"http://{proxy.health}/readyz", timeout=5) as answer:
            document: dict[str, Any] = orjson.loads(answer.read())
    except urllib.error.HTTPError as error:  # 503 carries the reasons
        document = orjson.loads(error.read())
    except (OSError, ValueError, orjson.JSONDecodeError) as error:
        return {"ready": False, "waiting_for": [f"the health probe at {proxy.health} does not answer: {error}"]}
    return document


def _inside(home: Home) -> dict[str, Any]:
    from clyra_proxy.engine.control import ask_supervisor

    try:
        return dict(ask_supervisor(home.proxy_control, {"command": "status"}, 5.0))
    except ClyraError:
        return {}  # the probe above already says that it is not ready


def _proxy(proxy: RunningProxy | None) -> dict[str, Any] | None:
    if proxy is None:
        return None
    return {
        "address": f"{proxy.host}:{proxy.port}",
        "mode": proxy.mode,
        "pid": proxy.pid,
        "health": proxy.health,
        "workers": proxy.workers,
    }


def _worker(worker: dict[str, Any]) -> dict[str, Any]:
    wanted = ("slot", "pid", "state", "generation", "sha256", "connections", "exchanges", "late_ms")
    return {name: worker[name] for name in (*wanted, "engines", "obstacles") if name in worker}


def _policy(home: Home, workers: list[dict[str, Any]], inside: dict[str, Any]) -> dict[str, Any]:
    hashes = sorted({str(worker["sha256"]) for worker in workers if "sha256" in worker})
    return {
        "file": str(policy_in_use(home)),
        "sha256": hashes[0] if len(hashes) == 1 else None,
        "mixed": hashes if len(hashes) > 1 else [],
        "generation": inside.get("generation"),
        "last_reload": inside.get("last_reload") or None,
    }


def _recorder(home: Home) -> dict[str, Any]:
    from recorder.errors import RecorderError
    from recorder.local import get_status

    try:
        return {"reachable": True, **get_status(home.recorder_socket, 5.0)}
    except RecorderError as error:
        return {"reachable": False, "why": error.what}


def _verdict_log(home: Home) -> dict[str, Any]:
    files = sorted(home.verdicts.glob(f"{home.verdict_log.name}*")) if home.verdicts.is_dir() else []
    logs = [file for file in files if file.suffix != ".lock"]
    return {"file": str(home.verdict_log), "files": len(logs), "bytes": sum(file.stat().st_size for file in logs)}


def _last_seal(home: Home) -> dict[str, Any] | None:
    bundles = list(home.bundles.glob("*.zip")) if home.bundles.is_dir() else []
    if not bundles:
        return None
    newest = max(bundles, key=lambda file: file.stat().st_mtime)
    return {"file": str(newest), "age_seconds": round(time.time() - newest.stat().st_mtime), "bundles": len(bundles)}


def _print(facts: dict[str, Any]) -> None:
    colour = wants_colour()
    word = painted("ready", "green", colour) if facts["ready"] else painted("not ready", "red", colour)
    typer.echo(f"{word}" + (f": {'; '.join(facts['waiting_for'])}" if facts["waiting_for"] else ""))
    for name, value in _rows(facts):
        typer.echo(f"  {name:<10} {value}")


def _rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("home", facts["home"])]
    if proxy := facts["proxy"]:
        rows.append(
            ("proxy", f"{proxy['address']}  {proxy['mode']}  pid {proxy['pid']}  health http://{proxy['health']}")
        )
    for worker in facts["workers"]:
        load = f"{worker.get('connections', 0)} connections, {worker.get('exchanges', 0)} exchanges"
        rows.append((f"worker {worker['slot']}", f"{worker['state']}  pid {worker['pid']}  {load}"))
    policy = facts["policy"]
    if policy["mixed"]:
        rows.append(("policy", f"MIXED: {', '.join(one[:12] for one in policy['mixed'])}"))
    elif policy["sha256"]:
        rows.append(("policy", f"sha256 {policy['sha256'][:16]}  generation {policy['generation']}"))
    if reload := policy["last_reload"]:
        rows.append(("reload", "accepted" if reload.get("ok") else f"REFUSED: {reload.get('what', '')}"))
    rows += [("HALTED" if halt["phase"] == "halted" else halt["phase"], _halt_text(halt)) for halt in facts["halts"]]
    rows += [("engine", text) for text in _engine_texts(facts["workers"])]
    recorder = facts["recorder"]
    rows.append(("recorder", _recorder_text(recorder)))
    log = facts["verdict_log"]
    rows.append(("verdicts", f"{log['bytes']:,} bytes in {log['files']} files  {log['file']}"))
    seal = facts["last_seal"]
    rows.append(("last seal", f"{seal['file']}, {seal['age_seconds']} s ago" if seal else "none yet"))
    if facts["disk_free_bytes"] is not None:
        rows.append(("disk", f"{facts['disk_free_bytes'] / 1e9:.1f} GB free"))
    return rows


def halts_on_disk(home: Home) -> list[dict[str, Any]]:
    """What a proxy will begin with; nothing is changed by looking."""
    from clyra_proxy.enforcement.halt.file import peek
    from clyra_proxy.enforcement.halt.model import Phase
    from clyra_proxy.enforcement.halt.telling import tell

    return [tell(halt) for halt in peek(home.halts) if halt.phase is not Phase.RESUMED]


def _halt_text(halt: dict[str, Any]) -> str:
    until = halt["override_until"] or halt["until"]
    when = f"  until {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(until))}" if until else ""
    return f"{halt['scope']}  {halt['reason']}  ({halt['by'] or halt['channel']}){when}"


def _engine_texts(workers: list[dict[str, Any]]) -> list[str]:
    """Each policy engine with what workers last heard of it; what they agree on is said once."""
    heard: dict[str, set[str]] = {}
    for worker in workers:
        for name, standing in worker.get("engines", {}).items():
            heard.setdefault(name, set()).add(standing)
    return [f"{name}  {' | '.join(sorted(standings))}" for name, standings in heard.items()]


def _recorder_text(recorder: dict[str, Any]) -> str:
    if not recorder["reachable"]:
        return str(recorder["why"])
    fault = f"  ERROR: {recorder['error']}" if recorder.get("error") else ""
    anchors = _anchors_text(recorder.get("anchors") or {})
    return f"{recorder.get('size', '?')} records, {recorder.get('open_intents', '?')} open intents{anchors}{fault}"


def _anchors_text(anchors: dict[str, Any]) -> str:
    """Nothing where no anchors are configured."""
    if anchors.get("alarm"):
        return "  ALARM: an outside anchor contradicts this log, see 'clyra anchor list'"
    failing = sum(bool(target.get("error")) for target in anchors.get("targets", {}).values())
    failed = f", {failing} targets failing" if failing else ""
    return f", anchored to {anchors['size']}{failed}" if anchors.get("targets") else ""
