"""Other proxies in the same run, each only if it installs here; one that does not is named with its reason.

They do less than Clyra (nothing is validated or recorded) or something else (Envoy here is a reverse proxy that asks
an external authorizer); the table puts numbers beside numbers, not products beside products. Python peers get a virtual
environment of their own so that they cannot disturb ours.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench.engine.contenders import Contender
from bench.engine.generator import MissingToolError
from tests.support.certificates import Authority
from tests.support.processes import NotReadyError, Running, free_port

type Starter = Callable[[Path, Authority, tuple[str, ...]], Contender]


def start_all(
    folder: Path, authority: Authority, prefix: tuple[str, ...], stack: ExitStack, say: Callable[[str], None]
) -> list[Contender]:
    """Every peer that comes up; says why the others did not."""
    found = []
    for name, start in PEERS.items():
        place = folder / name
        place.mkdir()
        try:
            contender = start(place, authority, prefix)
        except (MissingToolError, NotReadyError, OSError, subprocess.SubprocessError) as error:
            say(f"{name} is left out: {str(error).strip().splitlines()[-1]}")
            continue
        stack.enter_context(contender.process)
        found.append(contender)
    return found


def start_proxy_py(folder: Path, authority: Authority, prefix: tuple[str, ...]) -> Contender:
    """proxy.py with TLS interception; one acceptor, one worker."""
    python = environment(folder, "proxy.py==2.4.10")
    port = free_port()
    key, certificate, signing = _authority_by_openssl(folder)
    words = [*prefix, str(python), "-m", "proxy", "--hostname", "127.0.0.1", "--port", str(port)]
    words += ["--num-workers", "1", "--num-acceptors", "1", "--log-level", "e", "--ca-key-file", str(key)]
    words += ["--ca-cert-file", str(certificate), "--ca-signing-key-file", str(signing)]
    words += ["--ca-file", str(authority.certificate), "--data-dir", str(folder / "data")]
    process = Running(words, folder / "log")
    process.wait_for_port(port)
    return Contender("proxy.py", f"127.0.0.1:{port}", certificate, process)


def start_squid(folder: Path, authority: Authority, prefix: tuple[str, ...]) -> Contender:
    """squid with ssl-bump: the closest like-for-like for interception."""
    squid = shutil.which("squid", path="/usr/sbin:/usr/local/sbin")
    maker = Path("/usr/lib/squid/security_file_certgen")
    if squid is None or not maker.exists():
        raise MissingToolError("not installed (Debian package squid-openssl)")
    key, certificate, _ = _authority_by_openssl(folder)
    store = folder / "store"
    subprocess.run([str(maker), "-c", "-s", str(store), "-M", "4MB"], check=True, capture_output=True)
    port = free_port()
    configuration = folder / "squid.conf"
    configuration.write_text(
        f"http_port 127.0.0.1:{port} ssl-bump generate-host-certificates=on dynamic_cert_mem_cache_size=4MB "
        f"tls-cert={certificate} tls-key={key}\n"
        f"sslcrtd_program {maker} -s {store} -M 4MB\n"
        f"tls_outgoing_options cafile={authority.certificate}\n"
        "ssl_bump bump all\nhttp_access allow all\ncache deny all\naccess_log none\n"
        f"cache_log {folder}/cache.log\npid_filename {folder}/squid.pid\ncoredump_dir {folder}\n"
        "workers 1\nshutdown_lifetime 1 second\ncache_effective_user root\nforwarded_for delete\n"
    )
    process = Running([*prefix, squid, "-N", "-f", str(configuration)], folder / "log")
    process.wait_for_port(port)
    return Contender("squid ssl-bump", f"127.0.0.1:{port}", certificate, process)


def environment(folder: Path, *packages: str) -> Path:
    """A virtual environment with `packages`; returns its interpreter. Raises MissingToolError when it fails."""
    place = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, capture_output=True)
    python = place / "bin" / "python"
    words = [str(python), "-m", "pip", "install", "-q", *packages]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise MissingToolError(f"{packages[0]} does not install: {done.stderr.strip().splitlines()[-1:]}")
    return python


def _authority_by_openssl(folder: Path) -> tuple[Path, Path, Path]:
    """(authority key, authority certificate, leaf key), made with the openssl tool as the peers' manuals do."""
    key, certificate, signing = folder / "ca.key", folder / "ca.pem", folder / "leaf.key"
    run = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=peer", "-keyout"]
    run += [str(key), "-out", str(certificate), "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    subprocess.run(run, check=True, capture_output=True)
    subprocess.run(["openssl", "genrsa", "-out", str(signing), "2048"], check=True, capture_output=True)
    return key, certificate, signing


PEERS: dict[str, Starter] = {"proxy.py": start_proxy_py, "squid": start_squid}
