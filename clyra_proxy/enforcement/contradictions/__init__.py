"""Rules of a policy that contradict, shadow or can never match, each with a request that shows it.

`find` looks at a valid policy as a whole; nothing of it is needed to judge traffic. It runs in `clyra policy check` and
in the daily review.
"""

from __future__ import annotations

from clyra_proxy.enforcement.contradictions.finding import Contradiction, Kind, Weight, Witness
from clyra_proxy.enforcement.contradictions.search import find

__all__ = ["Contradiction", "Kind", "Weight", "Witness", "find"]
