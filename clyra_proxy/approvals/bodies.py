"""What a body says that it does, where nobody knows its API: mutations of GraphQL, and fields that name an action.

Rule: a GraphQL document stands in the field or parameter `query` (GraphQL over HTTP, also several in a list) or is the
whole body; a mutation does what its fields are called (`deleteUser`), and may do anything where it cannot be read.
Otherwise a member of the outermost object or form that names what is done (`action`, `method` of JSON-RPC, `Action` of
AWS) is taken at its word where that word is one of deleting. Of a key that stands twice every value counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qsl

import re2  # type: ignore[import-untyped]

from clyra_proxy.activation.graphql import Mutations, mutations_in
from clyra_proxy.activation.model import Operation
from clyra_proxy.activation.profiles.detection import named_operation
from clyra_proxy.exchange import RequestHead
from clyra_proxy.policy.deleting import names_deleting
from clyra_proxy.policy.readings import parameters_of

_MAY_SAY = re2.compile(rb"(?i)mutation|persistedquery|delet|destroy|remove|purge|erase|wipe|\\u00")
"""What stands in every body and query that says anything of this; most have none of it."""
_NAMING = frozenset({"action", "operation", "op", "method", "command", "cmd", "verb", "_action", "_method", "_op"})
_FORM = "application/x-www-form-urlencoded"
_GRAPHQL = "application/graphql"
_ANYTHING = frozenset(Operation)

type _Members = dict[str, list[object]]
"""An object with every value of a key that stands in it more than once; names in small letters."""


def operations_in(request: RequestHead, payload: bytes) -> frozenset[Operation]:
    """What a request does by the word of its body or query; empty where these say nothing."""
    if _MAY_SAY.search(payload) is None and _MAY_SAY.search(request.path.encode("utf-8", "replace")) is None:
        return frozenset()
    found: set[Operation] = set()
    for members in (*_messages(request, payload), _gathered(parameters_of(request.path))):
        found |= _said(members)
    return frozenset(found)


def _messages(request: RequestHead, payload: bytes) -> Iterator[_Members]:
    """The objects, or the form, that a body is."""
    essence = (request.get("content-type") or "").partition(";")[0].strip().lower()
    if essence == _GRAPHQL:
        yield {"query": [payload.decode("utf-8", "replace")]}
        return
    if essence == _FORM:
        yield _gathered(parse_qsl(payload.decode("utf-8", "replace"), keep_blank_values=True))
        return
    try:
        document = json.loads(payload, object_pairs_hook=_gathered)
    except (ValueError, RecursionError):
        return
    yield from (one for one in (document if isinstance(document, list) else [document]) if isinstance(one, dict))


def _gathered(pairs: Iterator[tuple[str, object]] | list[tuple[str, object]] | list[tuple[str, str]]) -> _Members:
    found: _Members = {}
    for name, value in pairs:
        found.setdefault(name.lower(), []).append(value)
    return found


def _said(members: _Members) -> set[Operation]:
    found: set[Operation] = set()
    names = [one for one in members.get("operationname", ()) if isinstance(one, str)]
    for text in members.get("query", ()):
        if isinstance(text, str) and (asked := mutations_in(text, names[0] if len(names) == 1 else "")) is not None:
            found |= _of_mutations(asked)
    if "query" not in members and any(isinstance(one, dict) and _is_kept(one) for one in members.get("extensions", ())):
        found.add(Operation.UNKNOWN)  # a document that the server keeps
    words = (value for name in _NAMING & members.keys() for value in members[name])
    if any(isinstance(word, str) and names_deleting(word) for word in words):
        found.add(Operation.DELETE)
    return found


def _of_mutations(asked: Mutations) -> frozenset[Operation]:
    return _ANYTHING if asked.unreadable else frozenset(map(named_operation, asked.fields))


def _is_kept(extensions: _Members) -> bool:
    return "persistedquery" in extensions
