"""The one interface behind which every engine stands."""

from __future__ import annotations

from typing import Protocol

from clyra_proxy.enforcement.engines.answer import Answer
from clyra_proxy.enforcement.engines.question import Question


class Engine(Protocol):
    """One engine of a policy, on one event loop.

    kind: `opa`, `cedar` or `openfga`. failing: whether it is left alone now because it failed too often.
    """

    @property
    def kind(self) -> str: ...

    @property
    def failing(self) -> bool: ...

    async def decide(self, question: Question, seconds: float) -> Answer:
        """The answer, within `seconds`. Raises ServiceFailure for everything that is no usable answer."""
        ...

    async def aclose(self) -> None: ...


class LocalEngine(Engine, Protocol):
    """An engine that runs in this process and can be asked without an event loop, as `clyra policy test` does."""

    def judge(self, question: Question) -> Answer:
        """As `decide`. Raises ServiceFailure."""
        ...
