"""How a worker goes: new connections to the others, exchanges in flight to their end, idle connections closed.

An HTTP/1 client learns from `Connection: close` on its next response that this connection ends; a connection on which
nothing has moved for a moment is closed. RFC 9112 section 9.3.1 lets either side close an idle connection at any
time and makes clients ready for it; waiting for a silent moment makes it rare that a request is on its way just then.
What is still running at the bound is cut.
"""

from __future__ import annotations

import asyncio

from clyra_proxy.engine.master import EngineMaster

IDLE_S = 1.0
STEP_S = 0.05


async def drain(engine: EngineMaster, bound_s: float) -> int:
    """Wind the engine down within `bound_s` seconds. Returns how many exchanges had to be cut."""
    engine.close_listeners()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + bound_s
    while engine.active_connections() and loop.time() < deadline:
        for handler in engine.idle_connections(IDLE_S):
            handler.abort("shutting down")
        await asyncio.sleep(STEP_S)
    cut = engine.active_exchanges()
    await engine.stop()
    return cut
