"""The store that a policy asks for, opened."""

from __future__ import annotations

from pathlib import Path

from clyra_proxy.home import Home
from clyra_proxy.policy.sharing import SharedState, Store
from clyra_proxy.state.sqlite import STATE_FILE, SqliteState
from clyra_proxy.state.store import StateStore


def open_state(settings: SharedState, home: Home, base_dir: Path) -> StateStore:
    """Connects when first used. base_dir: folder that file names of the policy start from. Raises StartupError."""
    local = SqliteState(home.root / STATE_FILE)
    if settings.store is Store.EMBEDDED:
        return local
    from clyra_proxy.state.falling import FallingState
    from clyra_proxy.state.redis import RedisState
    from clyra_proxy.state.server import find_server

    return FallingState(RedisState(find_server(settings, base_dir)), local, settings.on_loss)
