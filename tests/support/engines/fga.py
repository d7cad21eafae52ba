"""A small OpenFGA store: direct relationships, members of groups, contextual relationships, and OpenFGA's refusals.

`MODEL` and `TUPLES` are the same facts as the real `fga` reads them; `test_openfga_real` holds this stand-in against
OpenFGA's own evaluation of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

STORE_ID = "01K3C1YRATESTSTRE000000000"
MODEL_ID = "01K3C1YRATESTMDE0000000000"

MODEL = """\
model
  schema 1.1

type agent

type group
  relations
    define member: [agent]

type destination
  relations
    define can_read: [agent, agent:*, group#member] or can_write
    define can_write: [agent, group#member]

type tool
  relations
    define caller: [agent, group#member]
"""

TUPLES = (
    ("agent:billing", "member", "group:finance"),
    ("group:finance#member", "can_write", "destination:local"),
    ("agent:reader", "can_read", "destination:local"),
    ("agent:*", "can_read", "destination:public"),
    ("group:finance#member", "caller", "tool:invoice"),
)

_RELATIONS = {
    "group": {"member"},
    "destination": {"can_read", "can_write"},
    "tool": {"caller"},
    "agent": set(),
}
_IMPLIED = {("destination", "can_read"): ("can_write",)}
_OBJECT = re.compile(r"[^:#\s]+:[^:#\s]+")


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Store:
    id: str
    model: str
    tuples: frozenset[tuple[str, str, str]]


STORE = Store(STORE_ID, MODEL_ID, frozenset(TUPLES))


def check(store: Store, asked_store: str, request: Any) -> dict[str, Any]:
    """The answer to `POST /stores/ID/check`. Raises Refused."""
    if asked_store != store.id:
        raise Refused(404, "store_id_not_found", "Store ID not found")
    known = {"tuple_key", "contextual_tuples", "authorization_model_id", "consistency", "context", "trace"}
    if not isinstance(request, dict) or not {"tuple_key"} <= request.keys() <= known:
        raise Refused(400, "validation_error", "invalid CheckRequest")
    if request.get("authorization_model_id", store.model) != store.model:
        raise Refused(400, "authorization_model_not_found", "Authorization Model not found")
    contextual = request.get("contextual_tuples", {}).get("tuple_keys", [])
    tuples = store.tuples | {_tuple(one) for one in contextual}
    return {"allowed": _holds(*_tuple(request["tuple_key"]), tuples), "resolution": ""}


def _tuple(key: Any) -> tuple[str, str, str]:
    user, relation, target = key["user"], key["relation"], key["object"]
    if _OBJECT.fullmatch(user.partition("#")[0]) is None or _OBJECT.fullmatch(target) is None:
        raise Refused(400, "validation_error", f"invalid tuple {user} {relation} {target}")
    kind = target.partition(":")[0]
    if kind not in _RELATIONS:
        raise Refused(400, "type_not_found", f"type '{kind}' not found")
    if relation not in _RELATIONS[kind]:
        raise Refused(400, "relation_not_found", f"relation '{kind}#{relation}' not found")
    return user, relation, target


def _holds(user: str, relation: str, target: str, tuples: frozenset[tuple[str, str, str]]) -> bool:
    if any(_holds(user, implied, target, tuples) for implied in _IMPLIED.get((target.partition(":")[0], relation), ())):
        return True
    for who, how, what in tuples:
        if (how, what) != (relation, target):
            continue
        group, _, member = who.partition("#")
        if who in (user, f"{user.partition(':')[0]}:*") or (member and _holds(user, member, group, tuples)):
            return True
    return False
