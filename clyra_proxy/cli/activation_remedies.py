"""What to do about what the activation gateway, approvals and policy engines refuse."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from clyra_proxy.verdict.reasons import Reason

_LIMIT = "Send less, or raise the limit under `data_platform.activation.rows`; the finding names rule, limit and count."
_SQL = "Have a person run it, or allow this statement under `data_platform.activation.sql` if it is maintenance."

ACTIVATION_REMEDIES: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.ROW_REJECTED: "Correct the rows at the positions given; `clyra quarantine list` has what was kept.",
        Reason.ROWS_UNREADABLE: "The finding says why no rows could be told; name the right profile in `activation:` "
        "of the route, or send smaller requests.",
        Reason.ROWS_UNATTRIBUTED: "Give each run its own proxy credentials, or send the header X-Clyra-Run.",
        Reason.ROWS_LIMIT: _LIMIT,
        Reason.ROWS_SHARE: _LIMIT,
        Reason.ROWS_DELETES: "See whether the source lost rows before anything else; `deletes` of the row rule sets "
        "how many may go.",
        Reason.NULL_OVERWRITE: "See whether a column of the source became empty; if it is meant, raise `nulls`.",
        Reason.FIELD_DENIED: "Take the field out of the sync, or allow it under `fields` of the row rule.",
        Reason.DISTRIBUTION_JUMP: "Compare the field with earlier runs at the source; `distribution` sets how much.",
        Reason.TENANT_FENCE: "Find out how rows of another tenant got into this sync before it runs again.",
        Reason.ROWS_VELOCITY: "Come back after the time in Retry-After; `velocity` sets rows a second.",
        Reason.ROWS_DUPLICATE: "Nothing: the first request was carried out, and its answer was given again.",
        Reason.WRITE_WINDOW: "Write inside of the hours that policy names, or ask whoever froze writes.",
        Reason.SQL_MASS_WRITE: "Add a WHERE on the key; a predicate that is always true counts as none.",
        Reason.SQL_DEFINITION: _SQL,
        Reason.SQL_GRANT: _SQL,
        Reason.SQL_TRUNCATE: _SQL,
        Reason.SQL_MULTIPLE: "Send one statement a call.",
        Reason.SQL_EXPORT: _SQL,
        Reason.SQL_OPAQUE: "Write it so that its effect can be read; blocks, calls and dynamic SQL cannot.",
        Reason.SQL_ROWS: "Narrow the statement, or raise the row limit under `data_platform.activation.sql`.",
        Reason.APPROVAL_REQUIRED: "Wait for a person, then send the very same request with the header Clyra-Approval; "
        "`clyra approvals show ID` says who is asked.",
        Reason.APPROVAL_REFUSED: "Do not send it again; ask the person who refused it.",
        Reason.APPROVAL_EXPIRED: "Ask again; nobody decided, or the approval was not used, in time.",
        Reason.APPROVAL_SUPERSEDED: "A newer request of the same sender took its place; follow that one.",
        Reason.APPROVAL_UNREACHABLE: "See whether the recorder answers (`clyra status`); nothing leaves without it.",
        Reason.APPROVAL_INVALID: "Send exactly what was approved: the finding's code says which part differs.",
        Reason.APPROVAL_FORBIDDEN: "Nobody may approve this; change `enforcement.approvals.actions` if that is wrong.",
        Reason.ENGINE_DENIED: "See which policy of the engine said no in the finding's detail.",
        Reason.ENGINE_UNAVAILABLE: "Repair the policy engine; until it answers nothing is released.",
    }
)
