"""Time stamps as RFC 3161 has them, made byte for byte the same each time: a root, a signer, and tokens by it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from hashlib import sha256

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vectors.generator.keys import P256Key, p256

BEGIN, END = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), datetime.datetime(2046, 1, 1, tzinfo=datetime.UTC)
WHEN = datetime.datetime(2026, 9, 21, 14, 14, 20, tzinfo=datetime.UTC)
POLICY = "1.2.3.4.1"


@dataclass(frozen=True)
class Authority:
    """root, signer: certificates, DER. key: of the signer."""

    root: bytes
    signer: bytes
    key: P256Key

    def stamp(
        self,
        text: bytes,
        *,
        at: datetime.datetime = WHEN,
        imprint: bytes | None = None,
        algorithm: str = "sha256",
        status: str = "granted",
        signed_by: P256Key | None = None,
        with_certificate: bool = True,
    ) -> bytes:
        """A TimeStampResp over `text`, DER."""
        certificate = asn1_x509.Certificate.load(self.signer)
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": POLICY,
                "message_imprint": {
                    "hash_algorithm": {"algorithm": algorithm},
                    "hashed_message": sha256(text).digest() if imprint is None else imprint,
                },
                "serial_number": 7,
                "gen_time": at,
            }
        ).dump()
        issued = {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "message_digest", "values": [sha256(info).digest()]},
                {
                    "type": "signing_certificate_v2",
                    "values": [{"certs": [{"cert_hash": sha256(self.signer).digest()}]}],
                },
            ]
        )
        signature = (signed_by or self.key).sign(attributes.dump())
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier("issuer_and_serial_number", cms.IssuerAndSerialNumber(issued)),
                "digest_algorithm": {"algorithm": "sha256"},
                "signed_attrs": attributes,
                "signature_algorithm": {"algorithm": "sha256_ecdsa"},
                "signature": signature,
            }
        )
        content = cms.SignedData(
            {
                "version": "v3",
                "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
                "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(info)},
                "certificates": [certificate] if with_certificate else [],
                "signer_infos": [signer],
            }
        )
        token = {"content_type": "signed_data", "content": content}
        return tsp.TimeStampResp({"status": {"status": status}, "time_stamp_token": token}).dump()


def authority(
    label: str = "tsa",
    usage: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.TIME_STAMPING,),
    *,
    critical: bool = True,
    end: datetime.datetime = END,
) -> Authority:
    """An authority of a label; usage: what its certificate says it is for."""
    root_key, key = p256(f"{label}/root"), p256(f"{label}/signer")
    root_name, name = _name(f"{label} root"), _name(f"{label} signer")
    root = _builder(root_name, root_name, root_key, 1, END).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    signer = _builder(root_name, name, key, 2, end).add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    if usage:
        signer = signer.add_extension(x509.ExtendedKeyUsage(usage), critical=critical)
    return Authority(_sign(root, root_key), _sign(signer, root_key), key)


def _builder(
    issuer: x509.Name, subject: x509.Name, key: P256Key, serial: int, end: datetime.datetime
) -> x509.CertificateBuilder:
    public = key.private.public_key()
    builder = x509.CertificateBuilder().issuer_name(issuer).subject_name(subject).public_key(public)
    return builder.serial_number(serial).not_valid_before(BEGIN).not_valid_after(end)


def _sign(builder: x509.CertificateBuilder, key: P256Key) -> bytes:
    made = builder.sign(key.private, hashes.SHA256(), ecdsa_deterministic=True)
    return made.public_bytes(serialization.Encoding.DER)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
