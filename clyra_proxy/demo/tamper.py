"""Tampering for the demo: one bit of a sealed bundle changed, by accident and on purpose.

By accident: somewhere in the file. On purpose: in a record, with the bundle unpacked into a plain folder (which is an
equivalent container), so that no checksum of an archive can notice and nothing but the evidence itself is left to.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

RECORDS = "records.jsonl"
TRANSPORT = "transport.sha256"
"""Digests of the packed members: they belong to the archive, not to the evidence."""

_HOST = re.compile(rb'"host":"([a-z])')


def damage_file(bundle: Path, copy: Path) -> str:
    """Write `copy` of `bundle` with one bit in the middle flipped; returns what changed, in words."""
    raw = bytearray(bundle.read_bytes())
    at = len(raw) // 2
    raw[at] ^= 0x01
    copy.write_bytes(raw)
    return f"One bit of byte {at:,} of {bundle.name} is flipped"


def forge_record(bundle: Path, folder: Path) -> tuple[int, str]:
    """Unpack `bundle` into `folder` and change one letter of one record's host.

    Returns the record's number in the bundle (its line, from 0) and what changed, in words.
    """
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name != TRANSPORT])
    file = folder / RECORDS
    records = bytearray(file.read_bytes())
    hosts = list(_HOST.finditer(records))
    at = hosts[len(hosts) // 2].start(1)
    before = records[at]
    records[at] ^= 0x01
    file.chmod(0o600)
    file.write_bytes(records)
    number = records.count(b"\n", 0, at)
    return number, f"Unpacked, and in record {number} a host's {chr(before)!r} made {chr(records[at])!r}"
