"""What is wrong at the start is said once, in words, with a status other than 0; nothing is left running."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml

from clyra_proxy.engine import certificates
from clyra_proxy.home import Home
from tests.support.clyra_command import clyra
from tests.support.proxy import RunningProxy, local_policy

GOOD = yaml.safe_dump(local_policy())


class Place:
    """A data folder and a policy, right until a test spoils one of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = Home(folder / "home").create()
        self.policy = folder / "policy.yaml"
        self.policy.write_text(GOOD)
        certificates.create_ca(self.home)

    def proxy(self, *words: str) -> subprocess.CompletedProcess[str]:
        options = ("--policy", self.policy, "--workers", "1", "--port", "0", "--no-recorder")
        return clyra("proxy", *options, *words, home=self.home.root, timeout=60)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def unknown_key(place: Place) -> tuple[str, ...]:
    place.policy.write_text("enforcement: {moed: enforce}\n")
    return ()


def no_policy(place: Place) -> tuple[str, ...]:
    place.policy.unlink()
    return ()


def missing_schema(place: Place) -> tuple[str, ...]:
    place.policy.write_text("destinations: {api: {hosts: [api.test], schema: {request: nowhere.json}}}\n")
    return ()


def missing_ca(place: Place) -> tuple[str, ...]:
    certificates.authority_file(place.home).unlink()
    return ()


def damaged_ca(place: Place) -> tuple[str, ...]:
    certificates.authority_file(place.home).write_text("-----BEGIN PRIVATE KEY-----\n")
    return ()


def open_to_others(place: Place) -> tuple[str, ...]:
    return ("--host", "0.0.0.0")


def foreign_address(place: Place) -> tuple[str, ...]:
    place.policy.write_text(
        yaml.safe_dump(local_policy(identity={"required": True, "client_ca": str(place.home.ca_certificate)}))
    )
    return ("--host", "198.51.100.77")


def bad_mode(place: Place) -> tuple[str, ...]:
    return ("--mode", "sideways")


def reverse_without_upstream(place: Place) -> tuple[str, ...]:
    return ("--mode", "reverse")


def bad_health(place: Place) -> tuple[str, ...]:
    return ("--health", "somewhere")


def log_is_a_folder(place: Place) -> tuple[str, ...]:
    place.home.verdict_log.mkdir()
    return ()


@pytest.mark.parametrize(
    ("spoil", "status", "says"),
    [
        (unknown_key, 1, "moed"),
        (no_policy, 1, "policy.yaml"),
        (missing_schema, 1, "nowhere.json"),
        (missing_ca, 1, "certificate authority is missing"),
        (damaged_ca, 1, "is damaged"),
        (open_to_others, 1, "without authentication"),
        (foreign_address, 1, "does not belong to this machine"),
        (bad_mode, 64, "sideways"),
        (reverse_without_upstream, 64, "upstream"),
        (bad_health, 64, "HOST:PORT"),
        (log_is_a_folder, 1, "verdict log"),
    ],
)
def test_one_clear_message(place: Place, spoil: Callable[[Place], tuple[str, ...]], status: int, says: str) -> None:
    done = place.proxy(*spoil(place))
    assert (done.returncode, done.stdout) == (status, "")
    assert says in done.stderr
    assert done.stderr.count("error: ") == 1
    assert "Traceback" not in done.stderr
    assert not place.home.proxy_state.exists()


def test_a_taken_port_is_named_with_its_holder(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = place.proxy("--port", str(port))
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert f"(pid {os.getpid()})" in done.stderr


def test_a_port_shared_with_reuseport_counts_as_taken(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as holder:
        done = place.proxy("--port", str(holder.getsockname()[1]))
    assert done.returncode == 1
    assert "The port is taken" in done.stderr


def test_a_taken_health_port_is_named(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        done = place.proxy("--health", f"127.0.0.1:{holder.getsockname()[1]}")
    assert done.returncode == 1
    assert "health probes" in done.stderr


def test_a_folder_that_cannot_be_made(place: Place) -> None:
    (place.folder / "file").write_text("")
    done = clyra("proxy", "--policy", place.policy, "--home", place.folder / "file" / "home")
    assert done.returncode == 1
    assert "Cannot create the data folder" in done.stderr


AS_SOMEBODY_ELSE = """
import os, sys
from clyra_proxy.cli import proxy
from clyra_proxy.cli.main import main
if os.geteuid() == 0:
    os.seteuid(65534)
sys.argv = ["clyra", *sys.argv[1:]]
sys.exit(main())
"""


@pytest.mark.parametrize("reachable", [True, False], ids=["read-only", "out of reach"])
def test_a_folder_that_cannot_be_written(place: Place, reachable: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        locked = Path(folder) / "locked"
        locked.mkdir(mode=0o555 if reachable else 0o000)
        Path(folder).chmod(0o755)
        words = ("proxy", "--policy", place.policy, "--home", locked / "home")
        done = subprocess.run(
            [sys.executable, "-c", AS_SOMEBODY_ELSE, *words], capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert "error: Cannot create the data folder" in done.stderr
    assert "Permission denied" in done.stderr


def test_a_full_disk_is_named(place: Place) -> None:
    """A file system of 128 kB in a mount namespace of its own."""
    if not shutil.which("unshare"):
        pytest.skip("needs unshare")
    script = 'mount -t tmpfs -o size=128k none "$1" && shift && exec "$@"'
    small = place.folder / "small"
    small.mkdir()
    command = [
        sys.executable,
        "-m",
        "clyra_proxy.cli.main",
        "proxy",
        "--policy",
        place.policy,
        "--home",
        small / "home",
    ]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", small, *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mount namespaces here: {done.stderr.strip()}")
    assert done.returncode == 1
    assert "The disk is full." in done.stderr
    assert "Traceback" not in done.stderr


def test_two_proxies_do_not_share_a_data_folder(start: Callable[..., RunningProxy]) -> None:
    proxy = start(workers=1)
    second = proxy.clyra("proxy", "--policy", str(proxy.policy), "--port", "0")
    assert second.returncode == 1
    assert "already uses the data folder" in second.stderr
    assert str(proxy.process.pid) in second.stderr


def test_a_failed_start_leaves_no_process(place: Place) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    place.home.verdict_log.mkdir()
    assert place.proxy().returncode == 1
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


def test_steering_without_a_proxy_says_so(place: Place) -> None:
    done = clyra("proxy", "reload", home=place.home.root)
    assert done.returncode == 1
    assert "No running proxy answers" in done.stderr


def test_the_banner_says_what_is_active(start: Callable[..., RunningProxy]) -> None:
    policy = local_policy(enforcement={"mode": "shadow", "rules": {"egress": "enforce"}})
    proxy = start(policy, workers=1)
    banner = proxy.process.output()
    for said in (
        f"http://127.0.0.1:{proxy.address[1]}",
        "explicit, 1 worker",
        "everything in shadow, but enforce: egress",
        "1 destinations, 2 routes",
        str(proxy.home.ca_certificate),
        f"export HTTPS_PROXY={proxy.url}",
        f"export SSL_CERT_FILE={proxy.home.ca_bundle}",
        proxy.health,
    ):
        assert said in banner


def test_help_names_the_options() -> None:
    text = clyra("proxy", "--help").stdout
    for option in ("--policy", "--port", "--mode", "--workers", "--health", "--no-recorder", "rotate-ca", "restart"):
        assert option in text
