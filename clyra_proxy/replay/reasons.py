"""The closed lists of replay: why an exchange cannot be judged again, and what a certificate can say or fail with."""

from __future__ import annotations

from enum import StrEnum


class NotReplayable(StrEnum):
    """Why a record does not hold what a decision would need. The value is the wire form."""

    NO_OUTCOME = "no_outcome"  # the end of the exchange is not in these records, or nobody knows it
    CIRCUMSTANCE = "circumstance"  # decided by the moment: a check failed, the recorder was away, a halt, a shutdown
    RULE_UNKNOWN = "rule_unknown"  # a finding is of a rule that this version does not have
    SELF_TEST = "self_test"  # the proxy's own start-up test, judged by a route that no policy has
    FINDINGS_CUT = "findings_cut"  # there were more findings than a record holds
    TARGET_MASKED = "target_masked"  # the path was masked or cut, and the destination's rules look at paths
    CONTENT_TYPE_UNKNOWN = "content_type_unknown"  # the content type is not recorded, and rules look at it
    RECORDED_POLICY_UNKNOWN = "recorded_policy_unknown"  # whether a rule was on then cannot be told without that policy
    RULE_WAS_OFF = "rule_was_off"  # the rule is on now and was off then, so it found nothing because nobody looked
    IDENTITY_CHANGED = "identity_changed"  # credentials are not recorded, and callers would be told apart otherwise
    TRUST_CHANGED = (
        "trust_changed"  # the upstream's certificate is not recorded, and other authorities would be trusted
    )
    ADDRESS_UNKNOWN = "address_unknown"  # which addresses the name led to is not recorded
    REFUSED_THEN = "refused_then"  # it was refused then and would go on now; what comes after was never seen
    EXCHANGE_FAILED = "exchange_failed"  # the transport failed half way, so bodies are not whole
    BODY_NOT_DISCLOSED = "body_not_disclosed"  # a check wants to see a body, and only its commitment is recorded
    BODY_INCOMPLETE = "body_incomplete"  # the body was cut off when it was refused, and passes now as far as it goes
    CODING_UNKNOWN = "coding_unknown"  # the content coding of the body is not recorded
    MESSAGES_NOT_RECORDED = "messages_not_recorded"  # WebSocket messages are not recorded one by one


class Unreplayable(Exception):  # noqa: N818 - it is an answer about a record, not a fault
    """The record does not hold what a decision would need."""

    def __init__(self, why: NotReplayable) -> None:
        super().__init__(why.value)
        self.why = why


class Code(StrEnum):
    """What a replay or the check of its certificate can say."""

    R_DIFFERENCE = "R_DIFFERENCE"  # at least one exchange is decided otherwise
    R_NOT_REPLAYABLE = "R_NOT_REPLAYABLE"  # at least one exchange cannot be judged again
    R_EVIDENCE = "R_EVIDENCE"  # the bundle does not verify
    R_FORMAT = "R_FORMAT"  # the certificate is malformed
    R_TYPE = "R_TYPE"  # it is a statement of another type
    R_SIG = "R_SIG"  # no trusted seal or auditor key has signed it
    R_BUNDLE = "R_BUNDLE"  # it is about another bundle
    R_POLICY = "R_POLICY"  # it is about another policy
    R_ENGINE = "R_ENGINE"  # it was made by another version, which may judge otherwise
    R_RESULT = "R_RESULT"  # judging again gives another result than the certificate says
