"""Orders to a proxy elsewhere: signed (RFC 9421, as records are) and sent to its health listener."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from clyra_proxy.engine.signed_orders import HALT_PATH, MEDIA, RESUME_PATH, read_key
from clyra_proxy.errors import ClyraError, StartupError, UsageError
from recorder import signature


def send_signed(url: str, key_file: Path, request: dict[str, Any], within_s: float) -> dict[str, Any]:
    """The answer of the proxy. Raises ClyraError when it refuses or cannot be asked."""
    target = urlsplit(url)
    if target.scheme not in ("http", "https") or not target.hostname or target.path not in ("", "/"):
        raise UsageError(f"{url!r} is no address of a health listener.", "", "Write http://HOST:PORT.")
    key = read_key(key_file.parent, key_file.stem) if key_file.suffix == ".key" else None
    if key is None:
        raise UsageError(
            f"{key_file} is no key.",
            "A key is a file NAME.key of 64 hexadecimal digits that nobody else may read.",
            "Take one from `halt/keys` of the proxy's data folder.",
        )
    path = HALT_PATH if request["command"] == "halt" else RESUME_PATH
    body = orjson.dumps({name: value for name, value in request.items() if name != "command" and value is not None})
    lines = signature.sign("POST", path, MEDIA, body, key_file.stem, key).split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if line)
    wanted = urllib.request.Request(f"{url.rstrip('/')}{path}", body, headers, method="POST")  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(wanted, timeout=within_s) as answer:  # noqa: S310 - as above
            return dict(orjson.loads(answer.read()))
    except urllib.error.HTTPError as error:
        return _refused(error)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise StartupError(f"The proxy at {url} does not answer.", f"{error}.", "Check the address.") from error


def _refused(error: urllib.error.HTTPError) -> dict[str, Any]:
    try:
        told = dict(orjson.loads(error.read()))
    except (OSError, ValueError):
        told = {}
    if "what" in told:
        return told
    raise ClyraError("The order was refused.", str(told.get("title", f"Status {error.code}")) + ".", "")
