"""The upstreams of the benchmark: nginx for throughput, a small sink for what nginx cannot measure.

nginx has one worker, keeps connections, and answers every request with the same 1 KB of JSON, over plain HTTP and TLS.
The sink reads a whole upload before it answers, and sends events that carry their own sending time.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.engine.generator import MissingToolError
from clyra_proxy.demo.completions import MODEL, answer_model_call
from tests.support.certificates import Authority
from tests.support.processes import Running, free_port

CONFIGURATION = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_max_body_size 0;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    default_type application/json;
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl;
        {more}
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        location = /v1/chat/completions {{ return 200 '{completion}'; }}
        location / {{ return 200 '{answer}'; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx."""

    process: Running
    port: int
    tls_port: int

    @classmethod
    def start(cls, folder: Path, authority: Authority, answer: bytes, prefix: tuple[str, ...]) -> Nginx:
        binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
        if binary is None:
            raise MissingToolError("no nginx: install it (`make bench-engine` does, as root with apt-get)")
        folder.mkdir(parents=True, exist_ok=True)
        leaf = authority.leaf("localhost", "127.0.0.1", "::1")
        port, tls_port = free_port(), free_port()
        more = f"listen [::1]:{tls_port} ssl;" if Path("/proc/net/if_inet6").exists() else ""
        configuration = folder / "nginx.conf"
        configuration.write_text(
            CONFIGURATION.format(
                folder=folder,
                port=port,
                tls_port=tls_port,
                more=more,
                certificate=leaf.certificate,
                key=leaf.key,
                answer=answer.decode(),
                completion=answer_model_call("POST", "/v1/chat/completions", model_call()).body.decode(),
            )
        )
        process = Running([*prefix, binary, "-c", str(configuration), "-p", str(folder)], folder / "nginx.log")
        process.wait_for_port(port)
        process.wait_for_port(tls_port)
        return cls(process, port, tls_port)


@dataclass(frozen=True, slots=True)
class Sink:
    """A running `bench.engine.sink`."""

    process: Running
    port: int

    @classmethod
    def start(cls, folder: Path, prefix: tuple[str, ...]) -> Sink:
        process = Running([*prefix, sys.executable, "-m", "bench.engine.sink"], folder / "sink.log")
        return cls(process, int(process.wait_for_line(r"^port (\d+)$").group(1)))


def model_call() -> bytes:
    """A chat completion request of about 1 KB."""
    said = "the order of last week has not arrived and the customer asks when it will " * 12
    return json.dumps({"model": MODEL, "messages": [{"role": "user", "content": said}]}).encode()


def kilobyte_of_json(seed: int = 7) -> bytes:
    """About 1 KB: one order with lines, the shape of a machine-made change."""
    lines = [{"sku": f"SKU-{seed}{n:04d}", "quantity": n + 1, "price": 9.5 + n, "note": "as agreed"} for n in range(14)]
    document = {"id": f"order-{seed:08d}", "customer": "c-1024", "currency": "EUR", "lines": lines}
    return json.dumps(document, separators=(",", ":")).encode()


ORDER_SCHEMA = {
    "type": "object",
    "required": ["id", "customer", "currency", "lines"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "maxLength": 64},
        "customer": {"type": "string", "maxLength": 64},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "lines": {
            "type": "array",
            "maxItems": 1000,
            "items": {
                "type": "object",
                "required": ["sku", "quantity", "price"],
                "additionalProperties": False,
                "properties": {
                    "sku": {"type": "string", "maxLength": 32},
                    "quantity": {"type": "integer", "minimum": 1},
                    "price": {"type": "number", "exclusiveMinimum": 0},
                    "note": {"type": "string", "maxLength": 256},
                },
            },
        },
    },
}
