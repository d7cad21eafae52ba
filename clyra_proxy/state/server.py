"""Where a shared store is: address with its secrets, trust, timeouts. Read once, at the start."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from clyra_proxy.errors import StartupError
from clyra_proxy.policy.sharing import SharedState

_URL = re.compile(r"(rediss?://[^\s#]+|unix:///[^\s#]+)")
LARGEST_FILE = 4096


@dataclass(frozen=True, slots=True)
class Server:
    """url may hold a password: it is never shown. Paths of PEM files, None where there are none. timeout in seconds."""

    url: str = field(repr=False)
    prefix: str = "clyra"
    timeout_s: float = 0.25
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


def find_server(settings: SharedState, base_dir: Path) -> Server:
    """The server of a policy. base_dir: folder that file names start from. Raises StartupError."""
    paths = (
        None if name is None else str(base_dir / name) for name in (settings.ca, settings.certificate, settings.key)
    )
    ca, certificate, key = paths
    return Server(_url(settings, base_dir), settings.prefix, settings.timeout_ms / 1000, ca, certificate, key)


def _url(settings: SharedState, base_dir: Path) -> str:
    if settings.url is not None:
        return settings.url
    if settings.url_env is not None:
        found, place = os.environ.get(settings.url_env, ""), f"the variable {settings.url_env}"
    else:
        path = base_dir / (settings.url_file or "")
        place = f"the file {path}"
        try:
            with path.open(encoding="utf-8") as file:
                found = file.read(LARGEST_FILE)
        except (OSError, UnicodeError) as error:
            raise StartupError(
                f"The address of the shared store cannot be read from {place}.",
                f"The system says: {getattr(error, 'strerror', None) or type(error).__name__}.",
                "See `enforcement.state.url_file` in the policy.",
            ) from error
    found = found.strip()
    if not _URL.fullmatch(found):
        raise StartupError(
            f"There is no address of a shared store in {place}.",
            "It is not `redis://`, `rediss://` or `unix://`.",
            "Write for example rediss://clyra:PASSWORD@redis.internal:6379/0.",
        )
    return found
