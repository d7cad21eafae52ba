"""An inspector that is made when the first conversation comes.

The rule packs and the classifier take as much memory as the rest of a worker; one that only ever sees rows never pays
for them. What cannot be made fails as an inspector that raises: closed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from clyra_proxy.genai.inspection import Edit, Inspection, Inspector, Signal


class LateInspector:
    """Stands for the inspector that `make` gives, None when it gives none. id: the inspector's. known: it was made."""

    def __init__(self, id: str, make: Callable[[], Inspector | None]) -> None:
        self.id = id
        self.known = False
        self._make = make
        self._lock = threading.Lock()
        self._inspector: Inspector | None = None

    def made(self) -> Inspector | None:
        """The inspector, made now if it was not. Raises what making it raises."""
        if not self.known:
            with self._lock:
                if not self.known:
                    self._inspector = self._make()
                    self.known = True
        return self._inspector

    def inspect(self, inspection: Inspection) -> Iterable[Signal | Edit]:
        """As the inspector does."""
        inspector = self.made()
        return () if inspector is None else inspector.inspect(inspection)

    def __getattr__(self, name: str) -> Any:
        """What else the inspector may offer (`open_stream_scanner`, `judge_call`, `settle`)."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.made(), name)
