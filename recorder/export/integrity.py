"""What a single exported event says about its own integrity, in fields that follow OCSF's `attestation` object.

The fingerprint is the record's leaf hash in the log (RFC 6962), not a hash of the exported event: the log proves the
record, and the event is a rendering of it. The names follow the OCSF 1.9 profile `record_integrity`; there the
fingerprint is over the event itself, so these fields stand where a schema lets foreign ones stand.
"""

from __future__ import annotations

from typing import Any

from recorder.reading import Item, Provenance


def record_integrity(item: Item, provenance: Provenance) -> dict[str, Any]:
    """The record's place in its log, its hash and its predecessor's, and what verifying the evidence said."""
    found: dict[str, Any] = {
        "chain_uid": provenance.origin,
        "uid": f"{provenance.origin}/{item.seq}",
        "sequence": item.seq,
        "fingerprint": {"algorithm": "SHA-256", "algorithm_id": 3, "value": item.leaf.hex()},
        "serialization": "def/0, RFC 6962 leaf",
        "verdict": provenance.verdict,
        "anchored": item.seq < provenance.anchored_end,
    }
    if item.seq:
        found["prev_event"] = {"fingerprint": {"algorithm_id": 3, "value": item.record.get("prev", "")}}
    if provenance.bundle:
        found["bundle"] = provenance.bundle
    if provenance.first:
        found["first"] = provenance.first
    if provenance.forced:
        found["forced"] = True
    return found
