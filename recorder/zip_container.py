"""A strict `evidence.zip`: read only if our own writer (`recorder.archive`) would have written exactly these bytes.

Headers are compared byte for byte, members are sorted and contiguous, and every packed byte is in the transport list.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from recorder.archive import (
    BIG,
    CENTRAL,
    DEFLATED,
    END,
    END64,
    LOCATOR64,
    MANY,
    STORED,
    TRANSPORT,
    Entry,
    end_records,
    inflate,
)
from recorder.container_form import BAD_NAME, CHUNK, MAX_MEMBERS, ContainerError, is_member_name

MAX_DIRECTORY = 16 << 20
MAX_LISTING = 16 << 20
_LISTED = re.compile(r"([0-9a-f]{64})  ([a-z0-9._/-]{1,100})")


class ZipContainer:
    """A strict `evidence.zip`. The whole file is accounted for when the constructor returns.

    damage: members whose packed bytes are not those of the transport list.
    """

    def __init__(self, path: Path) -> None:
        self.damage: list[ContainerError] = []
        self._file = path.open("rb")
        self._entries: dict[str, Entry] = {}
        try:
            self._read_directory()
            self._check_transport()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> ZipContainer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name in self._entries if name != TRANSPORT)

    def size(self, name: str) -> int:
        return self._entries[name].size

    def stream(self, name: str) -> Iterator[bytes]:
        entry = self._entries[name]
        raw = self._packed(entry)
        crc = size = 0
        try:
            for chunk in raw if entry.method == STORED else inflate(raw, entry.size):
                crc = zlib.crc32(chunk, crc)
                size += len(chunk)
                yield chunk
        except ValueError as error:
            raise ContainerError("E_ARCHIVE_FORMAT", str(error), name) from None
        if size != entry.size or crc != entry.crc:
            raise ContainerError("E_ARCHIVE_FORMAT", "its bytes do not match the size and CRC-32 in its header", name)

    def place(self, name: str) -> tuple[int, int]:
        """(first, last) byte of a member's packed data in the file."""
        entry = self._entries[name]
        first = entry.offset + len(entry.local_header())
        return first, first + entry.packed - 1

    def _packed(self, entry: Entry) -> Iterator[bytes]:
        at = entry.offset + len(entry.local_header())
        left = entry.packed
        while left:
            self._file.seek(at)
            chunk = self._file.read(min(CHUNK, left))
            if not chunk:
                raise ContainerError("E_ARCHIVE_FORMAT", "the file ends inside a member", entry.name, at)
            at += len(chunk)
            left -= len(chunk)
            yield chunk

    def _read_directory(self) -> None:
        """Parse from the end, then demand that our own writer would have written exactly these headers."""
        total = self._file.seek(0, os.SEEK_END)
        count, size, at = self._read_end(total)
        if count > MAX_MEMBERS or size > MAX_DIRECTORY:
            raise ContainerError("E_ARCHIVE_LIMIT", "too many members")
        if not 0 <= at <= at + size <= total:
            raise ContainerError("E_ARCHIVE_FORMAT", "the central directory lies outside the file")
        directory = self._at(at, size)
        if self._at(at + size, total - at - size) != end_records(count, size, at):
            raise ContainerError("E_ARCHIVE_FORMAT", "the end of the archive is not in the strict form", "", at + size)
        position, offset, last = 0, 0, ""
        for _ in range(count):
            entry, used = _parse_central(directory, position, at)
            if entry.name in self._entries:
                raise ContainerError("E_ARCHIVE_DUP", "a member name occurs twice", entry.name)
            if entry.name < last or entry.offset != offset:
                raise ContainerError("E_ARCHIVE_FORMAT", "members are not sorted and contiguous", entry.name)
            header = entry.local_header()
            if offset + len(header) + entry.packed > at:
                raise ContainerError("E_ARCHIVE_FORMAT", "it reaches beyond the directory", entry.name, offset)
            if self._at(offset, len(header)) != header:
                where = _first_difference(self._at(offset, len(header)), header)
                raise ContainerError("E_ARCHIVE_FORMAT", "its two headers disagree", entry.name, offset + where)
            self._entries[entry.name] = entry
            position, last = position + used, entry.name
            offset += len(header) + entry.packed
        if position != size or offset != at:
            raise ContainerError("E_ARCHIVE_FORMAT", "bytes that belong to no member", "", offset)

    def _read_end(self, total: int) -> tuple[int, int, int]:
        if total < END.size:
            raise ContainerError("E_ARCHIVE_FORMAT", "not a zip archive: too short")
        end = END.unpack(self._at(total - END.size, END.size))
        if end[0] != b"PK\x05\x06":
            where = total - END.size
            raise ContainerError("E_ARCHIVE_FORMAT", "no end record at the end of the file", "", where)
        count, size, at = end[4], end[5], end[6]
        if count == MANY or size == BIG or at == BIG:
            where = total - END.size - LOCATOR64.size - END64.size
            if where < 0:
                raise ContainerError("E_ARCHIVE_FORMAT", "the zip64 end record is missing")
            big = END64.unpack(self._at(where, END64.size))
            count, size, at = big[7], big[8], big[9]
        return count, size, at

    def _check_transport(self) -> None:
        """Every packed byte against the transport list. What differs is noted, so that the rest can still be read."""
        entry = self._entries.get(TRANSPORT)
        if entry is None:
            raise ContainerError("E_MEMBER_MISSING", "the list of packed digests is missing", TRANSPORT)
        if entry.method != STORED or entry.size > MAX_LISTING:
            raise ContainerError("E_ARCHIVE_FORMAT", "the list of packed digests is not stored plainly", TRANSPORT)
        lines = b"".join(self.stream(TRANSPORT)).decode("latin-1").split("\n")
        found = [_LISTED.fullmatch(line) for line in lines[:-1]]
        if lines[-1] or not all(found):
            raise ContainerError("E_ARCHIVE_FORMAT", "the list of packed digests is malformed", TRANSPORT)
        listed = [(match.group(2), match.group(1)) for match in found if match]
        if [name for name, _ in listed] != list(self.names):
            raise ContainerError("E_ARCHIVE_FORMAT", "the list of packed digests names other members", TRANSPORT)
        for name, wanted in listed:
            digest = sha256()
            for chunk in self._packed(self._entries[name]):
                digest.update(chunk)
            if digest.hexdigest() != wanted:
                first, last = self.place(name)
                detail = f"damaged between byte {first} and {last} of the file"
                self.damage.append(ContainerError("E_ARCHIVE_FORMAT", detail, name, first))

    def _at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)


def _parse_central(directory: bytes, position: int, base: int) -> tuple[Entry, int]:
    """The entry at `position`; it must be byte for byte what our writer writes."""
    try:
        fields = CENTRAL.unpack_from(directory, position)
    except struct.error:
        raise ContainerError("E_ARCHIVE_FORMAT", "the central directory ends early", "", base + position) from None
    method, crc, packed, size, name_size, extra_size, offset = *fields[4:5], *fields[7:12], fields[16]
    start = position + CENTRAL.size
    if start + name_size + extra_size > len(directory):
        raise ContainerError("E_ARCHIVE_FORMAT", "the central directory ends early", "", base + position)
    raw = directory[start : start + name_size]
    extra = directory[start + name_size : start + name_size + extra_size]
    name = raw.decode("latin-1")
    if not is_member_name(name):
        raise ContainerError("E_ARCHIVE_NAME", BAD_NAME, "", base + start)
    if method not in (STORED, DEFLATED):
        raise ContainerError("E_ARCHIVE_TYPE", "packed by a method that is not allowed", name, base + position)
    values = list(struct.unpack(f"<{(len(extra) - 4) // 8}Q", extra[4:])) if len(extra) in (12, 20, 28) else []
    if packed == BIG and len(values) >= 2:
        size, packed = values[0], values[1]
        values = values[2:]
    if offset == BIG and values:
        offset = values[0]
    entry = Entry(name, method, crc, packed, size, offset)
    wanted = entry.central_header()
    got = directory[position : position + len(wanted)]
    if got != wanted:
        where = base + position + _first_difference(got, wanted)
        raise ContainerError("E_ARCHIVE_FORMAT", "its directory entry is not in the strict form", name, where)
    if method == STORED and packed != size:
        raise ContainerError("E_ARCHIVE_FORMAT", "stored with two sizes", name, base + position)
    return entry, len(wanted)


def _first_difference(one: bytes, other: bytes) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
