"""S3: signed notes, byte by byte, and keys that may not sign at that size."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from recorder import note, statement
from vectors.generator.bundle import Bundle, sealed, signed_note, without
from vectors.generator.case import Case
from vectors.generator.keys import key
from vectors.generator.log import Log
from vectors.generator.trust_file import limited, listed, trusting

MIDDLE = "an intact bundle of records 5 to 8"
SIGNED = "That the log showed everybody this checkpoint."


def cases() -> Iterator[Case]:
    log = Log().begin().calls(5)
    yield from _forms(log)
    yield from _contents(log)
    yield from _keys(log)
    yield from _starts(log)


def _end(log: Log, title: str, raw: bytes, code: str, **told: Any) -> Case:
    members = {**Bundle(log).members(), statement.TREE_END: raw}
    return sealed(title, log, code, members=members, **{"silent": SIGNED, **told})


def _forms(log: Log) -> Iterator[Case]:
    text = note.checkpoint_text(log.origin, log.size, log.root())
    true = log.checkpoint()
    line = true[len(text) + 1 :]
    root = text.split(b"\n")[2]
    wrong: dict[str, bytes] = {
        "no signature": text,
        "an empty signature block": text + b"\n",
        "no newline at its end": true[:-1],
        "no empty line": text + line,
        "a carriage return": true.replace(b"\n", b"\r\n"),
        "a tab": signed_note(log, text.replace(b"/log", b"/l\tg")),
        "a byte that is not UTF-8": true.replace(b"vectors", b"v\xffctors"),
        "a byte order mark on a signature": text + b"\n\xef\xbb\xbf" + line,
        "a hyphen for the dash": true.replace("—".encode(), b"-"),
        "two blanks in a signature line": true.replace("— ".encode(), "—  ".encode()),
        "a signature line of another kind": true + b"hello\n",
        "seventeen signature lines": text + b"\n" + line * 17,
        "a signature of four bytes": text + f"\n— {log.origin} {base64.b64encode(b'1234').decode()}\n".encode(),
        "a signature that is not base64": true.replace(line[-6:-1], b"!!!!!"),
        "a signature without padding": text + b"\n" + line.rstrip(b"=\n") + b"\n",
        "a key name with a plus": signed_note(log, text, name="a+b"),
        "a key name of 201 letters": signed_note(log, text, name="n" * 201),
        "a key name with a wide blank": signed_note(log, text, name="a\u3000b"),
        "a leading zero": signed_note(log, text.replace(b"\n9\n", b"\n09\n")),
        "a plus before its size": signed_note(log, text.replace(b"\n9\n", b"\n+9\n")),
        "a size of 2^53": signed_note(log, text.replace(b"\n9\n", b"\n9007199254740992\n")),
        "a size in other digits": signed_note(log, text.replace(b"\n9\n", "\n\u0669\n".encode())),
        "a root of 31 bytes": signed_note(log, text.replace(root, base64.b64encode(bytes(31)))),
        "a root with spare bits set": signed_note(log, text.replace(root, root[:-2] + _next(root[-2:-1]) + b"=")),
        "a root in base64url": signed_note(log, text.replace(root, b"-" * 43 + b"=")),
        "two lines": signed_note(log, b"\n".join(text.split(b"\n")[:2]) + b"\n"),
        "an empty origin": signed_note(log, b"\n" + text.split(b"\n", 1)[1]),
        "nothing in it": b"",
    }
    for title, raw in wrong.items():
        yield _end(log, f"a checkpoint with {title}", raw, "E_CKPT_FORMAT")
    for title, extra in (("an extension line", b"extra\n"), ("an empty extension line", b"\nx\n")):
        yield _end(log, f"a checkpoint with {title}", signed_note(log, text + extra), "E_CKPT_EXT")
    others = true + signed_note(log, text, key("x"), "somebody.example/else")[len(text) + 1 :] * 15
    yield _end(log, "a checkpoint with fifteen signatures of others", others, "P_TAIL_UNANCHORED")


def _contents(log: Log) -> Iterator[Case]:
    text = note.checkpoint_text(log.origin, log.size, log.root())
    other = signed_note(log, text.replace(b"/log", b"/other"), name="vectors.clyra.example/other")
    yield _end(log, "a checkpoint of another log", other, "E_CKPT_ORIGIN")
    yield _end(log, "a checkpoint of an earlier size", log.checkpoint(8), "E_CKPT_SIZE")
    wrong = note.sign_checkpoint(log.origin, log.size, bytes(32), log.log_key)
    yield _end(log, "a checkpoint of another root", wrong, "E_CKPT_SIZE")
    yield _end(log, "a checkpoint signed by a stranger", log.checkpoint(signer=key("stranger")), "E_CKPT_SIG")
    yield _end(log, "a checkpoint signed by the seal key", log.checkpoint(signer=log.seal_key), "E_CKPT_SIG")
    yield _end(log, "a checkpoint signed under another name", signed_note(log, text, name="x"), "E_CKPT_SIG")
    moved = log.checkpoint().replace(text, text.replace(b"\n9\n", b"\n8\n"))
    yield _end(log, "a checkpoint whose text was changed", moved, "E_CKPT_SIG", verdict="rejected")
    stranger = signed_note(log, text, key("stranger"))[len(text) + 1 :]
    yield _end(log, "a checkpoint signed by a stranger and the log", log.checkpoint() + stranger, "P_TAIL_UNANCHORED")
    left = without(Bundle(log).members(), statement.TREE_END)
    shows = {
        "codes": [
            {"code": "P_END_UNPROVEN", "count": 1, "member": "tree/end"},
            {"code": "P_TAIL_UNANCHORED", "count": 1},
        ]
    }
    yield sealed("no checkpoint of the end", log, "P_END_UNPROVEN", members=left, shows=shows, silent=SIGNED)
    left = without(Bundle(log).members(), statement.TREE_START)
    yield sealed("no checkpoint of the start of a whole log", log, "P_TAIL_UNANCHORED", members=left, silent=SIGNED)


def _keys(log: Log) -> Iterator[Case]:
    good = log.checkpoint()
    for title, fields, code in (
        ("ended before", {"valid_until_size": 8}, "E_KEY_NOT_VALID_AT_SIZE"),
        ("ended there", {"valid_until_size": 9}, "P_TAIL_UNANCHORED"),
        ("began later", {"valid_from_size": 10}, "E_KEY_NOT_VALID_AT_SIZE"),
        ("began there", {"valid_from_size": 9}, "P_TAIL_UNANCHORED"),
        ("was compromised before", {"state": "compromised", "compromised_from_size": 9}, "E_KEY_COMPROMISED"),
        ("was compromised later", {"state": "compromised", "compromised_from_size": 10}, "P_TAIL_UNANCHORED"),
        ("was compromised and ended", {"compromised_from_size": 1, "valid_until_size": 2}, "E_KEY_COMPROMISED"),
    ):
        yield _end(log, f"a log key that {title}", good, code, trust=limited(log, "log", **fields))
    text = note.checkpoint_text(log.origin, log.size, log.root())
    second = good + signed_note(log, text, key("log-2"))[len(text) + 1 :]
    for title, fields in (("ended", {"valid_until_size": 3}), ("compromised", {"state": "compromised"})):
        keys = trusting(log, listed(key("log-2"), "log", **fields))
        yield _end(
            log, f"a checkpoint by a good and a log key that is {title}", second, "P_TAIL_UNANCHORED", trust=keys
        )


def _starts(log: Log) -> Iterator[Case]:
    bundle = Bundle(log, 5)
    yield sealed(MIDDLE, bundle, "P_TAIL_UNANCHORED", shows={"start": 5, "unanchored": 4})
    good = bundle.members()

    def start(title: str, raw: bytes | None, code: str, **told: Any) -> Case:
        left = without(good, statement.TREE_START)
        members = left if raw is None else {**left, statement.TREE_START: raw}
        twin = MIDDLE if code.startswith("E") else ""
        return sealed(title, bundle, code, members=members, twin=twin, silent=SIGNED, **told)

    yield start("no checkpoint of the start", None, "E_MEMBER_MISSING")
    yield start("a checkpoint of the start of another size", log.checkpoint(4), "E_CKPT_SIZE")
    yield start("a checkpoint of the start by a stranger", log.checkpoint(5, key("stranger")), "E_CKPT_SIG")
    for title, fields, code in (
        ("began after it", {"valid_from_size": 6}, "P_TAIL_UNANCHORED"),
        ("ended before it", {"valid_until_size": 4}, "E_KEY_NOT_VALID_AT_SIZE"),
    ):
        keys = limited(log, "log", **fields)
        yield start(
            f"a checkpoint of the start by a log key that {title}", good[statement.TREE_START], code, trust=keys
        )


def _next(letter: bytes) -> bytes:
    """A base64 letter with another last bit."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    place = alphabet.index(letter) ^ 1
    return alphabet[place : place + 1]
