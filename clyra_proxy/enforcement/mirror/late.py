"""The mirrors' door on the data path: nothing behind it is imported or started before a policy has a mirror."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clyra_proxy.enforcement.halt.state import HaltState
from clyra_proxy.telemetry.metrics import WorkerMetrics

if TYPE_CHECKING:
    from clyra_proxy.enforcement.mirror.compiled import CompiledMirror
    from clyra_proxy.enforcement.mirror.service import MirrorService
    from clyra_proxy.enforcement.mirror.tap import MirrorTap
    from clyra_proxy.exchange import Exchange


class LateMirrors:
    """One worker's mirrors. Called on the worker's event loop."""

    def __init__(self, log_path: Path, halts: HaltState, metrics: WorkerMetrics) -> None:
        self._parts = (log_path, halts, metrics)
        self._service: MirrorService | None = None

    def begin(self, exchange: Exchange, policy: CompiledMirror | None) -> MirrorTap | None:
        """The tap of an exchange that is about to leave; None when it is not mirrored. policy: the one in force."""
        if policy is None:
            if self._service is not None:
                self._service.adopt(None)
            return None
        from clyra_proxy.enforcement.mirror.beginning import begin

        service = self._service
        if service is None:
            from clyra_proxy.enforcement.mirror.service import MirrorService

            service = self._service = MirrorService(*self._parts)
        service.adopt(policy)
        return begin(exchange, policy, service)

    def close(self) -> None:
        """Blocks for a few seconds at most."""
        if self._service is not None:
            self._service.close()

    @property
    def held(self) -> int:
        """Bytes kept for mirrors."""
        return 0 if self._service is None else self._service.held
