"""Policies in Rego, as docs/policy-engines.md has them, and odd ones."""

from __future__ import annotations

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
