"""Find the locked route for an exchange: path rules as for API descriptions; by direction, status and media type."""

from __future__ import annotations

from clyra_proxy.schemalock.learn import RouteKey
from clyra_proxy.schemalock.lock import LockedRoute, SchemaLock
from clyra_proxy.schemalock.router import AmbiguousPath, Router


class LockIndex:
    """An index over a lock's paths, built once."""

    def __init__(self, lock: SchemaLock) -> None:
        self.lock = lock
        self._paths: Router[str] = Router()
        for route in lock.routes:
            try:
                self._paths.add(route.key.method, route.key.path, route.key.path)
            except AmbiguousPath:
                continue  # a path that no request can mean

    def knows(self, method: str, path: str) -> bool:
        """True when any body of this method and path is locked."""
        return self._paths.find(method, path) is not None

    def find(self, method: str, path: str, direction: str, status: str, media: str) -> LockedRoute | None:
        """media: `type/subtype`, lower case. status: of a response, as text; "" for a request."""
        template = self._paths.find(method, path)
        if template is None:
            return None
        return self.lock.by_key.get(RouteKey(method.upper(), template, direction, status, media))
