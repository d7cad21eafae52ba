"""How the desk says no: one code for each reason, the verifier's own where it has one."""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = "E_APPROVAL_MISSING"
REUSED: Final = "E_APPROVAL_REUSED"
PAYLOAD: Final = "E_APPROVAL_PAYLOAD"
ACTION: Final = "E_APPROVAL_ACTION"
HEADERS: Final = "E_APPROVAL_HEADERS"
NONCE: Final = "E_APPROVAL_NONCE"
EXPIRED: Final = "E_APPROVAL_EXPIRED"
NOT_YET: Final = "E_APPROVAL_NOT_YET"
APPROVER: Final = "E_APPROVAL_APPROVER"
AUDIENCE: Final = "E_APPROVAL_AUDIENCE"
TENANT: Final = "E_APPROVAL_TENANT"
REQUESTER: Final = "E_APPROVAL_REQUESTER"
POLICY: Final = "E_APPROVAL_POLICY"
QUORUM: Final = "E_APPROVAL_QUORUM"
SOD: Final = "E_APPROVAL_SOD"
MFA: Final = "E_APPROVAL_MFA"
BINDING: Final = "E_APPROVAL_BINDING"
SIGNATURE: Final = "E_APPROVAL_SIG"
STATE: Final = "E_APPROVAL_STATE"

MEANINGS: Final = {
    UNKNOWN: "No such approval.",
    REUSED: "It was used up before.",
    PAYLOAD: "Another payload was approved.",
    ACTION: "Another action was approved: method, host, path, query or tool.",
    HEADERS: "A header that matters, or the account of the credentials, is another one.",
    NONCE: "The token, or the answer to a challenge, is not the one for this approval.",
    EXPIRED: "Its time is over.",
    NOT_YET: "It is not granted.",
    APPROVER: "Whoever approved may not, or no longer.",
    AUDIENCE: "It was given for another deployment.",
    TENANT: "It was given for another tenant.",
    REQUESTER: "It was given to another agent.",
    POLICY: "Another policy is in force than the one it was given under.",
    QUORUM: "Not enough different people approved.",
    SOD: "Who asked, or who deployed, may not approve.",
    MFA: "No second factor was shown.",
    BINDING: "The proof does not hold.",
    SIGNATURE: "Its certificate is not sound.",
    STATE: "It is not waiting any more.",
}


class Refusal(Exception):  # noqa: N818 - an answer to a caller, not a fault
    """No. code: a key of `MEANINGS`; detail: for a person, never content."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail or MEANINGS[code]


class Unavailable(Exception):  # noqa: N818
    """It cannot be done now, and nothing was done."""
