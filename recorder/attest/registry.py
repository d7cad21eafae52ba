"""The closed set of tests that a control mapping can choose from, by the names it uses for them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from recorder.attest import approving, completeness, decisions, stopping, voice
from recorder.attest.test import RecordTest

TESTS: Mapping[str, type[RecordTest]] = MappingProxyType(
    {
        "evidence_verified": completeness.EvidenceVerified,
        "end_anchored": completeness.EndAnchored,
        "writes_recorded_ahead": completeness.WritesRecordedAhead,
        "nothing_lost": completeness.NothingLost,
        "clock_steady": completeness.ClockSteady,
        "traces_complete": completeness.TracesComplete,
        "bodies_committed": completeness.BodiesCommitted,
        "retention_set": completeness.RetentionSet,
        "callers_identified": decisions.CallersIdentified,
        "policy_enforced": decisions.PolicyEnforced,
        "nothing_withheld_passed": decisions.NothingWithheldPassed,
        "no_error_passed": decisions.NoErrorPassed,
        "destinations_known": decisions.DestinationsKnown,
        "transport_encrypted": decisions.TransportEncrypted,
        "sensitive_data_guarded": decisions.SensitiveDataGuarded,
        "denies_with_reason": decisions.DeniesWrongdoing,
        "models_named": decisions.ModelsNamed,
        "changes_approved": approving.ChangesApproved,
        "duties_segregated": approving.DutiesSegregated,
        "approvals_strong": approving.ApprovalsStrong,
        "requests_answered": approving.RequestsAnswered,
        "people_decide": approving.PeopleDecide,
        "halt_tested": stopping.HaltTested,
        "halt_held": stopping.HaltHeld,
        "bypasses_bounded": stopping.BypassesBounded,
        "contradictions_settled": stopping.ContradictionsSettled,
        "disclosure_shown": voice.DisclosureShown,
        "consent_kept": voice.ConsentKept,
        "written_consent_kept": voice.WrittenConsentKept,
        "do_not_call_kept": voice.DoNotCallKept,
        "recording_announced": voice.RecordingAnnounced,
        "caller_attested": voice.CallerAttested,
        "calling_hours_kept": voice.CallingHoursKept,
        "revocation_kept": voice.RevocationKept,
    }
)


def make(name: str, parameters: Mapping[str, Any]) -> RecordTest:
    """A fresh test with its limits, which were validated when the mapping was read."""
    kind = TESTS[name]
    if not kind.parameters.model_fields:
        return kind()
    made: Any = kind
    test: RecordTest = made(limits=kind.parameters.model_validate(parameters))
    return test
