"""The strongest thing known about a caller wins, and what fails to verify is refused."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from clyra_proxy.exchange import Identity
from clyra_proxy.identity.kubernetes import pod_identity, read_labels
from clyra_proxy.identity.process import Process
from clyra_proxy.identity.proxy_auth import new_token
from clyra_proxy.identity.resolve import Caller, IdentityResolver
from clyra_proxy.policy.load import parse_policy
from clyra_proxy.verdict.model import Phase
from tests.support.certificates import Authority, Leaf
from tests.support.judging import route_under

TOKEN, DIGEST = new_token()
AGENTS = f"agents: {{crm: {{token: {DIGEST}, tenant: acme}}}}"
POD = {"CLYRA_POD_NAME": "p-1", "CLYRA_POD_NAMESPACE": "sales", "CLYRA_POD_LABELS": "app=crm-sync,x=1"}
PROCESS = Process(7, "python3", "/usr/bin/python3", 1000)


def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode()).decode()


def resolver(settings: str, base_dir: Path = Path(), **environment: str) -> IdentityResolver:
    return IdentityResolver(parse_policy(f"identity: {{{settings}}}").identity, base_dir, environment)


@pytest.mark.parametrize(
    ("settings", "caller", "environment", "agent", "auth", "problem"),
    [
        ("", Caller(), {}, "anonymous", "none", ""),
        ("", Caller(process=PROCESS), {}, "python3", "process", ""),
        ("", Caller(), POD, "crm-sync", "kubernetes", ""),
        ("kubernetes: false", Caller(), POD, "anonymous", "none", ""),
        ("", Caller(process=PROCESS), POD, "python3", "process", ""),
        ("", Caller(basic("crm:anything")), {}, "crm", "header", ""),
        ("", Caller("Digest x"), {}, "anonymous", "none", "identity.rejected"),
        (AGENTS, Caller(basic(f"crm:{TOKEN}")), {}, "crm", "proxy", ""),
        (AGENTS, Caller(basic("crm:wrong")), {}, "anonymous", "none", "identity.rejected"),
        (AGENTS, Caller(basic(f"other:{TOKEN}")), {}, "anonymous", "none", "identity.rejected"),
        (AGENTS, Caller(), {}, "anonymous", "none", ""),
        (f"required: true, {AGENTS}", Caller(), {}, "anonymous", "none", "identity.required"),
        (f"required: true, {AGENTS}", Caller(process=PROCESS), POD, "python3", "process", "identity.required"),
        (f"required: true, {AGENTS}", Caller(basic(f"crm:{TOKEN}")), {}, "crm", "proxy", ""),
        (f"required: true, {AGENTS}", Caller(basic("crm:wrong")), {}, "anonymous", "none", "identity.rejected"),
    ],
)
def test_who(settings: str, caller: Caller, environment: dict[str, str], agent: str, auth: str, problem: str) -> None:
    resolution = resolver(settings, **environment).resolve(caller)
    assert (resolution.identity.agent, resolution.identity.auth) == (agent, auth)
    assert resolution.problem == problem
    found = resolution.findings(route_under("enforcement: {mode: shadow}"), Phase.CONNECT)
    assert [(one.rule, one.enforced) for one in found] == ([(problem, True)] if problem else [])


def test_a_run_and_a_tenant_come_with_the_credentials() -> None:
    identity = resolver(AGENTS).resolve(Caller(basic(f"crm+nightly-7:{TOKEN}"))).identity
    assert identity == Identity(agent="crm", auth="proxy", tenant="acme", run="nightly-7")


def loaded(leaf: Leaf) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(leaf.certificate.read_bytes())


def test_certificates_come_first_and_a_rogue_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "rogue").mkdir()
    ours, rogue = Authority(tmp_path / "good"), Authority(tmp_path / "rogue")
    who = resolver(f"client_ca: {ours.certificate.name}, required: true, {AGENTS}", ours.certificate.parent)
    good, bad = (
        loaded(ours.leaf("crm.example", client=True)),
        loaded(rogue.leaf("crm.example", client=True)),
    )
    accepted = who.resolve(Caller(certificates=good))
    assert (accepted.identity.agent, accepted.identity.auth, accepted.problem) == ("crm.example", "mtls", "")
    both = who.resolve(Caller(basic(f"crm+r1:{TOKEN}"), good))
    assert (both.identity.agent, both.identity.run) == ("crm.example", "r1")
    assert who.resolve(Caller(certificates=bad)).problem == "identity.rejected"
    assert who.resolve(Caller(basic(f"crm:{TOKEN}"), bad)).problem == "identity.rejected"
    assert who.resolve(Caller(basic("crm:wrong"), good)).problem == "identity.rejected"
    server_leaf = loaded(ours.leaf("crm.example"))
    assert who.resolve(Caller(certificates=server_leaf)).problem == "identity.rejected"
    expired = loaded(ours.leaf("crm.example", client=True, expired=True))
    assert expired[0].not_valid_after_utc < datetime.now(UTC)
    assert who.resolve(Caller(certificates=expired)).problem == "identity.rejected"


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("", {}),
        ("a=1,b=2", {"a": "1", "b": "2"}),
        ('app="crm"\nclyra.dev/agent="x y"\n', {"app": "crm", "clyra.dev/agent": "x y"}),
        ("novalue,=x,a=b=c", {"a": "b=c"}),
    ],
)
def test_labels(text: str, labels: dict[str, str]) -> None:
    assert read_labels(text) == labels


@pytest.mark.parametrize(
    ("labels", "agent", "tenant"),
    [
        ("", "p-1", "sales"),
        ("app=a", "a", "sales"),
        ("app=a,app.kubernetes.io/name=b", "b", "sales"),
        ("app=a,clyra.dev/agent=c,clyra.dev/tenant=acme", "c", "acme"),
    ],
)
def test_pods(labels: str, agent: str, tenant: str) -> None:
    identity: Any = pod_identity({**POD, "CLYRA_POD_LABELS": labels})
    assert (identity.agent, identity.tenant, identity.auth) == (agent, tenant, "kubernetes")
    assert dict(identity.detail)["pod"] == "p-1"
    assert pod_identity({"CLYRA_POD_LABELS": "app=a"}) is None
