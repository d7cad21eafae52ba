"""An S3-compatible store for tests: checks Signature Version 4 and the checksum, keeps versions, honours object lock.

Signing is recomputed here from the documented steps, not by the library under test. Versions under compliance lock
cannot be deleted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

ACCESS, SECRET, REGION = "AKIATESTTESTTEST", "a/secret+of=the store", "eu-test-1"


@dataclass
class Version:
    content: bytes
    version: str
    stored: datetime
    lock_mode: str
    lock_until: str


@dataclass
class ObjectStore:
    """url: endpoint. objects: versions by `bucket/key`. refused: why requests were turned away."""

    url: str = ""
    objects: dict[str, list[Version]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Credentials, the way the client library finds them."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }


@contextmanager
def serving() -> Iterator[ObjectStore]:
    """A store that answers while the block runs."""
    store = ObjectStore()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self._body()
            if body is None:
                return
            path = urllib.parse.unquote(self.path.partition("?")[0]).strip("/")
            wanted = base64.b64encode(hashlib.sha256(body).digest()).decode()
            if self.headers.get("x-amz-checksum-sha256") != wanted:
                self._refuse(400, "BadDigest")
                return
            versions = store.objects.setdefault(path, [])
            mode = self.headers.get("x-amz-object-lock-mode", "")
            until = self.headers.get("x-amz-object-lock-retain-until-date", "")
            made = Version(body, f"v{len(versions) + 1}", datetime.now(UTC).replace(microsecond=0), mode, until)
            versions.append(made)
            self._send(200, b"", {"x-amz-version-id": made.version, "etag": f'"{hashlib.md5(body).hexdigest()}"'})

        def do_GET(self) -> None:
            if self._body() is None:
                return
            path, _, query = self.path.partition("?")
            name = urllib.parse.unquote(path).strip("/")
            words = dict(urllib.parse.parse_qsl(query))
            if words.get("list-type") == "2":
                self._list(name, words.get("prefix", ""))
            elif name in store.objects:
                found = store.objects[name][-1]
                headers = {
                    "last-modified": format_datetime(found.stored, usegmt=True),
                    "x-amz-version-id": found.version,
                }
                self._send(200, found.content, headers)
            else:
                self._refuse(404, "NoSuchKey")

        def do_DELETE(self) -> None:
            if self._body() is not None:
                self._refuse(403, "AccessDenied")

        def _list(self, bucket: str, prefix: str) -> None:
            keys = [path.removeprefix(f"{bucket}/") for path in store.objects if path.startswith(f"{bucket}/")]
            items = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in sorted(keys) if key.startswith(prefix))
            text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>"
            self._send(200, text.encode(), {"content-type": "application/xml"})

        def _body(self) -> bytes | None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            why = why_unsigned(self.command, self.path, dict(self.headers.items()), body)
            if why:
                self._refuse(403, why)
                return None
            return body

        def _refuse(self, status: int, code: str) -> None:
            store.refused.append(code)
            self._send(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode(), {})

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: tests read `refused`."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    store.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def why_unsigned(method: str, target: str, headers: dict[str, str], body: bytes) -> str:
    """The S3 error code for a request that is not correctly signed by our one user, or "" when it is."""
    lower = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    scheme, _, rest = lower.get("authorization", "").partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
    if scheme != "AWS4-HMAC-SHA256" or not {"Credential", "SignedHeaders", "Signature"} <= parts.keys():
        return "AccessDenied"
    access, day, region, service, ending = parts["Credential"].split("/")
    if (access, region, service, ending) != (ACCESS, REGION, "s3", "aws4_request"):
        return "InvalidAccessKeyId"
    signed = parts["SignedHeaders"].split(";")
    if not {"host", "x-amz-date", "x-amz-content-sha256"} <= set(signed) or signed != sorted(signed):
        return "AccessDenied"
    if any(name.startswith("x-amz-") and name not in signed for name in lower):
        return "AccessDenied"
    stated = lower["x-amz-content-sha256"]
    if stated != hashlib.sha256(body).hexdigest():
        return "XAmzContentSHA256Mismatch"
    path, _, query = target.partition("?")
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    canonical_query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)
    lines = [method, path, canonical_query, *(f"{name}:{lower[name]}" for name in signed), "", ";".join(signed), stated]
    scope = f"{day}/{region}/{service}/{ending}"
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = f"AWS4{SECRET}".encode()
    for word in (day, region, service, ending):
        key = hmac.digest(key, word.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{lower['x-amz-date']}\n{scope}\n{digest}"
    wanted = hmac.digest(key, text.encode(), "sha256").hex()
    return "" if hmac.compare_digest(wanted, parts["Signature"]) else "SignatureDoesNotMatch"


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="-_.~")
