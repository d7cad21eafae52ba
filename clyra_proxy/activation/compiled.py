"""The activation part of a policy, compiled once when the policy is loaded: who looks at batches, in order.

Raises PolicyError for what cannot be compiled (a schema, a pattern), so that it is never a surprise in traffic. The
order matters only for reading a verdict: what is asked for is the strictest of all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clyra_proxy.activation.inspection import RowInspection, RowInspector, RowWorkshop
from clyra_proxy.policy.activation import Activation

if TYPE_CHECKING:
    from clyra_proxy.activation.profiles import Catalogue
    from clyra_proxy.activation.quarantine.store import Quarantine
    from clyra_proxy.state.store import StateStore


@dataclass(frozen=True, slots=True)
class CompiledActivation:
    """catalogue: the destinations that are known. inspectors: all that are configured, in order.

    quarantine: where rejected rows are kept, None where nowhere. state: what inspectors count in.
    """

    settings: Activation
    catalogue: Catalogue
    inspectors: tuple[RowInspector, ...]
    quarantine: Quarantine | None = None
    state: StateStore | None = None

    @property
    def prompt(self) -> bool:
        """Whether a small batch may be judged on the event loop now."""
        return self.state is not None and self.state.prompt

    def settle(self, inspection: RowInspection, forwarded: frozenset[int], status: int, body: bytes) -> None:
        """The exchange is over, whatever its end: counters are given back, outcomes kept. Raises StateError."""
        for inspector in self.inspectors:
            if (settle := getattr(inspector, "settle", None)) is not None:
                settle(inspection, forwarded, status, body)


def compile_activation(
    settings: Activation, base_dir: Path, workshop: RowWorkshop, folder: Path | None
) -> CompiledActivation | None:
    """None when the section is switched off. base_dir: folder that file names start from. Raises PolicyError.

    folder: the data folder, where rejected rows are kept; None where nothing is kept.
    """
    if not settings.enabled:
        return None
    from clyra_proxy.activation.profiles import compile_catalogue
    from clyra_proxy.activation.rows.compiled import compile_inspectors
    from clyra_proxy.activation.sql.inspector import compile_inspector

    statements = compile_inspector(settings.sql, base_dir, workshop)
    rows = compile_inspectors(settings.rows, base_dir, workshop)
    inspectors = rows if statements is None else (*rows, statements)
    catalogue = compile_catalogue(workshop.state, workshop.secret)
    return CompiledActivation(
        settings, catalogue, inspectors, _open_quarantine(folder) if settings.quarantine else None, workshop.state
    )


def _open_quarantine(folder: Path | None) -> Quarantine | None:
    if folder is None:
        return None
    from clyra_proxy.activation.quarantine.store import Quarantine

    return Quarantine(folder)
