"""One record with its proof: small enough to mail, and wrong in every way a mail can be."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from recorder import merkle, note, proof
from recorder.merkle import leaf_hash
from vectors.generator.bundle import compact, signed_note
from vectors.generator.case import TRUST, Case
from vectors.generator.keys import key
from vectors.generator.log import Log
from vectors.generator.trust_file import limited, trusting

PROOF = "record.tlog-proof"
WORDS = ("verify-record", PROOF, f"--trust={TRUST}")
PROVEN = "record 6 of 9 with its proof"
ONE = "Anything about the records around it, or about what came later."


def cases() -> Iterator[Case]:
    log = Log().begin().calls(5)
    yield from _good(log)
    yield from _forms(log)
    yield from _notes(log)
    yield from _records(log)


def make(log: Log, place: int, size: int | None = None, **parts: Any) -> bytes:
    """A proof; parts: line, hashes, checkpoint, index that differ."""
    end = log.size if size is None else size
    hashes = merkle.inclusion_proof([leaf_hash(line) for line in log.lines[:end]], place)
    found = {"line": log.lines[place], "index": place, "hashes": hashes, "checkpoint": log.checkpoint(end), **parts}
    return proof.make(found["line"], found["index"], found["hashes"], found["checkpoint"])


def case(title: str, content: bytes, code: str, log: Log | None = None, **told: Any) -> Case:
    trust = told.pop("trust", (log or Log().begin()).trust())
    told = {"twin": PROVEN if code else "", "silent": ONE, **told}
    return Case(title, {PROOF: content, TRUST: trust}, code, arguments=WORDS, **told)


def _good(log: Log) -> Iterator[Case]:
    yield case(PROVEN, make(log, 6), "", shows={"seq": 6, "size": 9, "origin": log.origin, "codes": []})
    for place, size in ((0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (4, 5), (0, 8), (7, 8), (8, 9)):
        yield case(f"record {place} of {size} with its proof", make(log, place, size), "", shows={"size": size})
    text = note.checkpoint_text(log.origin, 9, log.root())
    more = log.checkpoint() + signed_note(log, text, key("x"), "w.example")[len(text) + 1 :]
    yield case("a proof whose checkpoint others have signed too", make(log, 6, checkpoint=more), "")
    future = Log().begin()
    future.edited(lambda made: made.update(typ="pef.telepathy", data={}))
    shows = {"codes": [{"code": "W_TYPE_UNKNOWN", "count": 1}]}
    yield case("a proof of a record of a type of the future", make(future, 4), "", shows=shows)
    words = ("verify-record", PROOF)
    content = {PROOF: make(log, 6)}
    yield Case("a proof and no trust file", content, "I_TRUST_MISSING", PROVEN, words, silent=ONE, shows={"size": 9})
    yield Case("a proof that is not there", {TRUST: log.trust()}, "", PROVEN, WORDS, silent=ONE, verdict="unreadable")


def _forms(log: Log) -> Iterator[Case]:
    good = make(log, 6)
    head, _, checkpoint = good.partition(b"\n\n")
    lines = head.split(b"\n")

    def put(number: int, line: bytes) -> bytes:
        return b"\n".join([*lines[:number], line, *lines[number + 1 :]]) + b"\n\n" + checkpoint

    wrong: dict[str, bytes] = {
        "of another version": put(0, b"c2sp.org/tlog-proof@v2"),
        "without its record": b"\n".join([lines[0], *lines[2:]]) + b"\n\n" + checkpoint,
        "with its record in base64url": put(1, b"extra " + base64.urlsafe_b64encode(b"\xff\xff\xff")),
        "with a record that has spare bits": put(1, b"extra YR=="),
        "with an index of 06": put(2, b"index 06"),
        "with an index of -1": put(2, b"index -1"),
        "with an index of 2^53": put(2, b"index 9007199254740992"),
        "without an index": b"\n".join([*lines[:2], *lines[3:]]) + b"\n\n" + checkpoint,
        "with a hash of 31 bytes": put(3, base64.b64encode(bytes(31))),
        "with an empty line among its hashes": put(3, b""),
        "with 64 hashes": b"\n".join([*lines[:3], *[lines[3]] * 64]) + b"\n\n" + checkpoint,
        "with carriage returns": good.replace(b"\n", b"\r\n"),
        "without a checkpoint": head + b"\n",
        "with two blanks": put(2, b"index  6"),
        "that is empty": b"",
        "over 256 KiB": good + b"x" * (256 << 10),
    }
    for title, content in wrong.items():
        code = "E_CKPT_EXT" if "empty line" in title else "E_PROOF_FORMAT"
        yield case(f"a proof {title}", content, code)


def _notes(log: Log) -> Iterator[Case]:
    text = note.checkpoint_text(log.origin, 9, log.root())
    for title, checkpoint, code in (
        ("that is no note", b"hello\n", "E_CKPT_FORMAT"),
        ("with an extension line", signed_note(log, text + b"x\n"), "E_CKPT_EXT"),
        ("by a stranger", log.checkpoint(signer=key("stranger")), "E_CKPT_SIG"),
        ("by the seal key", log.checkpoint(signer=log.seal_key), "E_CKPT_SIG"),
        ("of another root", note.sign_checkpoint(log.origin, 9, bytes(32), log.log_key), "E_ROOT"),
        ("of a smaller tree", log.checkpoint(8), "E_ROOT"),
        ("of a tree without it", log.checkpoint(6), "E_ROOT"),
        ("of an empty tree", log.checkpoint(0), "E_ROOT"),
    ):
        yield case(f"a proof with a checkpoint {title}", make(log, 6, checkpoint=checkpoint), code)
    other = Log(origin="vectors.clyra.example/other").begin().calls(5)
    yield case("a proof of another log", make(other, 6), "E_CKPT_ORIGIN", log)
    for title, fields, code in (
        ("ended", {"valid_until_size": 8}, "E_KEY_NOT_VALID_AT_SIZE"),
        ("began later", {"valid_from_size": 10}, "E_KEY_NOT_VALID_AT_SIZE"),
        ("was stolen", {"compromised_from_size": 9}, "E_KEY_COMPROMISED"),
    ):
        yield case(f"a proof by a log key that {title}", make(log, 6), code, trust=limited(log, "log", **fields))
    yield case("a proof and a broken trust file", make(log, 6), "E_TRUST_SIG", trust=b"{}\n")
    yield case("a proof and a trust file with a weak key", make(log, 6), "E_KEY_WEAK", trust=_weak(log))


def _records(log: Log) -> Iterator[Case]:
    nodes = merkle.inclusion_proof([leaf_hash(line) for line in log.lines], 6)
    for title, parts in {
        "of another record": {"line": log.lines[7]},
        "at another place": {"index": 5},
        "with a hash changed": {"hashes": [bytes(32), *nodes[1:]]},
        "with a hash too few": {"hashes": nodes[:-1]},
        "with a hash too many": {"hashes": [*nodes, nodes[0]]},
        "with two hashes exchanged": {"hashes": [nodes[1], nodes[0], *nodes[2:]]},
    }.items():
        yield case(f"a proof {title}", make(log, 6, **parts), "E_ROOT")
    changes: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
        "with a field nobody knows": (lambda made: made.update(note="x"), "E_SCHEMA"),
        "of another version": (lambda made: made.update(v="def/9"), "I_VERSION"),
        "of another log": (lambda made: made.update(origin="vectors.clyra.example/other"), "E_ORIGIN"),
        "with another number": (lambda made: made.update(seq=7), "E_SEQ"),
    }
    for title, (change, code) in changes.items():
        spoilt = Log().begin().calls(1)
        spoilt.edited(change)
        yield case(f"a proven record {title}", make(spoilt, 5), code)
    for title, raw, code in (
        ("with blanks", compact(orjson.loads(log.lines[5])).replace(b'":', b'": '), "E_CANON"),
        ("that is not JSON", b"hello", "E_CANON"),
        ("that is not UTF-8", b"\xff", "E_UTF8"),
        ("with a fraction", b'{"a":1.5}', "E_NUM"),
        ("that is an array", b"[]", "E_SCHEMA"),
    ):
        spoilt = Log().begin().calls(1)
        spoilt.raw(raw)
        yield case(f"a proven record {title}", make(spoilt, 5), code)


def _weak(log: Log) -> bytes:
    return trusting(log, {**_entry(), "pub": "00" * 32})


def _entry() -> dict[str, Any]:
    return {"keyid": "00" * 32, "alg": "ed25519", "role": "auditor", "state": "active", "valid_from_size": 0}
