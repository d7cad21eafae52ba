"""`evidence.zip`: the one way a bundle may be packed, written by our own code and read by nothing more lenient.

Members sorted by name, names `[a-z0-9._/-]{1,100}`, unique, stored or deflated; local header equal to the central entry
in every shared field; contiguous from byte 0; no extra fields but zip64 where a size needs it; no encryption, no data
descriptors, no comments; time 1980-01-01, mode 0444. One member, `transport.sha256`, lists the digest of every other
member's packed bytes: deflate has bits that change nothing, and with the list no byte of the file can change unnoticed.
It guards against damage only; proof is in the statement and the tree, whatever the container.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

NAME = re.compile(r"[a-z0-9._/-]{1,100}")
TRANSPORT = "transport.sha256"
STORED, DEFLATED = 0, 8
LOCAL = struct.Struct("<4sHHHHHIIIHH")
CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
END = struct.Struct("<4sHHHHIIH")
END64 = struct.Struct("<4sQHHIIQQQQ")
LOCATOR64 = struct.Struct("<4sIQI")
BIG, MANY = 0xFFFFFFFF, 0xFFFF
DOS_DATE = 0x0021
MODE = 0o100444 << 16
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Entry:
    """One member as the central directory has it. offset: of its local header."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int

    @property
    def zip64(self) -> bool:
        return self.packed >= BIG or self.size >= BIG

    @property
    def version(self) -> int:
        return 45 if self.zip64 or self.offset >= BIG else 20

    def local_header(self) -> bytes:
        extra = struct.pack("<HHQQ", 1, 16, self.size, self.packed) if self.zip64 else b""
        packed, size = (BIG, BIG) if self.zip64 else (self.packed, self.size)
        name = self.name.encode("ascii")
        fields = (self.version, 0, self.method, 0, DOS_DATE, self.crc, packed, size, len(name), len(extra))
        return LOCAL.pack(b"PK\x03\x04", *fields) + name + extra

    def central_header(self) -> bytes:
        values = [self.size, self.packed] if self.zip64 else []
        values += [self.offset] if self.offset >= BIG else []
        extra = struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values) if values else b""
        packed, size = (BIG, BIG) if self.zip64 else (self.packed, self.size)
        name = self.name.encode("ascii")
        shared = (self.version, 0, self.method, 0, DOS_DATE, self.crc, packed, size, len(name), len(extra))
        rest = (0, 0, 0, MODE, min(self.offset, BIG))
        return CENTRAL.pack(b"PK\x01\x02", 3 << 8 | self.version, *shared, *rest) + name + extra


def end_records(count: int, directory_size: int, directory_at: int) -> bytes:
    """What follows the central directory: the zip64 records where a number needs them, then the end record."""
    big = directory_at >= BIG or directory_size >= BIG or count >= MANY
    tail = b""
    if big:
        at = directory_at + directory_size
        version = (3 << 8 | 45, 45, 0, 0)
        tail = END64.pack(b"PK\x06\x06", 44, *version, count, count, directory_size, directory_at)
        tail += LOCATOR64.pack(b"PK\x06\x07", 0, at, 1)
    counts = (min(count, MANY), min(count, MANY))
    return tail + END.pack(b"PK\x05\x06", 0, 0, *counts, min(directory_size, BIG), min(directory_at, BIG), 0)


@dataclass(slots=True)
class Packed:
    """A member packed into `file`, from its current start, before its place in the archive is known."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    digest: str
    file: IO[bytes]


def pack(name: str, chunks: Iterable[bytes], file: IO[bytes], *, compress: bool) -> Packed:
    """Pack one member into a scratch file (which then holds only this member)."""
    if NAME.fullmatch(name) is None:
        raise ValueError(f"not a member name: {name}")
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15) if compress else None
    crc = packed = size = 0
    digest = sha256()

    def write(data: bytes) -> None:
        nonlocal packed
        packed += len(data)
        digest.update(data)
        file.write(data)

    for chunk in chunks:
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
        write(deflater.compress(chunk) if deflater else chunk)
    if deflater:
        write(deflater.flush())
    file.seek(0)
    return Packed(name, DEFLATED if compress else STORED, crc, packed, size, digest.hexdigest(), file)


def write_archive(path: Path, members: Sequence[Packed], scratch: IO[bytes]) -> None:
    """Write the container, synced to disk, 0600; `scratch` is an empty file for the transport list."""
    listing = "".join(f"{one.digest}  {one.name}\n" for one in sorted(members, key=lambda one: one.name))
    transport = pack(TRANSPORT, [listing.encode()], scratch, compress=False)
    ordered = sorted([*members, transport], key=lambda one: one.name)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        entries = []
        for one in ordered:
            entry = Entry(one.name, one.method, one.crc, one.packed, one.size, file.tell())
            file.write(entry.local_header())
            for chunk in iter(lambda: one.file.read(_CHUNK), b""):  # noqa: B023 - used up inside this turn of the loop
                file.write(chunk)
            entries.append(entry)
        directory = b"".join(entry.central_header() for entry in entries)
        at = file.tell()
        file.write(directory + end_records(len(entries), len(directory), at))
        file.flush()
        os.fsync(file.fileno())


def inflate(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """Raw deflate, bounded; raises ValueError unless the stream ends exactly with the data and within `limit`."""
    inflater = zlib.decompressobj(-15)
    size = 0
    while not inflater.eof:
        pending = inflater.unconsumed_tail or next(chunks, b"")
        try:
            data = inflater.decompress(pending, _CHUNK)
        except zlib.error as error:
            raise ValueError(f"damaged deflate stream: {error}") from None
        size += len(data)
        if size > limit:
            raise ValueError("it inflates beyond its declared size")
        if data:
            yield data
        elif not pending and not inflater.eof:
            raise ValueError("the deflate stream does not end")
    if inflater.unused_data or next(chunks, b""):
        raise ValueError("data after the end of the deflate stream")
