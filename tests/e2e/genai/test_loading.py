"""A worker loads the checks of conversations before any comes, and again with each policy that replaces another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.support.certificates import Authority
from tests.support.proxy import RunningProxy, local_policy


def loaded(proxy: RunningProxy) -> list[bool]:
    workers: list[dict[str, Any]] = json.loads(proxy.clyra("proxy", "state", check=True).stdout)["workers"]
    return [worker["loaded"] for worker in workers]


def test_loaded_at_the_start_and_with_a_new_policy(tmp_path: Path, authority: Authority) -> None:
    """Nobody spoke a word here; `auto` expects conversations with a host of which nothing is said."""
    policy = local_policy(authority, genai_security={"load": "auto"})
    with RunningProxy.start(tmp_path, policy) as proxy:
        proxy.process.wait_until(lambda: loaded(proxy) == [True], "loaded checks", 120)
        policy["genai_security"] |= {"load": "when_needed", "budget_ms": 1999}
        proxy.policy.write_text(yaml.safe_dump(policy))
        proxy.clyra("proxy", "reload", check=True)
        proxy.process.wait_until(lambda: loaded(proxy) == [True], "loaded checks", 5)
