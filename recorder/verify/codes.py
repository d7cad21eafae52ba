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
    "S8 approvals",
    "S9 outside world",
)

CODES: Final[dict[str, tuple[int, str]]] = {
    "E_ARCHIVE_FORMAT": (0, "The container is damaged or not in the strict form."),
    "E_ARCHIVE_NAME": (0, "A member has a name that is not allowed."),
    "E_ARCHIVE_DUP": (0, "Two members have the same name."),
    "E_ARCHIVE_TYPE": (0, "A member is not a plain file, or is packed by a method that is not allowed."),
    "E_ARCHIVE_LIMIT": (0, "A member or the container is larger than allowed."),
    "E_MEMBER_UNLISTED": (0, "The container holds a member that the statement does not cover."),
    "E_MEMBER_MISSING": (0, "A member that the statement needs is not there."),
    "E_TRUST_SIG": (1, "The trust file is malformed, or a signature on it is wrong."),
    "E_TRUST_THRESHOLD": (1, "Too few root keys have signed the trust file."),
    "E_KEY_WEAK": (1, "The trust file holds a public key that must not be trusted."),
    "E_KEY_DUP": (1, "The trust file lists one key twice."),
    "E_KEY_ALG": (1, "The trust file holds a key of an algorithm this verifier does not know."),
    "I_TRUST_MISSING": (1, "No trust file was given, so no signature could be checked."),
    "E_DSSE_FORMAT": (2, "The statement's envelope is malformed."),
    "E_DSSE_TYPE": (2, "The statement's envelope is of another type."),
    "E_DSSE_SIG": (2, "The statement is not signed by a trusted seal key."),
    "E_STMT_TYPE": (2, "The statement is not an in-toto Statement v1."),
    "E_STMT_PREDICATE": (2, "The statement's predicate is malformed or contradicts itself."),
    "E_MEMBER_DIGEST": (2, "A member's bytes are not those the statement signs."),
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
    "E_ROOT": (4, "The records do not lead to the signed end root: at least one of them is not the original."),
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
    "E_MONO": (6, "The monotonic clock does not increase."),
    "E_SRC_GAP": (6, "A source's own counter jumps without a declared gap."),
    "E_AGGREGATE": (6, "Counts, sources or times in the statement are not those of the records."),
    "W_TYPE_UNKNOWN": (6, "A record type this verifier does not know: only its bytes and place were checked."),
    "W_GAP_DECLARED": (6, "The recorder declares that events of a source are missing."),
    "W_CLOCK_STEP": (6, "The recorder's clock was set; the step is declared."),
    "E_ROTATION_UNENDORSED": (7, "A key was brought into use that the trust file does not know."),
    "E_SPLIT_VIEW": (9, "An outside checkpoint shows another history of the same log."),
    "E_ANCHOR_MISMATCH": (9, "The outside checkpoint given is not a checkpoint of this log."),
    "P_TAIL_UNANCHORED": (9, "Nothing outside the bundle confirms its end."),
}


def stage_of(code: str) -> int:
    return CODES[code][0]


def meaning_of(code: str) -> str:
    return CODES[code][1]
