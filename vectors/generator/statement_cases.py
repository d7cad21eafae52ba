"""S2: statements that are not what they must be."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from recorder import statement
from vectors.generator.bundle import Bundle, compact, sealed
from vectors.generator.case import Case
from vectors.generator.keys import key, p256
from vectors.generator.log import Log
from vectors.generator.trust_file import limited, listed, trusting

SIGNED = "That the signer meant what he signed; only that his key did."
P256_SEALED = "a statement signed by a P-256 seal key"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def cases() -> Iterator[Case]:
    log = Log().begin().calls(5)
    yield from _envelopes(log)
    yield from _signatures(log)
    yield from _p256()
    yield from _payloads(log)
    yield from _digests(log)


def _case(log: Log, title: str, members: dict[str, bytes], code: str, **told: Any) -> Case:
    return sealed(title, log, code, members=members, **{"silent": SIGNED, **told})


def _envelopes(log: Log) -> Iterator[Case]:
    good = Bundle(log).members()
    raw = good[statement.STATEMENT]
    envelope = orjson.loads(raw)

    def put(title: str, content: bytes, code: str) -> Case:
        return _case(log, title, {**good, statement.STATEMENT: content}, code, shows={"skipped": ["records"]})

    def changed(change: Callable[[dict[str, Any]], Any]) -> bytes:
        made = orjson.loads(raw)
        change(made)
        return compact(made) + b"\n"

    signature = envelope["signatures"][0]
    spare = signature["sig"][:-3] + chr(ord(signature["sig"][-3]) + 1) + "=="
    forms = {
        "blanks": orjson.dumps(envelope, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2) + b"\n",
        "no newline": raw[:-1],
        "two newlines": raw + b"\n",
        "its names in another order": b'{"payloadType":'
        + raw[raw.index(b'"application') :].replace(
            b"}]}\n", b'}],"payload":"' + envelope["payload"].encode() + b'"}\n'
        ),
        "a name twice": raw.replace(b'{"payload":', b'{"payload":"","payload":', 1),
        "an escaped letter": raw.replace(b'"payload"', b'"\\u0070ayload"', 1),
        "a byte order mark": b"\xef\xbb\xbf" + raw,
        "a byte that is not UTF-8": raw.replace(b'"sig"', b'"s\xffg"', 1),
        "a further field": changed(lambda made: made.update(note="x")),
        "no signatures": changed(lambda made: made.update(signatures=[])),
        "seventeen signatures": changed(lambda made: made.update(signatures=[signature] * 17)),
        "signatures that are no list": changed(lambda made: made.update(signatures={"a": 1})),
        "a signature with a further field": changed(lambda made: made["signatures"][0].update(cert="x")),
        "a signature without a key id": changed(lambda made: made["signatures"][0].pop("keyid")),
        "a key id that is a number": changed(lambda made: made["signatures"][0].update(keyid=7)),
        "a signature in base64url": changed(lambda made: made["signatures"][0].update(sig="-_8=")),
        "a signature with spare bits set": changed(lambda made: made["signatures"][0].update(sig=spare)),
        "a signature without padding": changed(lambda made: made["signatures"][0].update(sig=signature["sig"][:-2])),
        "a payload that is no text": changed(lambda made: made.update(payload=None)),
        "a payload with a blank": changed(lambda made: made.update(payload=" " + made["payload"])),
        "an array around it": b"[" + raw[:-1] + b"]\n",
        "nothing": b"",
    }
    for title, content in forms.items():
        yield put(f"an envelope with {title}", content, "E_DSSE_FORMAT")
    typed = changed(lambda made: made.update(payloadType="application/json"))
    yield put("an envelope of another type", typed, "E_DSSE_TYPE")
    both = changed(lambda made: made.update(payloadType="text/plain", signatures=[]))
    yield put("an envelope of another type without signatures", both, "E_DSSE_TYPE")


def _signatures(log: Log) -> Iterator[Case]:
    good = Bundle(log).members()

    def signed(*keys: Any) -> dict[str, bytes]:
        return Bundle(log, seal_keys=list(keys)).members()

    yield _case(log, "a statement signed by a stranger", signed(key("stranger")), "E_DSSE_SIG")
    yield _case(log, "a statement signed by the log key", signed(log.log_key), "E_DSSE_SIG")
    yield _case(log, "a statement signed by the root key", signed(key("root")), "E_DSSE_SIG")
    yield _case(log, "a statement signed by the seal key and a stranger", signed(log.seal_key, key("x")), "E_DSSE_SIG")
    twice = signed(log.seal_key, log.seal_key)
    yield _case(log, "a statement signed twice by the seal key", twice, "P_TAIL_UNANCHORED")
    made = orjson.loads(good[statement.STATEMENT])
    flipped = bytearray(base64.b64decode(made["signatures"][0]["sig"]))
    flipped[7] ^= 1
    made["signatures"][0]["sig"] = base64.b64encode(flipped).decode()
    yield _case(log, "a statement with a bit of its signature turned", _with(good, compact(made) + b"\n"), "E_DSSE_SIG")
    high = int.from_bytes(
        base64.b64decode(orjson.loads(good[statement.STATEMENT])["signatures"][0]["sig"])[32:], "little"
    )
    order = 2**252 + 27742317777372353535851937790883648493
    raw = base64.b64decode(orjson.loads(good[statement.STATEMENT])["signatures"][0]["sig"])[:32]
    made["signatures"][0]["sig"] = base64.b64encode(raw + (high + order).to_bytes(32, "little")).decode()
    yield _case(log, "a statement whose signature has s + L", _with(good, compact(made) + b"\n"), "E_DSSE_SIG")
    made["signatures"][0]["sig"] = base64.b64encode(raw).decode()
    yield _case(log, "a statement whose signature is half as long", _with(good, compact(made) + b"\n"), "E_DSSE_SIG")
    for title, fields, code in (
        ("ended before the end", {"valid_until_size": 8}, "E_KEY_NOT_VALID_AT_SIZE"),
        ("ended at the end", {"valid_until_size": 9}, "P_TAIL_UNANCHORED"),
        ("began after the end", {"valid_from_size": 10}, "P_TAIL_UNANCHORED"),
        ("was compromised before", {"state": "compromised", "compromised_from_size": 9}, "E_KEY_COMPROMISED"),
        ("was compromised after", {"state": "compromised", "compromised_from_size": 10}, "P_TAIL_UNANCHORED"),
        ("was compromised, nobody knows when", {"state": "compromised"}, "E_KEY_COMPROMISED"),
        ("is retired and has no bound", {"state": "retired"}, "P_TAIL_UNANCHORED"),
    ):
        yield _case(log, f"a seal key that {title}", good, code, trust=limited(log, "seal", **fields))
    spare = trusting(log, listed(key("seal-2"), "seal", valid_until_size=2))
    yield _case(
        log,
        "a statement by a good and an ended seal key",
        signed(key("seal-2"), log.seal_key),
        "P_TAIL_UNANCHORED",
        trust=spare,
    )


def _p256() -> Iterator[Case]:
    """ECDSA: one byte form for each signature."""
    log = Log(seal_key=p256("seal")).begin().calls(5)
    good = Bundle(log).members()
    yield _case(log, P256_SEALED, good, "P_TAIL_UNANCHORED")
    made = orjson.loads(good[statement.STATEMENT])
    der = base64.b64decode(made["signatures"][0]["sig"])
    r, s = decode_dss_signature(der)

    def put(title: str, value: bytes, code: str = "E_DSSE_SIG") -> Case:
        made["signatures"][0]["sig"] = base64.b64encode(value).decode()
        twin = P256_SEALED if code.startswith("E") else ""
        return _case(log, f"a P-256 signature {title}", _with(good, compact(made) + b"\n"), code, twin=twin)

    yield put("with the other s", encode_dss_signature(r, P256_ORDER - s), "P_TAIL_UNANCHORED")
    yield put("as r and s without DER", r.to_bytes(32) + s.to_bytes(32))
    yield put("with a byte after it", der + b"\x00")
    yield put("with a long length", der[:1] + b"\x81" + der[1:])
    yield put("with a needless zero", _padded(r, s))
    yield put("with s + n", encode_dss_signature(r, s + P256_ORDER))
    yield put("with r = 0", encode_dss_signature(0, s))
    yield put("with s = 0", encode_dss_signature(r, 0))
    yield put("over something else", p256("seal").sign(b"something else"))
    yield put("of nothing", b"")


def _payloads(log: Log) -> Iterator[Case]:
    bundle = Bundle(log)
    payload = bundle.payload()
    type_name = statement.STATEMENT_TYPE.encode()
    for title, body in {
        "blanks": payload.replace(b'":', b'": ', 1),
        "a key twice": b'{"_type":"x",' + payload[1:],
        "keys in another order": payload.replace(b'"origin"', b'"zrigin"'),
        "a fraction": payload.replace(b'"start":0', b'"start":0.0'),
        "minus zero": payload.replace(b'"start":0', b'"start":-0'),
        "a number beyond 2^53": payload.replace(b'"end":9', b'"end":9007199254740993'),
        "seventeen levels": payload.replace(b'"end":9', b'"end":' + b"[" * 15 + b"]" * 15),
        "a thousand levels": payload.replace(b'"end":9', b'"end":' + b"[" * 1000 + b"]" * 1000),
        "an escaped slash": payload.replace(b"https://", b"https:\\/\\/", 1),
        "a lone surrogate": payload.replace(b'"clyra"', b'"\\ud800"'),
        "a byte that is not UTF-8": payload.replace(b'"clyra"', b'"cl\xffra"'),
        "a newline at its end": payload + b"\n",
        "another _type": payload.replace(type_name, type_name[:-1] + b"0.1"),
        "no _type": payload.replace(b'"_type"', b'"_typf"'),
        "an array around it": b"[" + payload + b"]",
        "nothing": b"",
    }.items():
        yield _case(log, f"a statement with {title}", bundle.members(body), "E_STMT_TYPE")
    future = bundle.resigned(lambda made: made.update(predicateType=made["predicateType"].replace("v0", "v1")))
    yield _case(log, "a predicate of another version", future, "I_VERSION")

    def predicate(**values: Any) -> Callable[[dict[str, Any]], Any]:
        return lambda made: made["predicate"].update(values)

    changes: dict[str, Callable[[dict[str, Any]], Any]] = {
        "a further field": predicate(note="x"),
        "no origin": lambda made: made["predicate"].pop("origin"),
        "a window that runs backwards": predicate(start=9, end=5),
        "an empty window": predicate(start=9),
        "a negative start": predicate(start=-1),
        "an end that is text": predicate(end="9"),
        "a root in capitals": lambda made: made["predicate"].update(end_root=made["predicate"]["end_root"].upper()),
        "an unknown tail": predicate(tail="broken"),
        "a profile that is no list": predicate(profile="core"),
        "a further field beside it": lambda made: made.update(note="x"),
        "a subject twice": lambda made: made["subject"].append(made["subject"][0]),
        "a subject with a digest too short": lambda made: made["subject"][0]["digest"].update(sha256="00"),
        "a subject with two digests": lambda made: made["subject"][0]["digest"].update(sha512="00" * 64),
        "a subject in capitals": lambda made: made["subject"][0].update(name="README.txt"),
        "a subject of 101 letters": lambda made: made["subject"][0].update(name="a" * 101),
        "no subjects": lambda made: made.update(subject=[]),
    }
    for title, change in changes.items():
        yield _case(log, f"a predicate with {title}", bundle.resigned(change), "E_STMT_PREDICATE")
    unknown = Bundle(log, predicate={"profile": ["core", "quantum"]})
    yield _case(log, "a profile nobody knows", unknown.members(), "I_PROFILE")
    timed = Bundle(log, predicate={"profile": ["core", "time"]})
    yield _case(log, "a bundle that says it has time stamps", timed.members(), "P_TAIL_UNANCHORED")


def _digests(log: Log) -> Iterator[Case]:
    bundle = Bundle(log)
    good = bundle.members()
    for title, name, content in (
        ("a read-me that was changed", statement.README, b"All is well.\n"),
        ("an empty read-me", statement.README, b""),
        ("a frontier that was changed", statement.FRONTIER, b"\n"),
    ):
        code = "E_MEMBER_DIGEST"
        yield _case(log, title, {**good, name: content}, code)
    longer = {**good, statement.RECORDS: good[statement.RECORDS] + b"{}\n"}
    yield _case(log, "a line added to the records", longer, "E_MEMBER_DIGEST", verdict="rejected")
    missing = bundle.resigned(lambda made: made["subject"].append({"name": "zzz", "digest": {"sha256": "00" * 32}}))
    yield _case(log, "a subject that is not there", missing, "E_MEMBER_MISSING")
    fewer = bundle.resigned(
        lambda made: made.update(subject=[one for one in made["subject"] if "read" not in one["name"]])
    )
    yield _case(log, "a read-me that the statement does not list", fewer, "E_MEMBER_UNLISTED")


def _with(members: dict[str, bytes], content: bytes) -> dict[str, bytes]:
    return {**members, statement.STATEMENT: content}


def _padded(r: int, s: int) -> bytes:
    """A DER signature whose first number has a zero in front that no rule asks for."""
    first = b"\x00" + r.to_bytes((r.bit_length() + 8) // 8)
    second = s.to_bytes((s.bit_length() + 8) // 8)
    body = b"\x02" + bytes([len(first)]) + first + b"\x02" + bytes([len(second)]) + second
    return b"\x30" + bytes([len(body)]) + body
