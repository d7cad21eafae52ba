"""Dropping checkpoints into an S3-compatible object store, locked against deletion.

With object lock in compliance mode not even the owner of the bucket can delete or overwrite a version before its date.
Requests are signed and credentials found by botocore, the maintained client library (extra `objects`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from recorder.anchoring.errors import AnchorError, AnchorSettingsError
from recorder.anchoring.placed import Placed, Receipt, Tip, place_name, read_tip, receipt_of

SUFFIX = ".checkpoint"
_MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where objects go. url: `s3://bucket/prefix`. mode: COMPLIANCE, GOVERNANCE or NONE (the bucket's default)."""

    url: str
    endpoint: str = ""
    region: str = ""
    mode: str = "COMPLIANCE"
    retain_days: int = 2557
    timeout_s: float = 10.0

    def drop(self, tip: Tip) -> Placed:
        """Write the tip as a new object. Raises AnchorError."""
        bucket, prefix = self._parts()
        key = f"{prefix}{place_name(tip.origin)}/{tip.size:016d}{SUFFIX}"
        lock: dict[str, Any] = {}
        if self.mode != "NONE":
            until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=self.retain_days)
            lock = {"ObjectLockMode": self.mode, "ObjectLockRetainUntilDate": until}
        answer = self._ask(
            "put_object",
            Bucket=bucket,
            Key=key,
            Body=tip.raw,
            ContentType="text/plain; charset=utf-8",
            ChecksumAlgorithm="SHA256",
            **lock,
        )
        version = str(answer.get("VersionId", ""))
        location = f"s3://{bucket}/{key}"
        receipt = receipt_of("object", tip, location, version, time.time_ns() // 1000)
        return Placed("object", receipt.to_bytes(), int(time.time()), location, version)

    def fetch(self, origin: str, size: int | None) -> Receipt:
        """The receipt of a stored checkpoint, the newest when `size` is None. Raises AnchorError."""
        bucket, prefix = self._parts()
        folder = f"{prefix}{place_name(origin)}/"
        key = f"{folder}{size:016d}{SUFFIX}" if size is not None else self._newest(bucket, folder)
        answer = self._ask("get_object", Bucket=bucket, Key=key)
        tip = read_tip(answer["Body"].read(_MAX_BYTES), origin)
        stored = answer["LastModified"]
        return receipt_of(
            "object", tip, f"s3://{bucket}/{key}", str(answer.get("VersionId", "")), int(stored.timestamp() * 1e6)
        )

    def _newest(self, bucket: str, folder: str) -> str:
        newest = token = ""
        while True:
            more = {"ContinuationToken": token} if token else {}
            page = self._ask("list_objects_v2", Bucket=bucket, Prefix=folder, **more)
            newest = max([newest, *(str(item["Key"]) for item in page.get("Contents", []))])
            token = page.get("NextContinuationToken", "")
            if not token:
                break
        if not newest:
            raise AnchorError(f"There is no checkpoint under s3://{bucket}/{folder}")
        return newest

    def _parts(self) -> tuple[str, str]:
        scheme, _, rest = self.url.partition("://")
        bucket, _, prefix = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise AnchorSettingsError(f"Not an object store: {self.url}", "", "Write s3://bucket/prefix.")
        return bucket, prefix and prefix.rstrip("/") + "/"

    def _ask(self, operation: str, **words: Any) -> dict[str, Any]:
        try:
            import botocore.config  # type: ignore[import-untyped]
            import botocore.exceptions  # type: ignore[import-untyped]
            import botocore.session  # type: ignore[import-untyped]
        except ImportError:
            raise AnchorError(
                "The object store client is not installed.", "", "Install the extra: pip install 'clyra[objects]'."
            ) from None
        config = botocore.config.Config(
            connect_timeout=self.timeout_s,
            read_timeout=self.timeout_s,
            retries={"mode": "standard", "total_max_attempts": 2},
            s3={"addressing_style": "path" if self.endpoint else "auto"},
        )
        try:
            client = botocore.session.Session().create_client(
                "s3", region_name=self.region or None, endpoint_url=self.endpoint or None, config=config
            )
            found: dict[str, Any] = getattr(client, operation)(**words)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, ValueError) as error:
            raise AnchorError(f"The object store refused {operation}.", f"It says: {error}"[:300]) from None
        return found
