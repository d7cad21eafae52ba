"""One run of the recorder: open the store, listen, seal by size and age, stop gracefully on SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorder.anchoring.keeper import Keeper
from recorder.approvals.late import LateApprovals
from recorder.errors import SocketError
from recorder.evidence_orders import evidence_orders
from recorder.interface import ANCHOR_PATH, SNAPSHOTS_PATH
from recorder.key_orders import key_orders
from recorder.keychange import KeyChanger
from recorder.layout import Layout
from recorder.opening import open_store
from recorder.renewal import Renewal
from recorder.sealing import Sealer
from recorder.service import Service
from recorder.snapshot.order import snapshot_order
from recorder.store import Store

log = logging.getLogger("recorder")


@dataclass(frozen=True, slots=True)
class Settings:
    """tcp: `host:port` or "". seal_records / seal_age_s: 0 switches that trigger off. silence_s: see Writer."""

    origin: str = ""
    tcp: str = ""
    certificate: Path | None = None
    certificate_key: Path | None = None
    client_ca: Path | None = None
    seal_records: int = 100_000
    seal_age_s: float = 86_400.0
    silence_s: float = 120.0


def serve(layout: Layout, settings: Settings) -> int:
    """Record until told to stop; return the exit code."""
    store = open_store(layout, settings.origin)
    log.info("log %s at size %d, %d intents open", store.origin, store.size, store.intents.open_count)
    return asyncio.run(_serve(layout, settings, store))


async def _serve(layout: Layout, settings: Settings, store: Store) -> int:
    """Put the parts together, and let them work until a signal comes."""
    stop = _stop_on_signals()
    loop = asyncio.get_running_loop()

    def write(records: list[tuple[str, dict[str, Any]]]) -> None:
        service.writer.run(lambda: store.record_own(records))

    keeper = Keeper(layout, write)
    sealer = Sealer(layout, settings.seal_records, settings.seal_age_s, keeper.size_now)
    service = Service(layout, store, sealer.seal, settings.silence_s, keeper.status)
    changer = KeyChanger(layout, service.writer.call)
    renewal = Renewal(layout, store, changer)
    service.key_trouble = lambda: renewal.failure
    service.orders |= {
        **key_orders(changer, service.writer),
        ANCHOR_PATH: keeper.order,
        SNAPSHOTS_PATH: snapshot_order(service.writer),
    }
    service.orders |= evidence_orders(layout, service.writer)
    approvals = LateApprovals(layout, service)
    await approvals.begin()
    tasks = [
        loop.create_task(sealer.keep_sealing(service.writer), name="sealing"),
        loop.create_task(renewal.keep_renewing(), name="renewal"),
        loop.create_task(keeper.run(), name="anchoring"),
    ]
    try:
        await _listen(service, settings)
        log.info("ready on %s", layout.socket)
        await stop.wait()
        log.info("stopping")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await approvals.close()
        await service.stop()
    return 0


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _listen(service: Service, settings: Settings) -> None:
    """On the Unix socket last: who finds it, finds everything."""
    if settings.tcp:
        host, _, port = settings.tcp.rpartition(":")
        bound = await service.listen_tcp(host, _port(port), _server_context(settings))
        log.info("listening on %s:%d", host, bound)
    await service.listen_unix()


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65_535:
        raise SocketError(f"--tcp needs HOST:PORT, not a port of {text!r}.")
    return int(text)


def _server_context(settings: Settings) -> ssl.SSLContext:
    """TLS 1.3 with client certificates from our own authority only."""
    if not (settings.certificate and settings.certificate_key and settings.client_ca):
        raise SocketError(
            "--tcp needs --tls-cert, --tls-key and --client-ca.", "Records are only taken over mutual TLS."
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(settings.certificate, settings.certificate_key)
        context.load_verify_locations(settings.client_ca)
    except (OSError, ssl.SSLError) as error:
        raise SocketError(f"Cannot use the TLS files: {error}.") from None
    context.verify_mode = ssl.CERT_REQUIRED
    return context
