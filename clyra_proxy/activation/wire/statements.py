"""Statements of SQL APIs, beside what may stop them: their tag, and what the record says of them.

Rule: a tag says the same for the same run, so that an approval of a call stays good for it; a tag that the sender gave
stays; in shadow nothing is changed. The record has the kind of a statement and the query's id at the service, which is
where its effect can be looked up; never the text.
"""

from __future__ import annotations

import re
from typing import Any

from clyra_proxy.activation.model import Batch
from clyra_proxy.activation.profile import UnreadableError
from clyra_proxy.activation.wire.state import ActivationState
from clyra_proxy.evidence.event import SQL
from clyra_proxy.exchange import Exchange
from clyra_proxy.telemetry.redaction import printable
from clyra_proxy.verdict.model import Mode

_LONGEST_TAG = 256
_COMMENTS = re.compile(r"(?:\s++|--[^\n]*+(?:\n|\Z)|/\*(?:[^*]++|\*(?!/))*+\*/|\()*+")
_WORD = re.compile(r"[A-Za-z]{1,16}")
_KINDS = {
    **{word: word for word in ("select", "insert", "update", "delete", "merge", "grant", "copy", "call")},
    **dict.fromkeys(("create", "alter", "drop", "truncate", "undrop", "rename", "comment"), "ddl"),
    **dict.fromkeys(("revoke", "deny"), "grant"),
    **dict.fromkeys(("put", "get", "unload", "export", "load"), "copy"),
    **dict.fromkeys(("execute", "exec", "do", "begin"), "call"),
    **dict.fromkeys(("show", "describe", "desc"), "select"),
}


def tag(exchange: Exchange, state: ActivationState) -> None:
    """Let the statement carry whose it is, if policy wants that and the API has a place for it."""
    tagged = getattr(state.endpoint, "tagged", None)
    batch, body = state.batch, state.body
    if tagged is None or batch is None or body is None or state.mode is not Mode.ENFORCE:
        return
    if not state.compiled.settings.sql.query_tags or exchange.request_rewrite is not None:
        return
    try:
        made = tagged(body, _tag_of(exchange, batch))
    except UnreadableError:
        return
    if made is not None and made != body:
        exchange.request_rewrite = made


def note_statements(exchange: Exchange, state: ActivationState) -> None:
    """Put what the record says of the statements into the exchange."""
    batch = state.batch
    if batch is not None and batch.statements:
        exchange.extensions[SQL] = {"kind": _kind_of(batch), **({"dialect": batch.dialect} if batch.dialect else {})}


def note_query(exchange: Exchange, state: ActivationState) -> None:
    """Add the query's id, as the service answered it."""
    noted: dict[str, Any] | None = exchange.extensions.get(SQL)
    find = getattr(state.endpoint, "query_id", None)
    if noted is not None and find is not None and state.answer is not None and (id_ := find(state.answer)):
        noted["query_id"] = printable(id_)[:128]


def _tag_of(exchange: Exchange, batch: Batch) -> str:
    said = batch.attribution
    words = (("run", said.run), ("sync", said.sync), ("agent", exchange.identity.agent))
    return " ".join(["clyra", *(f"{name}={printable(value)}" for name, value in words if value)])[:_LONGEST_TAG]


def _kind_of(batch: Batch) -> str:
    """The kind of the one statement, by its first word; the judge of statements looks deeper."""
    if len(batch.statements) > 1:
        return "multiple"
    start = _COMMENTS.match(batch.statements[0])
    word = _WORD.match(batch.statements[0], start.end() if start is not None else 0)
    return _KINDS.get(word[0].casefold(), "other") if word is not None else "other"
