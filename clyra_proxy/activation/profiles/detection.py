"""Finding rows in a document of an API that nobody described.

Rule: rows are an array of objects under a name that APIs use for batches (`records`, `inputs`, ...), or the only array
in an envelope that holds no record itself; otherwise the whole document is one row. Several such arrays all count. A
wrong guess is on the careful side: what is not found to be a batch is still judged as one row, nothing is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from clyra_proxy.activation.model import Operation
from clyra_proxy.activation.profiles.json_body import Tokens
from clyra_proxy.policy.deleting import names_deleting

NAMES = frozenset(
    [
        "batch",
        "batches",
        "records",
        "rows",
        "items",
        "inputs",
        "input",
        "data",
        "objects",
        "entities",
        "documents",
        "values",
        "events",
        "users",
        "contacts",
        "profiles",
        "customers",
        "members",
        "subscribers",
        "recipients",
        "leads",
        "accounts",
        "companies",
        "deals",
        "orders",
        "products",
        "attributes",
        "purchases",
        "conversions",
        "messages",
        "updates",
        "inserts",
        "upserts",
        "deletes",
        "operations",
        "requests",
        "entries",
        "payload",
        "elements",
        "add",
        "adds",
        "change",
        "changes",
        "remove",
        "removes",
        "people",
        "persons",
    ]
)
"""Names of arrays that hold the records of a batch."""
_ENVELOPES = frozenset({"data", "payload", "params", "body", "request", "attributes", "input", "variables"})
_IDENTITIES = frozenset({"id", "_id", "uuid", "external_id", "externalid", "email", "key", "user_id", "userid"})
KEYS = ("id", "external_id", "externalId", "_id", "uuid", "key", "user_id", "userId", "email", "Id", "ID", "name")
ASKING = frozenset({"search", "token", "login", "introspect", "authorize"})
"""Last words of paths that a POST reads with, or signs in with."""
_LISTS = ("ids", "keys", "uuids", "emails", "guids")
_DEEPEST = 3

_VERBS: tuple[tuple[Operation, frozenset[str]], ...] = (
    (
        Operation.DELETE,
        frozenset(["delete", "deletes", "deleted", "archive", "remove", "destroy", "purge", "erase", "unsubscribe"]),
    ),
    (Operation.UPSERT, frozenset(["upsert", "upserts", "merge", "sync", "import", "put", "replace", "createorupdate"])),
    (Operation.UPDATE, frozenset(["update", "updates", "patch", "modify", "edit", "change"])),
    (
        Operation.SEND,
        frozenset(
            ["send", "publish", "notify", "message", "messages", "mail", "email", "sms", "track", "event", "events"]
        ),
    ),
    (Operation.INSERT, frozenset(["insert", "inserts", "create", "add", "new", "append"])),
)
_VERBS_OF_PUT = tuple(pair for pair in _VERBS if pair[0] is not Operation.SEND)
"""Where `/users/7/email` is a place and no message."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_METHODS = {"PUT": Operation.UPSERT, "PATCH": Operation.UPDATE, "DELETE": Operation.DELETE, "POST": Operation.INSERT}
ROW_WORDS = frozenset({"op", "_op", "operation", "action", "_action", "__op", "change_type", "_change_type"})
"""Members of a row that may say what is done to it."""
_HINTS = ROW_WORDS | {"method"}
_CALLED = frozenset({"url", "uri", "path", "relative_url"})
"""Where a row is a request of its own, as in OData and Microsoft Graph (`$batch`)."""


_LETTERS = {"d": Operation.DELETE, "u": Operation.UPDATE, "c": Operation.INSERT, "i": Operation.INSERT}
"""How change data capture writes them (Debezium)."""


def containers(document: Any) -> tuple[Tokens, ...]:
    """Places of the arrays that hold rows; empty when the document is one row."""
    if isinstance(document, list):
        return ((),) if any(isinstance(each, dict) for each in document) else ()
    return tuple(_within(document, (), _DEEPEST)) if isinstance(document, dict) else ()


def _within(document: dict[str, Any], way: Tokens, levels: int) -> list[Tokens]:
    arrays = [name for name, value in document.items() if _is_rows(value)]
    known = [name for name in arrays if name.casefold() in NAMES]
    if not known and len(arrays) == 1 and not _IDENTITIES & {name.casefold() for name in document}:
        others = [value for name, value in document.items() if name != arrays[0]]
        known = [] if any(isinstance(value, (dict, list)) for value in others) else arrays
    if known and not (_IDENTITIES & {name.casefold() for name in document} and len(document) > len(known) + 2):
        return [(*way, name) for name in known]
    if levels == 0:
        return []
    found: list[Tokens] = []
    for name, value in document.items():
        if isinstance(value, dict) and name.casefold() in _ENVELOPES:
            found += _within(value, (*way, name), levels - 1)
    return found


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def listed(value: Any, *, deleting: bool) -> tuple[Tokens, ...]:
    """Members of a row that list the records it is done to: `ids`, and in deletes what is called like it."""
    if not isinstance(value, dict):
        return ()
    return tuple(
        (name,)
        for name, each in value.items()
        if isinstance(each, list)
        and (name.casefold() == "ids" or (deleting and name.casefold().endswith(_LISTS)))
        and all(isinstance(one, (str, int)) for one in each)
    )


def operation_of(method: str, segments: tuple[str, ...]) -> Operation:
    """What a call does, by the words of its path, from the end, else by its method."""
    if method in ("DELETE", "PATCH"):
        return _METHODS[method]
    verbs = _VERBS if method == "POST" else _VERBS_OF_PUT
    for segment in reversed(segments[-3:]):
        words = [word.lower() for word in _WORD.findall(segment[:256])]
        parts = {"".join(words), *words}
        for operation, known in verbs:
            if parts & known:
                return operation
    return _METHODS.get(method, Operation.UNKNOWN)


def named_operation(name: str) -> Operation:
    """What is called so does (`deleteUser`, `users.update`, `bulk_create`); UNKNOWN when no word says."""
    if names_deleting(name):
        return Operation.DELETE
    words = [word.lower() for word in _WORD.findall(name[:256])]
    ends = {"".join(words), *words[:1], *words[-1:]}
    return next((operation for operation, verbs in _VERBS if ends & verbs), Operation.UNKNOWN)


def say_nothing(values: Iterable[Any]) -> bool:
    """Whether no row says what is done to it."""
    return _HINTS.isdisjoint(frozenset().union(*(value for value in values if type(value) is dict)))


def row_operation(value: Any, otherwise: Operation) -> Operation:
    """What a row says is done to it; of several words the gravest."""
    if not isinstance(value, dict):
        return otherwise
    method = value.get("method")
    if isinstance(method, str) and not _CALLED.isdisjoint(value):
        return _METHODS.get(method.upper(), Operation.UNKNOWN)
    said = (value[name] for name in ROW_WORDS & value.keys())
    return gravest([_LETTERS.get(word) or named_operation(word) for word in said if isinstance(word, str)], otherwise)


def gravest(found: Iterable[Operation], otherwise: Operation) -> Operation:
    """The one of several things done that is hardest to take back."""
    known = set(found)
    return next((operation for operation, _ in _VERBS if operation in known), otherwise)


def target_of(segments: tuple[str, ...]) -> str:
    """The last word of a path that is no id and no verb: what is written."""
    verbs = frozenset().union(*(words for _, words in _VERBS)) | {"batch", "bulk", "many"}
    for segment in reversed(segments):
        words = segment.casefold().removesuffix(".json").replace("-", "_").split("_")
        if not any(sign.isdigit() for sign in segment) and not set(words) <= verbs:
            return segment.removesuffix(".json")
    return segments[-1] if segments else ""
