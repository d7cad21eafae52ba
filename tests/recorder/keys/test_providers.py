"""Every key store signs what its public key verifies, and says what is wrong when it cannot."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from recorder import public_key
from recorder.errors import KeyFileError, KeyUnavailableError
from recorder.keys import KeyFolder, LocalKey, passphrase, pkcs8, pkcs11_key, providers, transit_key
from recorder.keys.passphrase import find_passphrase
from recorder.keys.reference import FileReference
from tests.recorder.keys.conftest import Bao, Token, private_file

ALGORITHMS = list(public_key.SIGNING)
VARIABLES = ("CLYRA_KEY_PASSPHRASE", "CLYRA_KEY_PASSPHRASE_FILE", "CLYRA_KEY_PASSPHRASE_FD", "CREDENTIALS_DIRECTORY")


@pytest.fixture(autouse=True)
def _no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    passphrase._read_descriptors.clear()  # a process has one; here numbers are used again


def _signs(key: object) -> bool:
    message = os.urandom(40)
    signature = key.sign(message)  # type: ignore[attr-defined]
    public, algorithm = key.public, key.algorithm  # type: ignore[attr-defined]
    assert key.key_id == public_key.key_id(algorithm, public)  # type: ignore[attr-defined]
    assert not public_key.verifies(algorithm, public, signature, message + b".")
    return public_key.verifies(algorithm, public, signature, message)


# -- files ------------------------------------------------------------------------------------------------------------


def test_an_encrypted_file_opens_with_its_passphrase_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, path = LocalKey.generate(), tmp_path / "k.key"
    assert providers.create_file(path, key, b"correct horse")
    assert not providers.create_file(path, key, b"again")
    assert path.stat().st_mode & 0o777 == 0o600
    assert pkcs8.is_encrypted(path.read_bytes())
    with pytest.raises(KeyFileError, match="no passphrase"):
        providers.open_file(path)
    with pytest.raises(KeyFileError, match="cannot be decrypted"):
        providers.open_file(path, b"wrong")
    monkeypatch.setenv("CLYRA_KEY_PASSPHRASE", "correct horse")
    assert providers.open_file(path).key_id == key.key_id
    assert _signs(providers.open_file(path))


def test_openssl_reads_the_encrypted_file(tmp_path: Path) -> None:
    key, path = LocalKey.generate(), tmp_path / "k.key"
    providers.create_file(path, key, b"correct horse")
    command = ["openssl", "pkey", "-in", str(path), "-passin", "pass:correct horse", "-pubout", "-outform", "DER"]
    found = subprocess.run(command, check=True, capture_output=True).stdout
    assert found == public_key.spki("ed25519", key.public)
    parsed = subprocess.run(["openssl", "asn1parse", "-in", str(path)], check=True, capture_output=True, text=True)
    assert f":{pkcs8.ITERATIONS:06X}" in parsed.stdout


@pytest.mark.parametrize("source", ["file", "credential", "environment", "descriptor"])
def test_a_passphrase_comes_from_each_source(source: str, tmp_path: Path) -> None:
    path = private_file(tmp_path / "clyra-key-passphrase", "from somewhere\n")
    reading, writing = os.pipe()
    os.write(writing, b"from somewhere\n")
    os.close(writing)
    environment = {
        "file": {"CLYRA_KEY_PASSPHRASE_FILE": str(path)},
        "credential": {"CREDENTIALS_DIRECTORY": str(tmp_path)},
        "environment": {"CLYRA_KEY_PASSPHRASE": "from somewhere"},
        "descriptor": {"CLYRA_KEY_PASSPHRASE_FD": str(reading)},
    }[source]
    assert find_passphrase(environment) == b"from somewhere"
    assert find_passphrase(environment) == b"from somewhere"
    if source != "descriptor":
        os.close(reading)
    assert find_passphrase({}) is None


def test_a_passphrase_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = private_file(tmp_path / "p", "secret")
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="read by others"):
        find_passphrase({"CLYRA_KEY_PASSPHRASE_FILE": str(path)})


@pytest.mark.parametrize(
    "environment", [{"CLYRA_KEY_PASSPHRASE_FD": "no"}, {"CLYRA_KEY_PASSPHRASE_FILE": "/does/not/exist"}]
)
def test_a_passphrase_source_that_is_not_there_is_an_error(environment: dict[str, str]) -> None:
    with pytest.raises(KeyFileError):
        find_passphrase(environment)


def test_a_child_gets_the_passphrase_that_came_by_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "from recorder.keys.passphrase import find_passphrase as f\nprint(f())"
    with passphrase.for_child() as (environment, descriptors):
        assert (environment, descriptors) == (dict(os.environ), ())
    reading, writing = os.pipe()
    os.write(writing, b"handed down")
    os.close(writing)
    monkeypatch.setenv("CLYRA_KEY_PASSPHRASE_FD", str(reading))
    assert find_passphrase() == b"handed down"
    for _ in range(2):
        with passphrase.for_child() as (environment, descriptors):
            command = [sys.executable, "-c", code]
            run = subprocess.run(command, env=environment, pass_fds=descriptors, capture_output=True, check=True)
        assert run.stdout == b"b'handed down'\n"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "not an Ed25519 or P-256"),
        (["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], "secp384r1"),
        (["echo", "nothing"], "not a private key"),
    ],
)
def test_a_file_with_another_kind_of_key_is_named(tmp_path: Path, command: list[str], words: str) -> None:
    path = private_file(tmp_path / "k.key", subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    with pytest.raises(KeyFileError, match=words):
        providers.open_file(path)


def test_a_p256_file_signs(tmp_path: Path) -> None:
    command = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    path = private_file(tmp_path / "k.key", subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    key = providers.open_file(path)
    assert key.algorithm == public_key.P256
    assert _signs(key)


def test_keys_in_the_clear_are_found_and_protected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = KeyFolder(tmp_path / "keys")
    keys.create_missing()
    before = {role: keys.signing_key(role).key_id for role in ("log", "seal", "root")}
    assert [path.name for path in keys.plain_files()] == ["log.key", "root.key", "seal.key"]
    assert len(keys.protect(b"a passphrase")) == 3
    assert keys.plain_files() == []
    monkeypatch.setenv("CLYRA_KEY_PASSPHRASE", "a passphrase")
    assert {role: keys.signing_key(role).key_id for role in before} == before


# -- PKCS#11 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_makes_and_uses_keys(token: Token, algorithm: str, tmp_path: Path) -> None:
    reference = token.reference(f"made-{algorithm}", algorithm)
    made = pkcs11_key.generate_key(reference)
    assert _signs(made)
    opened = providers.open_key(reference, tmp_path)
    assert (opened.key_id, opened.algorithm) == (made.key_id, algorithm)
    with pytest.raises(KeyFileError, match="already has"):
        pkcs11_key.generate_key(reference)
    successor, key = providers.make_successor(reference, tmp_path, "seal")
    assert successor == replace(reference, label=f"made-{algorithm}-2")
    assert key.key_id != made.key_id
    assert _signs(key)
    assert _signs(made)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": "nobody"}, "no public key with that label"),
        ({"token": "nowhere"}, "no token of that name"),
        ({"module": "/does/not/exist.so"}, "cannot be used"),
        ({"algorithm": "ecdsa-p256-sha256"}, "not a key for"),
    ],
)
def test_what_is_wrong_with_a_token_is_said(token: Token, change: dict[str, str], words: str) -> None:
    reference = token.reference("steady")
    try:
        pkcs11_key.open_key(reference)
    except KeyFileError:
        pkcs11_key.generate_key(reference)
    with pytest.raises(KeyFileError, match=words):
        pkcs11_key.open_key(replace(reference, **change))


def test_a_wrong_pin_is_said(token: Token, tmp_path: Path) -> None:
    """In a process of its own, because login belongs to a process."""
    pin = private_file(tmp_path / "pin", "000000")
    code = (
        "import sys\nfrom recorder.keys import pkcs11_key\nfrom recorder.keys.reference import Pkcs11Reference\n"
        "from recorder.errors import KeyFileError\n"
        f"meant = Pkcs11Reference({token.module!r}, {token.label!r}, 'x', 'ed25519', {str(pin)!r})\n"
        "try:\n pkcs11_key.open_key(meant)\n"
        "except KeyFileError as error:\n print(error)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "The PIN is wrong." in found.stdout
    pin.chmod(0o644)
    with pytest.raises(KeyFileError, match="read by others"):
        pkcs11_key._pin(replace(token.reference("x"), pin_file=str(pin)))


def test_a_key_taken_from_the_token_no_longer_signs(token: Token) -> None:
    import pkcs11

    key = pkcs11_key.generate_key(token.reference("short-lived"))
    with pkcs11_key._session(key.reference).token.open(rw=True) as session:
        for found in session.get_objects({pkcs11.Attribute.LABEL: "short-lived"}):
            found.destroy()
    with pytest.raises(KeyUnavailableError, match="does not sign"):
        key.sign(b"x")


# -- transit ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_transit_makes_and_uses_keys(bao: Bao, algorithm: str, tmp_path: Path) -> None:
    reference = bao.reference(f"made-{algorithm}", algorithm)
    made = providers.make_key(reference, tmp_path)
    assert isinstance(made, transit_key.TransitKey)
    assert made.reference.version == 1
    assert _signs(made)
    assert providers.open_key(reference, tmp_path).key_id == made.key_id
    successor, key = providers.make_successor(reference, tmp_path, "seal")
    assert successor == replace(reference, version=2)
    assert key.key_id != made.key_id
    assert _signs(key)
    assert _signs(made)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": "nobody"}, "does not exist"),
        ({"mount": "elsewhere"}, "does not exist|may not use"),
        ({"version": 9}, "no version 9"),
        ({"algorithm": "ecdsa-p256-sha256"}, "of type ed25519"),
        ({"ca_file": "/does/not/exist"}, "authority file"),
        ({"token_file": "/does/not/exist"}, "Cannot read"),
    ],
)
def test_what_is_wrong_with_transit_is_said(bao: Bao, change: dict[str, object], words: str) -> None:
    reference = bao.reference("steady")
    transit_key.generate_key(reference)
    with pytest.raises(KeyFileError, match=words):
        transit_key.open_key(replace(reference, **change))  # type: ignore[arg-type]


def test_a_token_without_the_right_is_refused_at_once(bao: Bao, tmp_path: Path) -> None:
    reference = bao.reference("guarded")
    transit_key.generate_key(reference)
    policy = {"policy": 'path "transit/keys/guarded" { capabilities = ["read"] }'}
    assert bao.ask("PUT", "sys/policies/acl/reader", policy).status_code == 204
    granted = bao.ask("POST", "auth/token/create", {"policies": ["reader"], "no_default_policy": True}).json()
    weak = private_file(tmp_path / "token", granted["auth"]["client_token"])
    key = transit_key.open_key(replace(reference, token_file=str(weak)))
    with pytest.raises(KeyFileError, match="may not use"):
        key.sign(b"x")


def test_an_agent_may_renew_the_token_while_we_run(bao: Bao, tmp_path: Path) -> None:
    path = private_file(tmp_path / "token", bao.token_file.read_text())
    key = transit_key.generate_key(replace(bao.reference("renewed"), token_file=str(path)))
    path.write_text("s.not-valid-any-more")
    with pytest.raises(KeyFileError, match="may not use"):
        key.sign(b"x")
    path.write_text(bao.token_file.read_text())
    assert _signs(key)


def test_a_server_that_is_away_is_tried_until_the_time_is_over(bao: Bao) -> None:
    key = transit_key.generate_key(bao.reference("away"))
    gone = replace(key, reference=replace(key.reference, address="http://127.0.0.1:9", timeout_s=0.5))
    with pytest.raises(KeyUnavailableError, match=r"cannot be reached. After 0.5 s"):
        gone.sign(b"x")


def test_a_signature_by_another_key_is_not_passed_on(bao: Bao) -> None:
    first = transit_key.generate_key(bao.reference("mixed"))
    second = transit_key.generate_key(bao.reference("mixed"))
    assert second.reference.version == 2
    with pytest.raises(KeyUnavailableError, match="does not verify"):
        replace(second, reference=first.reference).sign(b"x")


@pytest.fixture(scope="module")
def bao_tls(tmp_path_factory: pytest.TempPathFactory, bao: Bao) -> Iterator[tuple[str, Path]]:
    """A TLS front for the server: (address, its authority)."""
    import asyncio
    import threading

    folder = tmp_path_factory.mktemp("tls")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    files = ["-keyout", folder / "key.pem", "-out", folder / "ca.pem", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", *words.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    host, port = bao.address.removeprefix("http://").split(":")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer), return_exceptions=True)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(serve, "127.0.0.1", 0, ssl=context), loop).result()
    yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", folder / "ca.pem"
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def test_transit_over_tls_needs_the_right_authority(bao: Bao, bao_tls: tuple[str, Path], tmp_path: Path) -> None:
    address, authority = bao_tls
    reference = replace(bao.reference("over-tls"), address=address, ca_file=str(authority))
    assert _signs(transit_key.generate_key(reference))
    with pytest.raises(KeyUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        transit_key.open_key(replace(reference, ca_file="", timeout_s=0.3))


# -- the folder -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", ["file", "pkcs11", "transit"])
def test_a_candidate_takes_the_place_of_a_key(store: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    keys = KeyFolder(tmp_path / "keys")
    keys.create_missing()
    first = keys.signing_key("seal")
    to = None
    if store == "pkcs11":
        to = request.getfixturevalue("token").reference("folder-seal", "ecdsa-p256-sha256")
    elif store == "transit":
        to = request.getfixturevalue("bao").reference("folder-seal")
    second = keys.add_candidate("seal", "seal", to)
    assert keys.signing_key("seal").key_id == first.key_id
    assert keys.signing_key("seal", second.key_id).key_id == second.key_id
    assert keys.signing_key("seal", first.key_id).key_id == first.key_id
    assert keys.promote("seal", second.key_id)
    assert not keys.promote("seal", second.key_id)
    assert keys.signing_key("seal").key_id == second.key_id
    assert not keys.path("seal").exists()
    with pytest.raises(KeyFileError, match="not at hand"):
        keys.signing_key("seal", first.key_id)
    third = keys.add_candidate("seal", "seal")
    assert keys.promote("seal", third.key_id)
    assert _signs(keys.signing_key("seal", third.key_id))


def test_a_second_candidate_replaces_the_first(tmp_path: Path) -> None:
    keys = KeyFolder(tmp_path / "keys")
    keys.create_missing()
    first, second = keys.add_candidate("log", "log"), keys.add_candidate("log", "log")
    recovery = keys.add_candidate("log", "log_recovery")
    for kept in (second, recovery):
        assert keys.signing_key("log", kept.key_id).key_id == kept.key_id
    with pytest.raises(KeyFileError, match="not at hand"):
        keys.signing_key("log", first.key_id)
    assert len(list(keys.folder.glob("log*.key"))) == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"v":"clyra-keys/9"}',
        '{"v":"clyra-keys/0","log":{"provider":"transit","address":"http://x","key":"k","algorithm":"ed25519"}}',
        '{"v":"clyra-keys/0","seal":{"provider":"file"}}',
        '{"v":"clyra-keys/0","seal":{"provider":"file","path":"x","pin":"1234"}}',
        '{"v":"clyra-keys/0","seal":{"provider":"cloud","path":"x"}}',
        '{"v":"clyra-keys/0","log":{"provider":"delegated","hours":25}}',
        '{"v":"clyra-keys/0","v":"clyra-keys/0"}',
        '{"v":"clyra-keys/0","seal":{"provider":"transit","address":"x","key":"k","algorithm":"ed25519"}}',
        '{"v":"clyra-keys/0","seal":{"provider":"transit","address":"http://x","key":"k","algorithm":"rsa"}}',
    ],
)
def test_a_configuration_in_another_form_is_refused(tmp_path: Path, text: str) -> None:
    keys = KeyFolder(tmp_path)
    keys.configuration_path.write_text(text)
    with pytest.raises(KeyFileError):
        keys.signing_key("seal")
    keys.configuration_path.write_text('{"v":"clyra-keys/0","seal":{"provider":"file","path":"x.key"}}')
    assert keys.configuration.seal == FileReference("x.key")
