"""Names both ends of the ingestion interface use."""

from __future__ import annotations

RECORDS_PATH = "/v0/records"
RECORDS_MEDIA = "application/x-ndjson"
SEAL_PATH = "/v0/seal"
STATUS_PATH = "/v0/status"
ANCHOR_PATH = "/v0/anchor"
CHECKPOINT_PATH = "/v0/checkpoint"
KEYS_PATH = "/v0/keys"
APPROVALS_PATH = "/v0/approvals"
ERASURES_PATH = "/v0/erasures"
SNAPSHOTS_PATH = "/v0/snapshots"
APPROVAL_OPEN_PATH = "/v0/approvals/requests"
APPROVAL_STATES_PATH = "/v0/approvals/states"
APPROVAL_CONSUME_PATH = "/v0/approvals/consume"
APPROVAL_DESK_PATH = "/v0/approvals/desk"
