"""How a worker goes: new connections to the others, exchanges in flight to their end, idle connections closed.

Clients are told in their protocol's own way: HTTP/2 by GOAWAY once its last request is answered, HTTP/1 by
`Connection: close` on the next response, WebSocket (and HTTP/2 that is still busy) shortly before the bound by a
close frame 1001 (GOAWAY), so that a session may use all the time there is.
A connection on which nothing has moved for a moment is closed. RFC 9112 lets either side close an idle connection at
any time (section 9.5) and makes clients ready for it (section 9.3.1); waiting for a silent moment makes it rare that a
request is on its way just then. What is still running at the bound is cut.
"""

from __future__ import annotations

import asyncio

from clyra_proxy.engine.master import EngineMaster

IDLE_S = 1.0
FAREWELL_S = 2.0
STEP_S = 0.05


async def drain(engine: EngineMaster, bound_s: float) -> int:
    """Wind the engine down within `bound_s` seconds. Returns how many exchanges had to be cut."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + bound_s
    engine.close_listeners()
    engine.say_farewell()
    await _until_quiet(engine, deadline - min(FAREWELL_S, bound_s / 2))
    if engine.active_connections():
        engine.say_farewell(final=True)
        await _until_quiet(engine, deadline)
    cut = engine.active_exchanges()
    await engine.stop()
    return cut


async def _until_quiet(engine: EngineMaster, deadline: float) -> None:
    """Close connections as they fall idle; return when none is left or the time has come."""
    loop = asyncio.get_running_loop()
    while engine.active_connections() and loop.time() < deadline:
        for handler in engine.idle_connections(IDLE_S):
            handler.abort("shutting down")
        await asyncio.sleep(STEP_S)
