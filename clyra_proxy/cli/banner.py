"""What `clyra proxy` prints once it is ready: everything that is active, and the two lines a client needs."""

from __future__ import annotations

from typing import Any

from clyra_proxy.engine.launch import Launch


def banner(launch: Launch, state: dict[str, Any], report: dict[str, Any]) -> str:
    """launch: this run. state: as in proxy.json. report: the first worker's report."""
    url = f"http://{_bracketed(state['host'])}:{state['port']}"
    lines = [
        f"Clyra proxy is {'running, not ready yet,' if report['obstacles'] else 'ready'} on {url}",
        *(f"  {name:<10} {value}" for name, value in _facts(launch, state, report)),
        *_for_clients(launch, url),
    ]
    return "\n".join(lines)


def _facts(launch: Launch, state: dict[str, Any], report: dict[str, Any]) -> list[tuple[str, str]]:
    policy = report["policy"]
    upstream = f" to {launch.upstream}" if launch.upstream else ""
    workers = f"{state['workers']} worker{'s' if state['workers'] != 1 else ''}"
    recorder = "started with the proxy" if launch.with_recorder else "runs elsewhere"
    if report["obstacles"]:
        recorder += f"; not ready: {', '.join(report['obstacles'])}"
    return [
        ("mode", f"{launch.mode}{upstream}, {workers}"),
        ("policy", f"{launch.policy_file}"),
        ("", f"sha256 {policy['sha256'][:16]}, generation {policy['generation']}, {_count(policy)}"),
        ("rules", _rules(policy)),
        ("recorder", f"{recorder} ({launch.home.recorder_socket})"),
        ("verdicts", f"{launch.home.verdict_log} (follow with `clyra tail`)"),
        ("CA", f"{launch.home.ca_certificate}, signs until {report['ca_expires']}"),
        ("health", f"http://{state['health']}/readyz"),
    ]


def _count(policy: dict[str, Any]) -> str:
    return f"{policy['destinations']} destinations, {policy['routes']} routes"


def _rules(policy: dict[str, Any]) -> str:
    """`everything in shadow, but enforce: json, schema; off: egress`."""
    others: dict[str, list[str]] = {}
    for name, mode in sorted(policy["rules"].items()):
        if mode != policy["mode"]:
            others.setdefault(mode, []).append(name)
    exceptions = "; ".join(f"{mode}: {', '.join(names)}" for mode, names in sorted(others.items()))
    general = {"shadow": "in shadow (nothing is blocked)", "enforce": "enforced", "off": "off"}[policy["mode"]]
    if policy["mode"] == "shadow" and others.get("enforce"):
        general = "in shadow"
    return f"everything {general}{f', but {exceptions}' if exceptions else ''}"


def _for_clients(launch: Launch, url: str) -> list[str]:
    if launch.mode == "explicit":
        return [
            "For clients (or let `clyra run -- CMD` and `clyra env` set all variables):",
            f"  export HTTPS_PROXY={url} HTTP_PROXY={url}",
            f"  export SSL_CERT_FILE={launch.home.ca_bundle}",
        ]
    if launch.mode == "reverse":
        return [f"For clients: use {url} as the base URL in place of {launch.upstream}"]
    return [
        "For clients: redirect their connections here; they trust",
        f"  export SSL_CERT_FILE={launch.home.ca_bundle}",
    ]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
