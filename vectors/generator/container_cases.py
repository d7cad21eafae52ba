"""S0: archives that another reader might see differently. Each is a zip that some lenient reader opens."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from recorder import archive, note, statement
from vectors.generator.bundle import INTACT, KEPT, Bundle, pack, sealed, without
from vectors.generator.case import BUNDLE, TRUST, VERIFY, Case
from vectors.generator.log import Log

PACKED = "That the same members are all that the sender had; only that this file is or is not in the strict form."
DEFLATED = "an intact bundle with its records deflated"


@dataclass(slots=True)
class Member:
    """One entry with everything a liar could set. packed: its bytes in the archive, the content if None."""

    name: bytes
    content: bytes
    method: int = 0
    flags: int = 0
    stamp: int = archive.DOS_DATE << 16
    crc: int | None = None
    size: int | None = None
    mode: int = archive.MODE
    extra: bytes = b""
    central_extra: bytes | None = None
    comment: bytes = b""
    central_name: bytes | None = None
    between: bytes = b""
    packed: bytes | None = None
    version: int = 20
    offset: int | None = None

    @property
    def stored(self) -> bytes:
        return self.content if self.packed is None else self.packed


def loose(members: list[Member], *, before: bytes = b"", comment: bytes = b"", count: int | None = None) -> bytes:
    """A zip written to the letter of what is asked, strict or not."""
    out, directory = before, b""
    for one in members:
        crc = zlib.crc32(one.content) if one.crc is None else one.crc
        lengths = (len(one.stored), len(one.content) if one.size is None else one.size)
        head = struct.pack("<HHHIIII", one.version, one.flags, one.method, one.stamp, crc, *lengths)
        at = len(out) if one.offset is None else one.offset
        out += b"PK\x03\x04" + head + struct.pack("<HH", len(one.name), len(one.extra)) + one.name + one.extra
        out += one.stored + one.between
        name = one.name if one.central_name is None else one.central_name
        extra = one.extra if one.central_extra is None else one.central_extra
        directory += b"PK\x01\x02" + struct.pack("<H", 3 << 8 | 20) + head
        directory += struct.pack("<HHHHHII", len(name), len(extra), len(one.comment), 0, 0, one.mode, at)
        directory += name + extra + one.comment
    total = len(members) if count is None else count
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, total, total, len(directory), len(out), len(comment))
    return out + directory + end + comment


def honest(members: dict[str, bytes], **packed: Member) -> list[Member]:
    """Entries of a strict archive, transport list included; changing one of them is the attack."""
    made = [packed.get(name.partition(".")[0], Member(name.encode(), content)) for name, content in members.items()]
    listing = "".join(f"{sha256(one.stored).hexdigest()}  {one.name.decode()}\n" for one in sorted(made, key=_name))
    return sorted([*made, Member(archive.TRANSPORT.encode(), listing.encode())], key=_name)


def _name(one: Member) -> bytes:
    return one.name


def stored_block(content: bytes) -> bytes:
    """Deflate without compression: the same bytes from every library."""
    assert len(content) < 65_536
    return struct.pack("<BHH", 1, len(content), 65_535 - len(content)) + content


def cases() -> Iterator[Case]:
    log = Log().begin().calls(5)
    members = Bundle(log).members()
    whole = pack(members, stored=True)
    trust = log.trust()

    def case(title: str, packed: bytes, code: str, **told: Any) -> Case:
        twin = told.pop("twin", INTACT)
        return Case(title, {BUNDLE: packed, TRUST: trust}, code, twin, VERIFY, silent=PACKED, **told)

    shows = {"unanchored": 9, "anchored_end": 0, "end": 9}
    yield sealed(INTACT, log, "P_TAIL_UNANCHORED", twin=KEPT, shows=shows)
    yield case("an intact bundle, nothing deflated", whole, "P_TAIL_UNANCHORED", twin="")
    for title, packed in _spoilt(whole).items():
        yield case(title, packed, "E_ARCHIVE_FORMAT")
    yield case("an archive with a comment", loose(honest(members), comment=b"hello"), "E_ARCHIVE_FORMAT")
    yield case("an archive whose offsets are shifted", loose(honest(members), before=b"MZ" * 8), "E_ARCHIVE_FORMAT")
    yield case("an archive whose members are not sorted", loose(honest(members)[::-1]), "E_ARCHIVE_FORMAT")
    yield case("an archive that declares more members", loose(honest(members), count=40), "E_ARCHIVE_FORMAT")
    yield case("an archive that declares fewer members", loose(honest(members), count=3), "E_ARCHIVE_FORMAT")
    for title, change in _ENTRY_CHANGES.items():
        entries = honest(members)
        readme = next(one for one in entries if one.name == statement.README.encode())
        for field, value in change.items():
            setattr(readme, field, value)
        yield case(title, loose(entries), "E_ARCHIVE_FORMAT")
    entries = honest(members)
    entries[1].offset = 0
    yield case("a member that points to another's bytes", loose(entries), "E_ARCHIVE_FORMAT")
    yield case("an archive without members", archive.end_records(0, 0, 0), "E_MEMBER_MISSING")
    for title, method in (("bzip2", 12), ("zstd", 93), ("deflate64", 9)):
        entries = honest(members)
        entries[0].method = method
        yield case(f"a member packed by {title}", loose(entries), "E_ARCHIVE_TYPE")
    for name in _BAD_NAMES:
        entries = sorted([*honest(members), Member(name, b"x")], key=_name)
        yield case(f"a member called {name!r:.24}", loose(entries), "E_ARCHIVE_NAME")
    entries = honest(members)
    yield case("an archive with one name twice", loose([entries[0], *entries]), "E_ARCHIVE_DUP")
    yield case("a hundred thousand members declared", _declared(whole, count=100_000), "E_ARCHIVE_LIMIT")
    yield case("a directory of 17 MiB declared", _declared(whole, size=17 << 20), "E_ARCHIVE_LIMIT")
    yield case("zip64 records where none is needed", _declared(whole), "E_ARCHIVE_FORMAT")
    yield from _transport(members, case)
    yield from _unreadable(log, members, case)
    yield from _members(log, members)


_BAD_NAMES = (
    b"README.txt",
    b"../readme.txt",
    b"/readme.txt",
    b"a//b",
    b"a/",
    b"a/./b",
    b"tree\\end",
    b"a" * 101,
    b"",
    b"a b",
    b"nul\x00.txt",
    "\u0440eadme.txt".encode(),
    b"\xff",
)
_ENTRY_CHANGES: dict[str, dict[str, Any]] = {
    "a data descriptor flag": {"flags": 8},
    "an encryption flag": {"flags": 1},
    "a UTF-8 name flag": {"flags": 0x800},
    "a time stamp in an entry": {"stamp": 0x5B21_6000},
    "an extra field in both headers": {"extra": struct.pack("<HH4s", 0xCAFE, 4, b"hide")},
    "an extra field in the local header only": {
        "extra": struct.pack("<HH4s", 0xCAFE, 4, b"hide"),
        "central_extra": b"",
    },
    "an extra field in the directory only": {"central_extra": struct.pack("<HH4s", 0xCAFE, 4, b"hide")},
    "a zip64 field that no size needs": {"extra": struct.pack("<HHQQ", 1, 16, 32, 32)},
    "a comment of a member": {"comment": b"trust me"},
    "an executable member": {"mode": 0o100755 << 16},
    "a symbolic link": {"mode": 0o120777 << 16},
    "another version needed": {"version": 45},
    "bytes between two members": {"between": b"hidden"},
    "another name in the directory than in the local header": {"central_name": b"readme.txz"},
    "a stored member with two sizes": {"size": 5},
}


def _spoilt(whole: bytes) -> dict[str, bytes]:
    return {
        "bytes after the end": whole + b"\x00",
        "bytes before the first member": b"#!/bin/sh\n" + whole,
        "an archive cut in the middle": whole[: len(whole) // 2],
        "an archive that lost its last byte": whole[:-1],
        "an empty file": b"",
        "a second end record inside the first": whole + b"PK\x05\x06" + bytes(18),
        "another disk": whole[:-18] + b"\x01" + whole[-17:],
    }


def _declared(whole: bytes, *, count: int | None = None, size: int | None = None) -> bytes:
    """The same archive with zip64 end records that declare other numbers."""
    end = whole.rindex(b"PK\x05\x06")
    told, old_size, at = struct.unpack_from("<HII", whole, end + 10)
    count, size = count or told, size or old_size
    record = archive.END64.pack(b"PK\x06\x06", 44, 3 << 8 | 45, 45, 0, 0, count, count, size, at)
    locator = archive.LOCATOR64.pack(b"PK\x06\x07", 0, at + old_size, 1)
    last = archive.END.pack(b"PK\x05\x06", 0, 0, archive.MANY, archive.MANY, min(size, archive.BIG), at, 0)
    return whole[: at + old_size] + record + locator + last


def _transport(members: dict[str, bytes], case: Any) -> Iterator[Case]:
    entries = honest(members)
    place = next(number for number, one in enumerate(entries) if one.name == archive.TRANSPORT.encode())
    listing = entries[place].content

    def listed(content: bytes, **fields: Any) -> bytes:
        made = honest(members)
        made[place] = Member(entries[place].name, content, **fields)
        return loose(made)

    yield case("no list of packed digests", loose(entries[:place] + entries[place + 1 :]), "E_MEMBER_MISSING")
    lines = listing.splitlines(keepends=True)
    yield case("a list of packed digests in another order", listed(b"".join(lines[::-1])), "E_ARCHIVE_FORMAT")
    yield case("a list of packed digests that leaves one out", listed(b"".join(lines[1:])), "E_ARCHIVE_FORMAT")
    yield case("a list of packed digests in capitals", listed(listing.upper()), "E_ARCHIVE_FORMAT")
    yield case("a list of packed digests without its last newline", listed(listing[:-1]), "E_ARCHIVE_FORMAT")
    packed = listed(listing, method=8, packed=stored_block(listing))
    yield case("a list of packed digests that is itself deflated", packed, "E_ARCHIVE_FORMAT")
    wrong = listing.replace(sha256(members[statement.README]).hexdigest().encode(), b"0" * 64)
    yield case("a list of packed digests with a wrong one", listed(wrong), "E_ARCHIVE_FORMAT")


def _unreadable(log: Log, members: dict[str, bytes], case: Any) -> Iterator[Case]:
    """Members that do not come out as they are declared. Their packed digest is right."""
    readme, records = members[statement.README], members[statement.RECORDS]

    def packed(name: str, content: bytes, stored: bytes, **fields: Any) -> bytes:
        one = Member(name.encode(), content, method=8, packed=stored, **fields)
        return loose(honest(members, **{name.partition(".")[0]: one}))

    yield case(DEFLATED, packed("records.jsonl", records, stored_block(records)), "P_TAIL_UNANCHORED", twin="")
    good = stored_block(readme)
    for title, stored, fields in (
        ("bytes that are not deflate", b"\xff" * 20, {}),
        ("deflate that ends early", good[:-3], {}),
        ("bytes after the end of deflate", good + b"tail", {}),
        ("deflate that gives more than declared", stored_block(readme + b"more"), {}),
        ("deflate that gives less than declared", stored_block(readme[:-1]), {}),
        ("another CRC-32 than its content", good, {"crc": 0}),
        ("nothing packed", b"", {}),
    ):
        yield case(f"a read-me of {title}", packed("readme.txt", readme, stored, **fields), "E_ARCHIVE_FORMAT")
    yield case(
        "records that do not inflate to their end",
        packed("records.jsonl", records, stored_block(records)[:-40]),
        "E_ARCHIVE_FORMAT",
        twin=DEFLATED,
        shows={"skipped": ["anchors", "records"]},
    )
    yield case(
        "a stored member with another CRC-32",
        loose(honest(members, readme=Member(b"readme.txt", readme, crc=1))),
        "E_ARCHIVE_FORMAT",
    )
    long = {**members, statement.TREE_END: b"x" * (note.MAX_BYTES + 1)}
    yield sealed("a checkpoint one byte over its limit", log, "E_ARCHIVE_LIMIT", members=long, silent=PACKED)
    bomb = {**members, statement.TREE_END: bytes(1 << 20)}
    yield sealed("a checkpoint of a MiB in a few kilobytes", log, "E_ARCHIVE_LIMIT", members=bomb, silent=PACKED)


def _members(log: Log, members: dict[str, bytes]) -> Iterator[Case]:
    for name in ("extra.txt", "anchors/07.cosig", "anchors/9.sig", "attestations/a b", "disclosures/x.jsonl", "tree"):
        if archive.NAME.fullmatch(name):
            extra = {**members, name: b"trust me"}
            yield sealed(f"an unlisted member {name}", log, "E_MEMBER_UNLISTED", members=extra, silent=PACKED)
    for name in (statement.STATEMENT, statement.RECORDS, statement.FRONTIER, statement.README):
        left = without(members, name)
        yield sealed(f"a bundle without {name}", log, "E_MEMBER_MISSING", members=left, silent=PACKED)
    yield from _folders(log, members)


def _folders(log: Log, members: dict[str, bytes]) -> Iterator[Case]:
    files = {TRUST: log.trust(), **{f"folder/{name}": content for name, content in members.items()}}
    words = ("verify", "folder", f"--trust={TRUST}")
    twin = "a folder with an intact bundle"
    yield Case(twin, files, "P_TAIL_UNANCHORED", arguments=words, silent=PACKED)
    bad = {**files, "folder/README.md": b"# Hello\n"}
    yield Case("a folder with a file in capitals", bad, "E_ARCHIVE_NAME", twin, words, silent=PACKED)
    both = {**files, "folder/Zzz": b"", "folder/a b": b""}
    yield Case("a folder with two bad names", both, "E_ARCHIVE_NAME", twin, words, silent=PACKED)
    extra = {**files, "folder/notes/hello.txt": b"hello\n"}
    yield Case("a folder with an unlisted file", extra, "E_MEMBER_UNLISTED", twin, words, silent=PACKED)
    left = {name: content for name, content in files.items() if name != "folder/readme.txt"}
    link = {"folder/readme.txt": "../trust.json"}
    yield Case("a folder with a symbolic link", left, "E_ARCHIVE_TYPE", twin, words, silent=PACKED, links=link)
    listing = {**files, f"folder/{archive.TRANSPORT}": b""}
    yield Case("a folder with a list of packed digests", listing, "E_MEMBER_UNLISTED", twin, words, silent=PACKED)
    yield Case("a bundle that is not there", {TRUST: files[TRUST]}, "", twin, words, verdict="unreadable")
