"""Rego for tests: policies like those of docs/policy-engines.md, odd ones, and rego-cpp to evaluate them.

rego-cpp brings an RE2 of its own, which breaks `google-re2` in the same process; so it is imported only in processes
that do nothing else: the server's, and `python -m tests.support.engines.rego`, which `decide_elsewhere` starts.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MODULES = {
    "clyra": """\
package clyra

import rego.v1

default decision := {"allow": false, "reasons": ["not-covered"]}

decision := {"allow": count(denied) == 0, "approve": needs_person, "reasons": [id | some id in denied | asked]} if {
    input.caller.proven
}

denied contains "deletes-need-billing" if {
    input.rows.operations["delete"]
    input.caller.agent != "billing"
}

denied contains "no-shell" if "shell" in input.conversation.tools

denied contains "too-much" if input.values["/amount"] > 1000

asked contains "many-rows" if input.rows.count > 2

default needs_person := false

needs_person if {
    count(denied) == 0
    count(asked) > 0
}
""",
    "writers": """\
package writers

import rego.v1

default allow := false

allow if input.request.kind == "read"

allow if {
    input.caller.proven
    input.caller.agent == "billing"
}
""",
    "plain": """\
package plain

import rego.v1

yes := true

no := false

default proven := false

proven if input.caller.proven

maybe if input.request.method == "PATCH"

echo := {"allow": false, "reasons": ["an agent called x", "ok-id"]}
""",
}


class Rego:
    """Modules (name -> text) to ask."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        from regopy import Interpreter

        self._interpreter = Interpreter()
        for name, text in modules.items():
            self._interpreter.add_module(name, text)

    def decide(self, query: str, document: Any) -> dict[str, Any]:
        """`{"result": VALUE}`, or nothing when it is undefined."""
        self._interpreter.set_input(document)
        results = self._interpreter.query(f"result = {query}").results
        bound = results[0].bindings if results else {}
        return {"result": bound["result"]} if "result" in bound else {}


def decide_elsewhere(policy: str, query: str, documents: Sequence[Any]) -> list[Any]:
    """The value of `query` for each document, by a process of its own; None where it is undefined."""
    asked = json.dumps({"policy": policy, "query": query, "documents": list(documents)})
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=asked,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).resolve().parents[3],
    )
    told: list[Any] = json.loads(done.stdout)
    return told


def _main() -> None:
    asked = json.load(sys.stdin)
    rego = Rego({"asked": asked["policy"]})
    print(json.dumps([rego.decide(asked["query"], one).get("result") for one in asked["documents"]]))


if __name__ == "__main__":
    _main()
