"""The evidence viewer: one HTML file with the bundle, a verifier of its own, and nothing else.

Rules. (1) The page needs no network and may use none: its content security policy allows this one script and this one
style by their hashes, and nothing besides. (2) What comes out of a bundle is data: it is carried as base64 and shown as
text. (3) A trust file inside a page made by the bundle's sender proves little; the page says whose it is, shows its
root keys, and takes the reader's own.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from hashlib import sha256
from importlib import resources

from recorder.errors import RecorderError
from recorder.verify.codes import CODES

MAX_BUNDLE = 256 << 20
"""Bytes. A browser holds the page, the bundle and its records at once."""


class ViewError(RecorderError):
    """The page cannot be made."""


def make_page(
    bundle: bytes,
    name: str,
    trust: bytes | None = None,
    checkpoints: Sequence[bytes] = (),
    anchors: Sequence[bytes] = (),
) -> bytes:
    """The whole page. name: of the bundle, for the title. checkpoints, anchors: as `clyra verify` takes them.

    Raises ViewError when the bundle is too large for a browser.
    """
    if len(bundle) > MAX_BUNDLE:
        size = f"It has {len(bundle) >> 20} MiB; a page can carry {MAX_BUNDLE >> 20}."
        raise ViewError(
            "The bundle is too large to view.", size, "Verify it with `clyra verify`; seal smaller windows."
        )
    style, script = _asset("viewer.css"), _asset("viewer.js")
    carried = {
        "words": {code: words for code, (_, words) in CODES.items()},
        "trust": _base64(trust or b""),
        "checkpoints": [_base64(one) for one in checkpoints],
        "anchors": [_base64(one) for one in anchors],
    }
    parts = {
        "policy": f"default-src 'none'; style-src '{_source(style)}'; script-src '{_source(script)}'",
        "title": html.escape(f"Evidence: {name}"),
        "name": html.escape(name),
        "style": style,
        "page": json.dumps(carried).replace("<", "\\u003c"),
        "bundle": _base64(bundle),
        "script": script,
    }
    page = _asset("viewer.html")
    pieces = []
    while "@" in page:  # each mark once, in the order of the file; what is put in is never looked at again
        before, _, rest = page.partition("@")
        mark, _, page = rest.partition("@")
        pieces += [before, parts[mark]]
    return "".join([*pieces, page]).encode()


def _asset(name: str) -> str:
    return (resources.files("recorder.view") / "assets" / name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """The hash by which a content security policy names an inline script or style (CSP Level 3)."""
    return f"sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}"


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
