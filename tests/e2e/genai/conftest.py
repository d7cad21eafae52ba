"""A proxy that enforces the GenAI checks, and an upstream that is every model provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.certificates import Authority
from tests.support.genai.upstream import ModelUpstream
from tests.support.proxy import RunningProxy, local_policy

CANARY = "canary-7f3a91c0-northern-lights"
DENIED_TOOL = "wipe_disk"
SECURITY: dict[str, Any] = {
    "leaks": {"canaries": [{"name": "planted", "value": CANARY}], "reversible": True},
    "tools": {"rules": [{"name": "no-wiping", "tools": [DENIED_TOOL], "action": "deny"}]},
    "output": {"contexts": [{"name": "page", "into": ["html"]}]},
    "budget_ms": 4000,  # machines that run tests are busy
    # Tests repeat themselves, and are many agents under one name.
    "budgets": {"loops": {"enabled": False}, "drift": {"enabled": False}},
}
"""What the policy says beside its defaults: things that are refused whatever detectors think."""


@pytest.fixture(scope="package")
def shared_models(authority: Authority) -> Iterator[ModelUpstream]:
    with ModelUpstream(authority.leaf()) as server:
        yield server


@pytest.fixture
def models(shared_models: ModelUpstream) -> ModelUpstream:
    shared_models.begin_anew()
    return shared_models


@pytest.fixture(scope="package")
def genai_proxy(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningProxy]:
    policy = local_policy(authority, genai_security=SECURITY)
    with RunningProxy.start(tmp_path_factory.mktemp("genai"), policy) as running:
        yield running


@pytest.fixture(scope="package")
def genai_env(genai_proxy: RunningProxy) -> dict[str, str]:
    """The variables `clyra run --agent sdk-tests` sets for a child."""
    done = genai_proxy.clyra("env", "--agent", "sdk-tests", "--json", check=True)
    variables: dict[str, str] = json.loads(done.stdout)
    return variables


@pytest.fixture
def through_proxy(
    genai_env: dict[str, str], genai_proxy: RunningProxy, monkeypatch: pytest.MonkeyPatch
) -> RunningProxy:
    """SDKs of this process find the proxy as a child of `clyra run` does: in the environment, and nowhere else."""
    for name, value in genai_env.items():
        monkeypatch.setenv(name, value)
    genai_proxy.begin_anew()
    return genai_proxy
