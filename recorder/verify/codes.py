"""The closed list of what a verifier can say, with the stage that says it and its meaning in words.

Prefixes: E_ rejected, I_ indeterminate (something needed is missing), P_ prefix (sound, but the end is not proven or
not anchored), W_ warning. A code never changes its meaning.
"""

from __future__ import annotations

from typing import Final

STAGES: Final = (
    "S0 container",
    "S1 trust",
    "S2 statement",
    "S3 checkpoint",
    "S4 tree",
    "S5 record bytes",
    "S6 record meaning",
    "S7 keys over time",
    "S8 approvals and disclosure",
    "S9 outside world",
)

CODES: Final[dict[str, tuple[int, str]]] = {
    "E_ARCHIVE_FORMAT": (0, "The container is damaged or not in the strict form."),
    "E_ARCHIVE_NAME": (0, "A member has a name that is not allowed."),
    "E_ARCHIVE_DUP": (0, "Two members have the same name."),
    "E_ARCHIVE_TYPE": (0, "A member is not a plain file, or is packed by a method that is not allowed."),
    "E_ARCHIVE_LIMIT": (0, "A member or the container is larger than allowed."),
    "E_MEMBER_UNLISTED": (0, "The container holds a member that the statement does not cover."),
    "E_MEMBER_MISSING": (0, "A member that is needed is not there."),
    "E_TRUST_SIG": (1, "The trust file is malformed, too old, or a signature on it is wrong."),
    "E_TRUST_THRESHOLD": (1, "Too few root keys have signed the trust file."),
    "E_TRUST_EXPIRED": (1, "The trust file was not meant for a log of this length; a newer one is needed."),
    "E_KEY_WEAK": (1, "The trust file holds a public key that must not be trusted."),
    "E_KEY_DUP": (1, "The trust file lists one key twice."),
    "E_KEY_ALG": (1, "The trust file holds a key of an algorithm that is not allowed for its role."),
    "I_TRUST_MISSING": (1, "No trust file was given, so no signature could be checked."),
    "E_DSSE_FORMAT": (2, "A signed envelope is malformed."),
    "E_DSSE_TYPE": (2, "A signed envelope is of another type."),
    "E_DSSE_SIG": (2, "A statement is not signed by a key that is trusted for it."),
    "E_STMT_TYPE": (2, "A statement is not an in-toto Statement v1."),
    "E_STMT_PREDICATE": (2, "A statement's predicate is malformed, contradicts itself, or is of another kind."),
    "E_MEMBER_DIGEST": (
        2,
        "A member's bytes are not those the statement signs, or an attestation is of other evidence.",
    ),
    "I_VERSION": (2, "The bundle is of a version this verifier does not know."),
    "E_CKPT_FORMAT": (3, "A checkpoint is malformed."),
    "E_CKPT_ORIGIN": (3, "A checkpoint is of another log."),
    "E_CKPT_SIG": (3, "A checkpoint is not signed by a trusted log key."),
    "E_CKPT_EXT": (3, "A checkpoint has extension lines, which this format does not use."),
    "E_CKPT_SIZE": (3, "A checkpoint's size or root is not the one in the statement."),
    "E_KEY_NOT_VALID_AT_SIZE": (3, "A key was used outside the range of tree sizes it is trusted for."),
    "E_KEY_COMPROMISED": (3, "A key was used after it was compromised."),
    "E_FRONTIER": (4, "The tree state before the window does not lead to the start root."),
    "E_TREE_SIZE": (4, "The number of records is not the one in the statement."),
    "E_ROOT": (4, "The records do not lead to the signed root: at least one of them is not the original."),
    "E_CONSISTENCY": (4, "The proof does not show that this history continues the one seen before."),
    "E_PROOF_FORMAT": (4, "A proof is malformed."),
    "E_UTF8": (5, "A record is not UTF-8."),
    "E_CANON": (5, "A record is not in canonical form."),
    "E_NUM": (5, "A record has a number that is not an integer in range."),
    "E_KEYNAME": (5, "A record has a field name that is not allowed."),
    "E_DEPTH": (5, "A record is nested too deep."),
    "E_SIZE": (5, "A record is too long."),
    "E_DUP_KEY": (5, "A record has the same field twice."),
    "E_SCHEMA": (6, "A record does not satisfy the schema of its type."),
    "E_ORIGIN": (6, "A record is of another log."),
    "E_SEQ": (6, "A record's number is not its place in the log."),
    "E_PREV": (6, "The hash chain is broken: a record does not name the hash of the one before it."),
    "E_TS_ROLLBACK": (6, "Time goes back without a declared clock step."),
    "E_TS_FUTURE": (6, "A record says it is younger than the moment at which somebody outside had already seen it."),
    "E_MONO": (6, "The monotonic clock does not increase."),
    "E_SRC_GAP": (6, "A source's own counter jumps without a declared gap."),
    "E_AGGREGATE": (6, "Counts, sources or times in the statement are not those of the records."),
    "W_TYPE_UNKNOWN": (6, "A record type this verifier does not know: only its bytes and place were checked."),
    "W_GAP_DECLARED": (6, "The recorder declares that events of a source are missing."),
    "W_CLOCK_STEP": (6, "The recorder's clock was set; the step is declared."),
    "E_ROTATION_UNENDORSED": (7, "A key was brought into use that nobody entitled vouches for."),
    "E_ROTATION_POP": (7, "A key was brought into use without proof that its owner has it."),
    "E_DELEGATION_RANGE": (7, "A delegated key has too wide a range, the wrong giver, or was used outside its range."),
    "E_APPROVAL_MISSING": (8, "An approval was used whose certificate or use record is not there."),
    "E_APPROVAL_AMBIGUOUS": (8, "Two different certificates carry the id of one approval."),
    "E_APPROVAL_SIG": (8, "An approval certificate is malformed or not signed by a trusted seal key."),
    "E_APPROVAL_REUSED": (8, "An approval that may be used once was used again."),
    "E_APPROVAL_APPROVER": (8, "The key that approved does not belong to the person named."),
    "E_APPROVAL_SOD": (8, "Requester and approver are the same person."),
    "E_APPROVAL_PAYLOAD": (8, "What was done is not the payload that was approved."),
    "E_APPROVAL_ACTION": (8, "What was done is not the action that was approved."),
    "E_APPROVAL_NOT_YET": (8, "An approval was used before it was given."),
    "E_APPROVAL_EXPIRED": (8, "An approval was used after it had expired."),
    "E_APPROVAL_POLICY": (8, "An approval was given under another policy, or it was a denial."),
    "E_APPROVAL_NONCE": (8, "The approver's own proof is for another challenge."),
    "E_APPROVAL_BINDING": (8, "The approver's own proof is missing or wrong."),
    "E_APPROVAL_MFA": (8, "The approver's proof does not show the strength that is claimed."),
    "E_APPROVAL_QUORUM": (8, "Fewer people approved than the rule asks for."),
    "E_DISCLOSURE_DIGEST": (8, "A disclosed field is not one that a record commits to."),
    "E_COMMITMENT": (8, "A disclosed body is not the one a record commits to."),
    "W_ERASED": (8, "Data of a person were erased; the records and their proof are intact."),
    "W_PAYLOAD_RAW": (8, "An approval covers the exact bytes of a payload that has no canonical form."),
    "W_APPROVAL_OPERATOR_ASSERTED": (8, "An approval rests on the operator's word alone."),
    "W_APPROVAL_GLOBAL_UNCHECKED": (8, "That an approval was not used before this window is not shown."),
    "E_WITNESS_SIG": (9, "A known witness's signature is wrong."),
    "E_WITNESS_QUORUM": (9, "Too few witnesses have signed any state of the log in this window."),
    "E_TSA_SIG": (9, "A time stamp is malformed or not by a trusted authority."),
    "E_TSA_IMPRINT": (9, "A time stamp is of something else."),
    "E_TSA_VALIDITY": (9, "A time stamp's certificate was not valid, or not for time stamps."),
    "E_ANCHOR_MISMATCH": (9, "An outside anchor is not of this log, is malformed, or shows another root."),
    "E_SPLIT_VIEW": (9, "Something outside, signed by the log, shows another history of it."),
    "E_ROLLBACK": (9, "The log was already longer than this bundle says."),
    "E_BUNDLE_GAP": (9, "Records between what was seen before and this bundle are missing."),
    "P_END_UNPROVEN": (9, "No checkpoint of the log's key proves the end."),
    "P_TAIL_UNANCHORED": (9, "Nothing outside the bundle confirms its end."),
    "W_WITNESS_SAME_ADMIN": (9, "The witnesses that signed are run by the log's own operator."),
    "W_ANCHOR_OVERDUE": (9, "The log went without an outside anchor for longer than it promises."),
    "I_PROFILE": (9, "The bundle or the caller asks for a profile this verifier does not have."),
}


def stage_of(code: str) -> int:
    """The stage that a code belongs to."""
    return CODES[code][0]


def meaning_of(code: str) -> str:
    """What a code means, in a sentence."""
    return CODES[code][1]
