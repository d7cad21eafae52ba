"""S1: trust files that must not be used, each beside one that may."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from recorder import public_key
from vectors.generator.bundle import INTACT, compact, sealed
from vectors.generator.case import BUNDLE, Case
from vectors.generator.keys import key, p256, rsa_key
from vectors.generator.log import Log
from vectors.generator.trust_file import changed, document, listed, signed, trusting

GIVEN = "That the trust file is the operator's own: its reader got it from someone he trusts."
TWO_OF_THREE = "a trust file signed by two of its three roots"
NEXT = "a second trust file signed by its own root and the one before"
LOW_ORDER = {
    "zero": "00" * 32,
    "one": "01" + "00" * 31,
    "order eight": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "order eight, other sign": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "a y not below p": "ee" + "ff" * 30 + "7f",
    "order two, not canonical": "ec" + "ff" * 30 + "ff",
}
"""Public keys under which some signature verifies for any message, or that have two encodings."""


def cases() -> Iterator[Case]:
    log = Log().begin().calls(5)
    yield from _signatures(log)
    yield from _keys(log)
    yield from _succession(log)


def _case(log: Log, title: str, content: bytes, code: str, **told: Any) -> Case:
    return sealed(title, log, code, trust=content, **{"silent": GIVEN, **told})


def _signatures(log: Log) -> Iterator[Case]:
    root, other, third = key("root"), key("root-2"), key("root-3")
    plain = Case(
        "no trust file",
        {BUNDLE: sealed("", log, "").files[BUNDLE]},
        "I_TRUST_MISSING",
        INTACT,
        ("verify", BUNDLE),
        silent="Who signed anything: no signature was checked.",
        shows={"skipped": ["signatures"]},
    )
    yield plain
    quorum = document(log, [root, other, third], threshold=2)
    yield _case(log, TWO_OF_THREE, signed(quorum, [root, third]), "P_TAIL_UNANCHORED")
    for title, signers, code in (
        ("a trust file signed by one of three roots where two are needed", [other], "E_TRUST_THRESHOLD"),
        ("a trust file signed twice by one root where two are needed", [other, other], "E_TRUST_THRESHOLD"),
        ("a trust file signed by one root and a stranger", [root, key("stranger")], "E_TRUST_THRESHOLD"),
    ):
        yield _case(log, title, signed(quorum, signers), code, twin=TWO_OF_THREE)
    strangers = signed(quorum, [root, other, key("stranger")])
    yield _case(log, "a trust file signed by two roots and a stranger", strangers, "P_TAIL_UNANCHORED")
    broken = _swapped(quorum, [root, other, third], 2)
    yield _case(log, "a trust file with one wrong signature among three", broken, "E_TRUST_SIG", twin=TWO_OF_THREE)
    alone = signed(document(log), [key("stranger")])
    yield _case(log, "a trust file signed by strangers only", alone, "E_TRUST_THRESHOLD")
    yield _case(log, "a trust file changed after it was signed", _altered(log), "E_TRUST_SIG")
    yield _case(log, "a trust file that is not an envelope", b"{}\n", "E_TRUST_SIG")
    yield _case(log, "an empty trust file", b"", "E_TRUST_SIG")
    yield _case(log, "a trust file without its last newline", log.trust()[:-1], "E_TRUST_SIG")
    loose = orjson.dumps(document(log), option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)
    yield _case(log, "a trust file with blanks in its payload", signed(loose), "E_TRUST_SIG")
    yield from _schema(log)


def _schema(log: Log) -> Iterator[Case]:
    changes: dict[str, Callable[[dict[str, Any]], Any]] = {
        "an unknown field": lambda made: made.update(note="x"),
        "an unknown field in a key": lambda made: made["keys"][0].update(note="x"),
        "another version": lambda made: made.update(v="def-trust/1"),
        "no threshold": lambda made: made.pop("threshold"),
        "a threshold of zero": lambda made: made.update(threshold=0),
        "no keys": lambda made: made.update(keys=[]),
        "an unknown role": lambda made: made["keys"][1].update(role="admin"),
        "an unknown state": lambda made: made["keys"][1].update(state="asleep"),
        "a public key in capitals": lambda made: made["keys"][0].update(pub=made["keys"][0]["pub"].upper()),
        "a key id that is not its key's": lambda made: made["keys"][0].update(keyid="00" * 32),
        "a negative size": lambda made: made["keys"][1].update(valid_from_size=-1),
    }
    for title, change in changes.items():
        yield _case(log, f"a trust file with {title}", changed(log, change), "E_TRUST_SIG")
    tall = document(log)
    body = compact(tall).replace(b'"threshold":1', b'"threshold":1.0')
    yield _case(log, "a trust file with a fraction", signed(body), "E_TRUST_SIG")
    nameless = trusting(log, listed(key("witness"), "witness"))
    yield _case(log, "a trust file with a witness that has no name", nameless, "E_TRUST_SIG")
    for name in ("a witness", "a+b", "w\u00a0x", "w\u3000x", "w\u0085x"):
        bad = trusting(log, listed(key("witness"), "witness", name=name))
        yield _case(log, f"a trust file with a witness called {name!r}", bad, "E_TRUST_SIG")
    named = trusting(log, listed(key("witness"), "witness", name="w\u00ebtness.example/\U0001f441"))
    yield _case(log, "a trust file with a witness whose name is not ASCII", named, "P_TAIL_UNANCHORED")
    for title, size, code in (("before", 8, "E_TRUST_EXPIRED"), ("at the end of", 9, "P_TAIL_UNANCHORED")):
        content = changed(log, lambda made, size=size: made.update(expires_size=size))  # type: ignore[misc]
        yield _case(log, f"a trust file that ends {title} the bundle", content, code)
    elsewhere = Log(origin="vectors.clyra.example/other").begin()
    yield _case(log, "a trust file of another log", elsewhere.trust(), "E_DSSE_SIG", silent="Who signed anything.")


def _keys(log: Log) -> Iterator[Case]:
    for title, pub in LOW_ORDER.items():
        entry = {**listed(key("x"), "auditor"), "pub": pub}
        entry["keyid"] = public_key.key_id("ed25519", bytes.fromhex(pub))
        yield _case(log, f"a trust file with a weak key: {title}", trusting(log, entry), "E_KEY_WEAK")
    point = p256("auditor").public
    small, odd = rsa_key("small", 1024), rsa_key("odd", 2048, 3)
    for title, alg, public in (
        ("a point that is not on the curve", public_key.P256, point[:-1] + bytes([point[-1] ^ 1])),
        ("a compressed point", public_key.P256, b"\x02" + point[1:33]),
        ("a point without its first byte", public_key.P256, point[1:]),
        ("the point at infinity", public_key.P256, b"\x04" + bytes(64)),
        ("an Ed25519 key of 31 bytes", public_key.ED25519, bytes(range(31))),
        ("an RSA key of 1024 bits", public_key.RSA, small.public),
        ("an RSA key with exponent 3", public_key.RSA, odd.public),
        ("an RSA key with a byte after it", public_key.RSA, rsa_key("idp").public + b"\x00"),
        ("an RSA key that is a P-256 key", public_key.RSA, public_key.spki(public_key.P256, point)),
    ):
        role = "approver_idp"
        entry = {**listed(key("x"), role), "alg": alg, "pub": public.hex()}
        yield _case(log, f"a trust file with {title}", trusting(log, entry), "E_KEY_WEAK")
    fine = [listed(p256("auditor"), "auditor"), listed(rsa_key("idp"), "approver_idp", iss="https://login.example")]
    fine += [listed(p256("passkey"), "approver_idp"), listed(key("second-log"), "log")]
    yield _case(log, "a trust file with keys of every algorithm", trusting(log, *fine), "P_TAIL_UNANCHORED")
    for title, role, one in (
        ("a P-256 log key", "log", p256("log")),
        ("a P-256 witness key", "witness", p256("witness")),
        ("an RSA seal key", "seal", rsa_key("idp")),
        ("an RSA root key", "root", rsa_key("idp")),
        ("an RSA auditor key", "auditor", rsa_key("idp")),
    ):
        yield _case(log, f"a trust file with {title}", trusting(log, listed(one, role, name="w")), "E_KEY_ALG")
    entry = {**listed(key("x"), "auditor"), "alg": "ed448"}
    yield _case(log, "a trust file with an unknown algorithm", trusting(log, entry), "E_KEY_ALG")
    twice = trusting(log, listed(key("seal"), "auditor"))
    yield _case(log, "a trust file with one key in two roles", twice, "E_KEY_DUP")
    same = trusting(log, listed(key("log"), "log", valid_from_size=5))
    yield _case(log, "a trust file that lists one key twice", same, "E_KEY_DUP")
    both = signed(document(log, [key("root"), p256("root")]), [key("root"), p256("root")])
    yield _case(log, "a trust file signed by a P-256 root too", both, "P_TAIL_UNANCHORED")


def _succession(log: Log) -> Iterator[Case]:
    root, other = key("root"), key("root-2")
    before = signed(document(log))
    after = document(log, [other], version=2)

    def case(title: str, new: bytes, old: bytes, code: str) -> Case:
        twin = "" if code == "P_TAIL_UNANCHORED" else NEXT
        more = ("--trust-from=old.json",)
        return _case(log, title, new, code, files={"old.json": old}, more=more, twin=twin)

    yield case(NEXT, signed(after, [other, root]), before, "P_TAIL_UNANCHORED")
    yield case(
        "a second trust file that the root before did not sign", signed(after, [other]), before, "E_TRUST_THRESHOLD"
    )
    newer = signed(document(log, version=5))
    yield case("a trust file older than the one before", before, newer, "E_TRUST_SIG")
    yield case("the same trust file as before", before, before, "P_TAIL_UNANCHORED")
    elsewhere = Log(origin="vectors.clyra.example/other").begin().trust()
    yield case("a trust file after one of another log", before, elsewhere, "E_TRUST_SIG")
    yield case("a trust file after one that is broken", before, b"{}\n", "E_TRUST_SIG")
    three = [key("root"), key("root-2"), key("root-3")]
    strict = signed(document(log, three, threshold=2), three)
    lone = signed(document(log, [root], version=2), [root])
    yield case("a second trust file that takes itself a lower threshold", lone, strict, "E_TRUST_THRESHOLD")


def _altered(log: Log) -> bytes:
    """An envelope whose signature is over another content than it carries."""
    envelope = orjson.loads(signed(document(log)))
    envelope["payload"] = orjson.loads(signed(document(log, version=9)))["payload"]
    return compact(envelope) + b"\n"


def _swapped(content: dict[str, Any], roots: list[Any], number: int) -> bytes:
    """One signature replaced by another root's."""
    envelope = orjson.loads(signed(content, roots))
    envelope["signatures"][number]["sig"] = envelope["signatures"][0]["sig"]
    return compact(envelope) + b"\n"
