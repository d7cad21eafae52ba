"""Trust files that name witnesses and time stamp authorities, signed by the root key of a test's data folder."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from recorder import canonical, dsse, ed25519, trust
from recorder.cosignature import Vkey
from recorder.layout import Layout


def with_outside(
    layout: Layout, witnesses: Sequence[Vkey], need: int, authorities: Sequence[bytes] = (), **changes: Any
) -> bytes:
    """The folder's trust file, one version newer. changes: members of every witness entry."""
    envelope = dsse.parse(layout.trust.read_bytes(), trust.PAYLOAD_TYPE)
    document = canonical.check(envelope.payload, trust.MAX_BYTES)
    document["version"] += 1
    document["witness"] = {"need": need}
    for key in witnesses:
        entry = {
            "keyid": ed25519.key_id(key.public),
            "alg": "ed25519",
            "pub": key.public.hex(),
            "role": "witness",
            "name": key.name,
            "valid_from_size": 0,
            "state": "active",
        }
        document["keys"].append(entry | changes)
    if authorities:
        document["tsa"] = [
            {"name": f"tsa-{number}", "certificate": base64.b64encode(raw).decode()}
            for number, raw in enumerate(authorities)
        ]
    root = layout.keys.signing_key("root")
    return dsse.sign(canonical.encode(document, trust.MAX_BYTES), trust.PAYLOAD_TYPE, [root])
