"""Whether a request says by its name that it deletes: paths and fields in which APIs of the RPC kind name what they do.

Rule: the name of what is done is what stands last in a path, a place named by an id left out (`/users/delete`,
`/users/123/delete`, `/users/delete/123`, `/v1/contacts:batchDelete`, `/api/chat.delete`, `/deleteUser`), or the field
and parameter in which AWS names it. It deletes when a verb of deleting stands at the beginning or the end of its words,
or after a word of how many (`bulk_delete_users`); `undelete`, `deleted` and `delete` amid a name do not. Reading never
deletes. Sources: Google AIP-136 (custom methods), Slack Web API, gRPC over HTTP/2 (`/package.Service/Method`), AWS JSON
1.1 (`X-Amz-Target`) and query (`Action`) protocols. Linear in the request line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from clyra_proxy.exchange import RequestHead
from clyra_proxy.policy.readings import methods_of, parameters_of, paths_of

_VERBS = frozenset({"delete", "destroy", "remove", "purge", "erase", "wipe"})
_HOW_MANY = frozenset({"batch", "bulk", "mass", "multi", "all", "hard", "soft", "force", "permanently"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ID = re.compile(r"[0-9]+|[0-9A-Za-z_-]*[0-9][0-9A-Za-z_-]*|[^@/]+@[^@/]+", re.ASCII)
_LONGEST = 256
"""Characters of a name; a longer one names nothing."""


def says_delete(request: RequestHead) -> bool:
    """Whether a server may take the request for one that deletes, by its name in any reading of its line."""
    return not methods_of(request) <= _SAFE and any(map(names_deleting, _names(request)))


def _names(request: RequestHead) -> Iterator[str]:
    for path in paths_of(request.path):
        yield from _last_names(path)
    for target in request.get_all("x-amz-target"):
        yield target.rpartition(".")[2]
    yield from (value for name, value in parameters_of(request.path) if name == "action")


def _last_names(path: str) -> Iterator[str]:
    """What stands last in a path, and before it where that is an id."""
    *before, last = path.rstrip("/").rsplit("/", 2)[-2:] or [""]
    yield last
    if before and ":" not in last and _ID.fullmatch(last):
        yield before[-1]


def names_deleting(name: str) -> bool:
    """Whether a name is one of deleting. After a colon stands the method; what is before it, the resource."""
    if len(name) > _LONGEST:
        return False
    words = [word.lower() for word in _WORD.findall(unquote(name).rpartition(":")[2])]
    while len(words) > 1 and words[0] in _HOW_MANY:
        del words[0]
    return bool(words) and not _VERBS.isdisjoint((words[0], words[-1]))
