"""The rules of the activation gateway, as rows of the rule catalogue (`clyra_proxy.verdict.rules`).

Rows are judged one by one: a rule of the family `rows` may reject single rows (the rest goes on) or stop the request.
Statuses follow what senders do: 403 and 422 end a sync at once, 429 makes it come back later, and a 5xx would start a
retry storm, so that none of these rules answers with one.
"""

from __future__ import annotations

from clyra_proxy.verdict.model import Action, Severity
from clyra_proxy.verdict.reasons import Reason

_BLOCK, _MARK, _APPROVE = Action.BLOCK, Action.MARK, Action.APPROVE
_LOW, _MEDIUM, _HIGH, _CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL

ROWS: tuple[tuple[str, Reason, Action, Severity, str], ...] = (
    ("rows.invalid", Reason.ROW_REJECTED, _BLOCK, _MEDIUM, "A row does not satisfy the row schema of its destination."),
    ("rows.unreadable", Reason.ROWS_UNREADABLE, _BLOCK, _HIGH, "A write whose rows cannot be found or are too many."),
    ("rows.unattributed", Reason.ROWS_UNATTRIBUTED, _MARK, _LOW, "Nobody knows which sync or run sent these rows."),
    ("rows.limit", Reason.ROWS_LIMIT, _BLOCK, _HIGH, "More rows than one request, run or window of time may write."),
    ("rows.share", Reason.ROWS_SHARE, _BLOCK, _HIGH, "A larger part of the table than one run may touch."),
    ("rows.deletes", Reason.ROWS_DELETES, _BLOCK, _CRITICAL, "Deletes that are not allowed, or too many of them."),
    ("rows.null_overwrite", Reason.NULL_OVERWRITE, _BLOCK, _HIGH, "Values are overwritten with nothing, too often."),
    ("rows.field", Reason.FIELD_DENIED, _BLOCK, _HIGH, "A field that may not be written there."),
    ("rows.distribution", Reason.DISTRIBUTION_JUMP, _BLOCK, _HIGH, "Values are spread unlike those of earlier runs."),
    ("rows.tenant", Reason.TENANT_FENCE, _BLOCK, _CRITICAL, "A row of one tenant on its way to another tenant."),
    ("rows.velocity", Reason.ROWS_VELOCITY, _BLOCK, _MEDIUM, "Rows come faster than the token bucket allows."),
    ("rows.duplicate", Reason.ROWS_DUPLICATE, _BLOCK, _LOW, "The same write again; answered from the stored outcome."),
    ("rows.window", Reason.WRITE_WINDOW, _BLOCK, _MEDIUM, "Outside of the hours of writing, or inside of a freeze."),
    ("sql.mass_write", Reason.SQL_MASS_WRITE, _BLOCK, _CRITICAL, "UPDATE or DELETE that no key predicate limits."),
    ("sql.definition", Reason.SQL_DEFINITION, _BLOCK, _CRITICAL, "CREATE, ALTER or DROP (data definition)."),
    ("sql.grant", Reason.SQL_GRANT, _BLOCK, _CRITICAL, "GRANT, REVOKE, and what else changes who may do what."),
    ("sql.truncate", Reason.SQL_TRUNCATE, _BLOCK, _CRITICAL, "A table is emptied."),
    ("sql.multiple", Reason.SQL_MULTIPLE, _BLOCK, _HIGH, "More than one statement in one call."),
    ("sql.export", Reason.SQL_EXPORT, _BLOCK, _CRITICAL, "COPY, UNLOAD or a stage: data leaves or enters by the side."),
    ("sql.opaque", Reason.SQL_OPAQUE, _BLOCK, _HIGH, "A statement whose effect cannot be told from its text."),
    ("sql.rows", Reason.SQL_ROWS, _BLOCK, _HIGH, "The statement is estimated to touch more rows than allowed."),
    ("approval.required", Reason.APPROVAL_REQUIRED, _APPROVE, _HIGH, "The action needs a person's approval."),
    ("approval.refused", Reason.APPROVAL_REFUSED, _BLOCK, _HIGH, "A person refused this very payload."),
    ("approval.expired", Reason.APPROVAL_EXPIRED, _BLOCK, _MEDIUM, "Nobody decided in time."),
    ("approval.superseded", Reason.APPROVAL_SUPERSEDED, _BLOCK, _MEDIUM, "A newer request took this one's place."),
    ("approval.unreachable", Reason.APPROVAL_UNREACHABLE, _BLOCK, _HIGH, "Approvals could not be asked for."),
    ("approval.invalid", Reason.APPROVAL_INVALID, _BLOCK, _CRITICAL, "An approval token that does not fit the call."),
    ("approval.forbidden", Reason.APPROVAL_FORBIDDEN, _BLOCK, _CRITICAL, "Policy lets nobody approve this action."),
    ("engine.denied", Reason.ENGINE_DENIED, _BLOCK, _HIGH, "The policy engine or authorisation source said no."),
    ("engine.unavailable", Reason.ENGINE_UNAVAILABLE, _BLOCK, _HIGH, "The policy engine gave no usable answer."),
)
