"""RFC 3161: a time stamp authority's word that a checkpoint existed at a time.

A token counts when its status is granted, its imprint is SHA-256 of the checkpoint's text, its signature leads to a
certificate the reader trusts, and the signing certificate was valid at the stated time and made for time stamping
alone. CMS is parsed and its signature checked by `rfc3161-client` and OpenSSL, never by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)
from rfc3161_client.tsp import PKIStatus

MAX_BYTES = 65_536
SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")


class TokenError(ValueError):
    """A token proves nothing. `code` is an S9 code of the verifier."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def make_request(text: bytes) -> TimeStampRequest:
    """A request, with a fresh nonce, over the text of a checkpoint (its note body, no signatures)."""
    return TimestampRequestBuilder(data=text, hash_algorithm=HashAlgorithm.SHA256).build()


def check_token(raw: bytes, text: bytes, trusted: Sequence[bytes], nonce: int | None = None) -> int:
    """The time stated (POSIX seconds) by a response over `text`. Raises TokenError.

    raw: TimeStampResp, DER. trusted: certificates, DER: self-signed roots, and intermediate ones that the token does
    not carry. nonce: of the request, where the asker still knows it.
    """
    try:
        return _check(raw, text, trusted, nonce)
    except TokenError:
        raise
    except Exception as error:  # noqa: BLE001 - two parsers with error trees of their own: unreadable proves nothing
        raise TokenError("E_TSA_SIG", f"a part of the token is malformed: {type(error).__name__}") from None


def imprint_of(raw: bytes) -> bytes:
    """The digest a response is about; nothing is verified. Raises TokenError."""
    try:
        return bytes(_decode(raw).tst_info.message_imprint.message)
    except TokenError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        raise TokenError("E_TSA_SIG", f"not a time stamp response: {type(error).__name__}") from None


def _check(raw: bytes, text: bytes, trusted: Sequence[bytes], nonce: int | None) -> int:
    response = _decode(raw)
    _check_certificate(_signer(response), response)
    _check_signature(response, [_certificate(one) for one in trusted], nonce)
    imprint = response.tst_info.message_imprint
    if imprint.hash_algorithm != SHA256 or imprint.message != sha256(text).digest():
        raise TokenError("E_TSA_IMPRINT", "the token is about something else")
    return int(response.tst_info.gen_time.timestamp())


def _decode(raw: bytes) -> TimeStampResponse:
    if len(raw) > MAX_BYTES:
        raise TokenError("E_TSA_SIG", "the response is too long")
    response = decode_timestamp_response(raw)
    if response.as_bytes() != raw:
        raise TokenError("E_TSA_SIG", "the response is not in DER form")
    if PKIStatus(response.status) is not PKIStatus.GRANTED:
        raise TokenError("E_TSA_SIG", "the authority did not grant a time stamp")
    return response


def _signer(response: TimeStampResponse) -> x509.Certificate:
    """The certificate that the one signature names."""
    infos = list(response.signed_data.signer_infos)
    if len(infos) != 1:
        raise TokenError("E_TSA_SIG", "not exactly one signature")
    for raw in response.signed_data.certificates:
        found = _certificate(raw)
        if (found.issuer, found.serial_number) == (infos[0].issuer, infos[0].serial_number):
            return found
    raise TokenError("E_TSA_SIG", "the signing certificate is not in the token")


def _certificate(raw: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(raw)


def _check_certificate(signer: x509.Certificate, response: TimeStampResponse) -> None:
    at = response.tst_info.gen_time
    if not signer.not_valid_before_utc <= at <= signer.not_valid_after_utc:
        raise TokenError("E_TSA_VALIDITY", "the certificate was not valid at the stated time")
    try:
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except (x509.ExtensionNotFound, ValueError):
        raise TokenError("E_TSA_VALIDITY", "the certificate does not say what it is for") from None
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise TokenError("E_TSA_VALIDITY", "the certificate is not for time stamping alone")


def _check_signature(response: TimeStampResponse, trusted: Sequence[x509.Certificate], nonce: int | None) -> None:
    if not trusted:
        raise TokenError("E_TSA_SIG", "no time stamp authority is trusted")
    try:
        VerifierBuilder(roots=list(trusted), nonce=nonce).build().verify(
            response, response.tst_info.message_imprint.message
        )
    except VerificationError as error:
        raise TokenError("E_TSA_SIG", str(error)[:200]) from None
