"""Finding rows in a document of an API that nobody described.

Rule: rows are an array of objects under a name that APIs use for batches (`records`, `inputs`, ...), or the only array
in an envelope that holds no record itself; otherwise the whole document is one row. Several such arrays all count. A
wrong guess is on the careful side: what is not found to be a batch is still judged as one row, nothing is skipped.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from clyra_proxy.activation.model import Operation
from clyra_proxy.activation.profiles.json_body import Tokens

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
_METHODS = {"PUT": Operation.UPSERT, "PATCH": Operation.UPDATE, "DELETE": Operation.DELETE, "POST": Operation.INSERT}
ROW_WORDS = frozenset({"op", "_op", "operation", "action", "_action", "__op", "change_type", "_change_type"})
"""Members of a row that may say what is done to it."""


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


def operation_of(method: str, segments: tuple[str, ...]) -> Operation:
    """What a call does, by the words of its path, from the end, else by its method."""
    if method in ("DELETE", "PATCH"):
        return _METHODS[method]
    for segment in reversed(segments[-3:]):
        words = segment.casefold().replace("-", "_").replace(".", "_").replace(":", "_")
        parts = {words.replace("_", ""), *words.split("_")}
        for operation, verbs in _VERBS:
            if parts & verbs:
                return operation
    return _METHODS.get(method, Operation.UNKNOWN)


def say_nothing(values: Iterable[Any]) -> bool:
    """Whether no row says what is done to it."""
    return ROW_WORDS.isdisjoint(frozenset().union(*(value for value in values if type(value) is dict)))


def row_operation(value: Any, otherwise: Operation) -> Operation:
    """What a row says is done to it, in one word of few."""
    if isinstance(value, dict):
        for name in ROW_WORDS & value.keys():
            word = value[name]
            if isinstance(word, str):
                folded = word.casefold()
                return next((operation for operation, verbs in _VERBS if folded in verbs), otherwise)
    return otherwise


def target_of(segments: tuple[str, ...]) -> str:
    """The last word of a path that is no id and no verb: what is written."""
    verbs = frozenset().union(*(words for _, words in _VERBS)) | {"batch", "bulk", "many"}
    for segment in reversed(segments):
        words = segment.casefold().removesuffix(".json").replace("-", "_").split("_")
        if not any(sign.isdigit() for sign in segment) and not set(words) <= verbs:
            return segment.removesuffix(".json")
    return segments[-1] if segments else ""
