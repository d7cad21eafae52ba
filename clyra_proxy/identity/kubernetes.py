"""Which pod this proxy stands beside, as told by its environment (the downward API), not by asking the cluster.

Variables: CLYRA_POD_NAME, CLYRA_POD_NAMESPACE, CLYRA_POD_SERVICE_ACCOUNT, and CLYRA_POD_LABELS as `key=value`
separated by commas or lines (values may be quoted, as the downward API's files quote them).
"""

from __future__ import annotations

from collections.abc import Mapping

from clyra_proxy.exchange import Identity

_AGENT_LABELS = ("clyra.dev/agent", "app.kubernetes.io/name", "app")
_TENANT_LABEL = "clyra.dev/tenant"
_MOST_LABELS = 32


def pod_identity(environment: Mapping[str, str]) -> Identity | None:
    """The pod's identity, or None when the environment names no pod."""
    name, namespace = environment.get("CLYRA_POD_NAME", ""), environment.get("CLYRA_POD_NAMESPACE", "")
    if not name:
        return None
    labels = read_labels(environment.get("CLYRA_POD_LABELS", ""))
    agent = next((labels[label] for label in _AGENT_LABELS if labels.get(label)), name)
    account = environment.get("CLYRA_POD_SERVICE_ACCOUNT", "")
    detail = {"pod": name, "namespace": namespace, "service_account": account}
    return Identity(
        agent=agent,
        auth="kubernetes",
        tenant=labels.get(_TENANT_LABEL, namespace),
        detail=(
            *((key, value) for key, value in detail.items() if value),
            *((f"label:{key}", value) for key, value in list(labels.items())[:_MOST_LABELS]),
        ),
    )


def read_labels(text: str) -> dict[str, str]:
    """`a=1,b="2"` or one a line -> {"a": "1", "b": "2"}; what is not `key=value` is left out."""
    labels: dict[str, str] = {}
    for part in text.replace("\n", ",").split(","):
        key, equals, value = part.strip().partition("=")
        if equals and key:
            labels[key.strip()] = value.strip().strip('"')
    return labels
