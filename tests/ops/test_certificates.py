"""The certificate authority: accepted by strict verifiers, refused with a clear message when it cannot be used."""

from __future__ import annotations

import asyncio
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from mitmproxy.certs import CertStore

from clyra_proxy.engine import certificates
from clyra_proxy.errors import StartupError
from clyra_proxy.home import Home

RECIPES = Path(__file__).resolve().parents[2] / "certs"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").create()
    certificates.create_ca(home)
    return home


def leaf_of(home: Home, folder: Path, name: str = "api.example.test") -> Path:
    """Key and certificate that the engine's own store signs for `name`."""
    store = CertStore.from_store(home.ca, "mitmproxy", 2048)
    entry = store.get_cert(name, [x509.DNSName(name)])
    key = entry.privatekey.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "leaf.pem"
    path.write_bytes(key + b"".join(c.to_pem() for c in (entry.cert, *entry.chain_certs)))
    return path


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    await writer.drain()
    writer.close()


async def handshake(home: Home, leaf: Path, *, trust: Path) -> str:
    """One strict TLS handshake with a certificate our authority signed; the protocol version on success."""
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(leaf)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server_context)
    port = server.sockets[0].getsockname()[1]
    context = ssl.create_default_context(cafile=str(trust))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="api.example.test")
        version = writer.get_extra_info("ssl_object").version()
        writer.close()
        return str(version)
    finally:
        server.close()


@pytest.mark.parametrize("trust", ["ca_certificate", "ca_bundle"])
async def test_strict_verification_accepts_what_the_authority_signs(home: Home, tmp_path: Path, trust: str) -> None:
    assert await handshake(home, leaf_of(home, tmp_path), trust=getattr(home, trust)) == "TLSv1.3"


async def test_a_stranger_to_the_authority_refuses_it(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other").create()
    certificates.create_ca(other)
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(home, leaf_of(home, tmp_path), trust=other.ca_bundle)


async def test_curl_accepts_the_bundle(home: Home, tmp_path: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(leaf_of(home, tmp_path))
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    resolve = f"api.example.test:{port}:127.0.0.1"
    process = await asyncio.create_subprocess_exec(
        *("curl", "-sS", "--noproxy", "*", "--cacert", str(home.ca_bundle), "--resolve", resolve),
        f"https://api.example.test:{port}/",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    server.close()
    assert (process.returncode, out) == (0, b"ok"), err


def test_the_recipe_makes_an_authority_we_accept(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").create()
    subprocess.run([RECIPES / "make-authority.sh", home.ca], check=True, capture_output=True)
    assert certificates.publish(home).expires > datetime.now(UTC) + timedelta(days=1800)
    assert asyncio.run(handshake(home, leaf_of(home, tmp_path), trust=home.ca_bundle)) == "TLSv1.3"


def test_the_key_is_for_its_owner_alone_and_the_bundle_keeps_public_roots(home: Home) -> None:
    assert stat.S_IMODE(certificates.authority_file(home).stat().st_mode) == 0o600
    ours = home.ca_certificate.read_bytes().count(b"BEGIN CERTIFICATE")
    assert ours == 1
    bundle = ssl.create_default_context(cafile=str(home.ca_bundle)).get_ca_certs(binary_form=True)
    public = ssl.create_default_context(cafile=certifi.where()).get_ca_certs(binary_form=True)
    assert set(public) < set(bundle)
    assert b"PRIVATE" not in home.ca_bundle.read_bytes() + home.ca_certificate.read_bytes()


def test_an_existing_authority_is_never_replaced(home: Home) -> None:
    before = certificates.load_ca(home).sha256
    with pytest.raises(StartupError, match="already"):
        certificates.create_ca(home)
    assert certificates.load_ca(home).sha256 == before


def missing(path: Path) -> None:
    path.unlink()


def damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:150])


def mismatched(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = path.read_bytes()
    path.write_bytes(key + pem[pem.index(b"-----BEGIN CERTIFICATE") :])


def exposed(path: Path) -> None:
    path.chmod(0o644)


def resigned(path: Path, start: datetime, end: datetime, *, ca: bool = True) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), start, end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(certificates._KEY_USAGE, critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))


def expired(path: Path) -> None:
    resigned(path, datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))


def not_yet_valid(path: Path) -> None:
    now = datetime.now(UTC)
    resigned(path, now + timedelta(days=3), now + timedelta(days=9))


def not_an_authority(path: Path) -> None:
    now = datetime.now(UTC)
    resigned(path, now - timedelta(days=1), now + timedelta(days=9), ca=False)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (missing, "missing"),
        (damaged, "damaged"),
        (mismatched, "private key does not belong"),
        (exposed, "every user"),
        (expired, "expired on 2021-01-01"),
        (not_yet_valid, "not valid before"),
        (not_an_authority, "not allowed to sign"),
    ],
)
def test_an_unusable_authority_is_named_with_the_next_step(
    home: Home, spoil: Callable[[Path], None], says: str
) -> None:
    spoil(certificates.authority_file(home))
    with pytest.raises(StartupError) as caught:
        certificates.load_ca(home)
    assert says in str(caught.value)
    assert str(certificates.authority_file(home)) in caught.value.what
    assert caught.value.todo


READ_AS_SOMEBODY_ELSE = """
import os, sys
from pathlib import Path
from clyra_proxy.engine import certificates
from clyra_proxy.errors import StartupError
from clyra_proxy.home import Home
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    certificates.load_ca(Home(Path(sys.argv[1])))
except StartupError as error:
    sys.exit(str(error))
"""


def test_an_unreadable_authority_is_named(home: Home) -> None:
    certificates.authority_file(home).chmod(0)
    done = subprocess.run([sys.executable, "-c", READ_AS_SOMEBODY_ELSE, home.root], capture_output=True, text=True)
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
    assert "Permission denied" in done.stderr


async def test_rotation_overlaps(home: Home, tmp_path: Path) -> None:
    old = certificates.load_ca(home)
    old_leaf = leaf_of(home, tmp_path)
    certificates.stage_rotation(home)
    assert certificates.load_ca(home).sha256 == old.sha256, "the old key signs until the switch"
    staged_bundle = tmp_path / "distributed.pem"
    staged_bundle.write_bytes(home.ca_bundle.read_bytes())
    assert await handshake(home, old_leaf, trust=staged_bundle)
    new = certificates.complete_rotation(home)
    assert new.sha256 != old.sha256
    assert await handshake(home, leaf_of(home, tmp_path), trust=staged_bundle), "clients of the staged bundle go on"
    certificates.retire_previous(home)
    assert home.ca_certificate.read_bytes().count(b"BEGIN CERTIFICATE") == 1
    assert sorted(file.name for file in home.ca.glob("*ca*.pem")) == [
        "ca-bundle.pem",
        "ca-cert.pem",
        "mitmproxy-ca.pem",
    ]


def test_rotation_steps_out_of_order_are_refused(home: Home) -> None:
    with pytest.raises(StartupError, match="no rotation"):
        certificates.complete_rotation(home)
    certificates.stage_rotation(home)
    with pytest.raises(StartupError, match="under way"):
        certificates.stage_rotation(home)
