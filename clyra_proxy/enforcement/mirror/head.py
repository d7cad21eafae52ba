"""The head of a mirrored request: what of the original goes on, and what is put in its place.

Guarantees: no field that names the caller or proves who it is goes on, whatever policy says; nothing that belongs to
one connection does (RFC 9110 section 7.6.1); a digest or signature over bytes that were changed does not either; the
mirrored request says what it is (`clyra-mirror: 1`) and is a span of its own in the same trace.
"""

from __future__ import annotations

from collections.abc import Iterable

from clyra_proxy.enforcement.mirror.model import MARK, Copy
from clyra_proxy.enforcement.mirror.names import SecretNames
from clyra_proxy.exchange import HeaderFields
from clyra_proxy.identity.trace import new_span_id
from clyra_proxy.policy.mirroring import HostField

_HOP_BY_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"http2-settings",
        b"expect", b"content-length", b"host",
    }
)  # fmt: skip
_OURS = frozenset({MARK, b"traceparent"})
_PREFIXES = (
    b"proxy-",
    b"clyra-",
    b"x-amz-security",
    b"x-goog-iam",
    b"x-forwarded-client-cert",
    b"x-ssl-",
    b"x-client-cert",
)
_OVER_THE_BODY = frozenset({b"content-md5", b"content-digest", b"repr-digest", b"digest", b"x-amz-checksum-sha256"})


class HeadStripping:
    """Compiled for one target. extra: names of header fields to take out as well."""

    def __init__(self, extra: Iterable[str]) -> None:
        self._names = SecretNames(extra)

    def kept(self, fields: HeaderFields) -> list[tuple[bytes, bytes]]:
        """The fields that go on, in order."""
        named = {
            name.strip().lower() for key, value in fields if key.lower() == b"connection" for name in value.split(b",")
        }
        return [
            (key, value)
            for key, value in fields
            if not self._goes(lower := key.lower()) and lower not in named and not lower.startswith(b":")
        ]

    def _goes(self, name: bytes) -> bool:
        if name in _HOP_BY_HOP or name in _OURS or name in _OVER_THE_BODY or name.startswith(_PREFIXES):
            return True
        return self._names.field(name.decode("latin-1"))


def finished(
    fields: list[tuple[bytes, bytes]],
    copy: Copy,
    target_host: str,
    host: HostField,
    credential: tuple[str, str] | None,
    length: int,
) -> list[tuple[bytes, bytes]]:
    """The whole head: Host first, then what was kept, the mark, the trace, the target's own secret, the length."""
    head = [(b"host", host_of(copy.host, target_host, host).encode("latin-1", "replace")), *fields, (MARK, b"1")]
    if copy.trace is not None:
        span = f"00-{copy.trace.trace_id}-{new_span_id()}-{copy.trace.flags}"
        head.append((b"traceparent", span.encode("ascii")))
    if credential is not None:
        name = credential[0].lower().encode("ascii")
        head = [(key, value) for key, value in head if key.lower() != name]
        head.append((name, credential[1].encode("ascii")))
    if length or copy.method not in ("GET", "HEAD", "OPTIONS", "DELETE", "TRACE"):
        head.append((b"content-length", str(length).encode("ascii")))
    return head


def host_of(original: str, target: str, wanted: HostField) -> str:
    """What to say in `Host`. original: as asked for, perhaps with a port."""
    if wanted is HostField.TARGET or not original:
        return target
    if wanted is HostField.ORIGINAL:
        return original
    name, colon, port = original.rpartition(":")
    if not colon or "]" in port:
        return f"{original}-shadow"
    return f"{name}-shadow:{port}"
