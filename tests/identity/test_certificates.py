"""A client certificate counts only when its chain verifies for client authentication."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from clyra_proxy.errors import PolicyError
from clyra_proxy.identity.certificates import CertificateRejectedError, ClientAuthorities

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Issuer:
    """An authority that signs what it is asked to."""

    def __init__(self, common: str, parent: Issuer | None = None, *, may_sign: bool = True) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = named(common)
        signer = parent or self
        builder = base(self.name, signer.name, self.key.public_key(), days=365)
        builder = builder.add_extension(x509.BasicConstraints(ca=may_sign, path_length=None), critical=True)
        builder = builder.add_extension(usage(sign=may_sign), critical=True)
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False
        )
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False
        )
        self.certificate = builder.sign(signer.key, hashes.SHA256())

    def leaf(
        self,
        common: str = "crm-agent",
        names: Sequence[x509.GeneralName] | None = (x509.DNSName("crm-agent.example"),),
        purpose: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.CLIENT_AUTH,
        start: timedelta = timedelta(days=-1),
    ) -> x509.Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = base(named(common), self.name, key.public_key(), days=30, start=start)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
        )
        if names is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
        if purpose is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        return builder.sign(self.key, hashes.SHA256())


def base(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    *,
    days: int,
    start: timedelta = timedelta(-1),
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + start)
        .not_valid_after(NOW + start + timedelta(days=days))
    )


def usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(not sign, False, False, False, False, sign, sign, False, False)


@pytest.fixture(scope="module")
def root() -> Issuer:
    return Issuer("Agents authority")


@pytest.fixture(scope="module")
def authorities(root: Issuer, tmp_path_factory: pytest.TempPathFactory) -> ClientAuthorities:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    file.write_bytes(root.certificate.public_bytes(Encoding.PEM))
    return ClientAuthorities.load(file)


def test_a_certificate_of_the_authority_is_accepted(root: Issuer, authorities: ClientAuthorities) -> None:
    leaf = root.leaf()
    identity = authorities.verify([leaf], NOW)
    assert (identity.agent, identity.auth) == ("crm-agent.example", "mtls")
    assert dict(identity.detail)["certificate_sha256"] == leaf.fingerprint(hashes.SHA256()).hex()


def test_an_intermediate_may_come_along(root: Issuer, authorities: ClientAuthorities) -> None:
    between = Issuer("Department", root)
    leaf = between.leaf()
    assert authorities.verify([leaf, between.certificate], NOW).agent == "crm-agent.example"
    with pytest.raises(CertificateRejectedError):
        authorities.verify([leaf], NOW)


@pytest.mark.parametrize(
    ("names", "agent"),
    [
        ([x509.DNSName("a.example"), x509.UniformResourceIdentifier("spiffe://td/ns/x/sa/y")], "spiffe://td/ns/x/sa/y"),
        ([x509.RFC822Name("a@b.example"), x509.DNSName("a.example")], "a.example"),
        ([x509.RFC822Name("a@b.example")], "a@b.example"),
        (None, "crm-agent"),
    ],
)
def test_the_name_comes_from_the_certificate(
    root: Issuer, authorities: ClientAuthorities, names: Sequence[x509.GeneralName] | None, agent: str
) -> None:
    assert authorities.verify([root.leaf(names=names)], NOW).agent == agent


def rejected(root: Issuer) -> dict[str, list[x509.Certificate]]:
    rogue, impostor = Issuer("Rogue"), Issuer("Agents authority")
    clerk = Issuer("Clerk", root, may_sign=False)
    return {
        "nothing": [],
        "another authority": [rogue.leaf()],
        "another authority with its root along": [rogue.leaf(), rogue.certificate],
        "an authority of the same name": [impostor.leaf(), impostor.certificate],
        "signed by one who may not sign": [clerk.leaf(), clerk.certificate],
        "for servers only": [root.leaf(purpose=ExtendedKeyUsageOID.SERVER_AUTH)],
        "expired": [root.leaf(start=timedelta(days=-60))],
        "not yet valid": [root.leaf(start=timedelta(days=1))],
        "unprintable name": [root.leaf(common="\x07bell", names=None)],
    }


def test_what_is_rejected(root: Issuer, authorities: ClientAuthorities) -> None:
    for why, chain in rejected(root).items():
        with pytest.raises(CertificateRejectedError):
            pytest.fail(f"accepted: {why}: {authorities.verify(chain, NOW)}")


def test_a_self_signed_rogue_is_rejected(authorities: ClientAuthorities) -> None:
    with pytest.raises(CertificateRejectedError):
        authorities.verify([Issuer("crm-agent").certificate], NOW)


def test_an_authority_file_that_cannot_be_used_is_a_policy_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot read"):
        ClientAuthorities.load(tmp_path / "none.pem")
    (tmp_path / "empty.pem").write_text("not a certificate")
    with pytest.raises(PolicyError, match="holds no PEM certificate"):
        ClientAuthorities.load(tmp_path / "empty.pem")
