"""Trust files of the vectors: the product's own form, and any change of it, signed again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from recorder import canonical, dsse, trust
from recorder.keys import SigningKey
from vectors.generator.keys import RsaKey, key
from vectors.generator.log import Log


def document(log: Log, roots: Sequence[SigningKey] = (), **changes: Any) -> dict[str, Any]:
    """The content of a trust file of `log`; None takes a member out."""
    raw = trust.make(log.origin, log.log_key, log.seal_key, list(roots) or [key("root")])
    made: dict[str, Any] = orjson.loads(dsse.parse(raw, trust.PAYLOAD_TYPE).payload)
    made.update(changes)
    return {name: value for name, value in made.items() if value is not None}


def signed(content: Any, roots: Sequence[SigningKey] = ()) -> bytes:
    """A trust file of any content, canonical or not."""
    body = content if isinstance(content, bytes) else canonical.encode(content, trust.MAX_BYTES)
    return dsse.sign(body, trust.PAYLOAD_TYPE, list(roots) or [key("root")])


def listed(one: SigningKey | RsaKey, role: str, **fields: Any) -> dict[str, Any]:
    """An entry for a key."""
    entry = {"keyid": one.key_id, "alg": one.algorithm, "pub": one.public.hex(), "role": role, "state": "active"}
    return {**entry, "valid_from_size": 0, **fields}


def trusting(log: Log, *keys: dict[str, Any], **changes: Any) -> bytes:
    """The log's trust file with further keys."""
    made = document(log, **changes)
    made["keys"] += keys
    return signed(made)


def changed(log: Log, change: Callable[[dict[str, Any]], None]) -> bytes:
    made = document(log)
    change(made)
    return signed(made)


def limited(log: Log, role: str, **fields: Any) -> bytes:
    """The log's trust file with other fields for its key of a role."""

    def limit(made: dict[str, Any]) -> None:
        next(one for one in made["keys"] if one["role"] == role).update(fields)

    return changed(log, limit)
