"""S7: keys over time. Who may bring in a key, and what a key may sign before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from recorder import rotation, statement
from vectors.generator.bundle import INTACT, Bundle, sealed, without
from vectors.generator.case import BUNDLE, Case
from vectors.generator.key_changes import Changes
from vectors.generator.keys import key, p256
from vectors.generator.log import Log
from vectors.generator.trust_cases import LOW_ORDER
from vectors.generator.trust_file import listed, trusting

ROTATED = "a log key rotated"
SEAL_ROTATED = "a seal key rotated"
DELEGATED = "a log key delegated by the seal key"
RECOVERED = "a log key recovered by the root"
REVOKED = "a second seal key revoked by the root"
WHO = "Who held the keys, and why they were changed."


def cases() -> Iterator[Case]:
    yield from _good()
    yield from _unendorsed()
    yield from _statements()
    yield from _records()
    yield from _possession()


def begun() -> Changes:
    return Changes(Log().begin().calls(1))


def ended(changes: Changes, by: Any = None, calls: int = 1) -> Bundle:
    """A bundle of the whole log after more calls; `by` signs its checkpoints."""
    changes.log.calls(calls)
    if by is not None:
        changes.log.log_key = by
    return Bundle(changes.log, covered=changes.covered)


def case(title: str, bundle: Bundle, code: str, **told: Any) -> Case:
    told = {"trust": Log().begin().trust(), "silent": WHO, "twin": "" if code[0] == "P" else ROTATED, **told}
    return sealed(title, bundle, code, **told)


def rotated(**told: Any) -> Changes:
    signers = told.pop("signers", [key("log")])
    return begun().change("rotation", key("log-2"), key("log"), signers, **told)


def _good() -> Iterator[Case]:
    good = "P_TAIL_UNANCHORED"
    new, newer = key("log-2"), key("log-3")
    yield case(ROTATED, ended(rotated(), new), good)
    twice = rotated()
    twice.log.call(1)
    twice.change("rotation", newer, new, [new])
    yield case("a log key rotated twice", ended(twice, newer), good)
    seal = begun().change("rotation", key("seal-2"), key("seal"), [key("seal")], role="seal")
    bundle = ended(seal)
    bundle.seal_keys = [key("seal-2")]
    yield case(SEAL_ROTATED, bundle, good)
    seal = begun().change("rotation", p256("seal-2"), key("seal"), [key("seal")], role="seal")
    bundle = ended(seal)
    bundle.seal_keys = [p256("seal-2")]
    yield case("a seal key rotated to P-256", bundle, good)
    delegated = begun().change("delegation", new, key("log"), [key("seal")], until_size=50)
    yield case(DELEGATED, ended(delegated, new), good)
    wide = begun().change("delegation", new, key("log"), [key("seal")], until_size=5 + 2**32)
    yield case("a log key delegated for 2^32 records", ended(wide, new), good)
    lost = begun().change("recovery", new, key("log"), [key("root")])
    yield case(RECOVERED, ended(lost, new), good)
    stolen = begun().change("recovery", new, key("log"), [key("root")], compromised_from_size=5)
    yield case("a stolen log key recovered by the root", ended(stolen, new), good)
    revoked = begun().change("revocation", key("seal-2"), None, [key("root")], role="seal")
    more = trusting(Log().begin(), listed(key("seal-2"), "seal"))
    yield case(REVOKED, ended(revoked), good, trust=more)
    known = begun().change("rotation", new, key("log"), [key("stranger")])
    yield case(
        "a rotation to a key that the trust file lists",
        ended(known, new),
        good,
        trust=trusting(Log().begin(), listed(new, "log")),
    )
    two = rotated(signers=[key("stranger"), key("log")])
    yield case("a rotation signed by the old key and a stranger", ended(two, new), good)
    yield case("a rotation, in a window that begins after it", _after(ended(rotated(), new, 4), 7), good)
    early = rotated()
    early.log.calls(1)
    yield case("a rotation, in a window that ends before it", Bundle(early.log, 2, 5), good)
    retired = Log().begin().calls(1)
    data = {"role": "log", "keyid": key("log").key_id, "alg": "ed25519", "pub": key("log").public.hex()}
    retired.own("sys.key", {**data, "state": "retired", "reason": "noted"})
    yield case("a record that a key is retired, without a statement", Bundle(retired), good)
    blind = ended(rotated(signers=[key("stranger")]), new)
    packed = case("", blind, good).files[BUNDLE]
    yield Case(
        "an unendorsed rotation without a trust file", {BUNDLE: packed}, "I_TRUST_MISSING", ROTATED, ("verify", BUNDLE)
    )


def _after(bundle: Bundle, start: int) -> Bundle:
    return Bundle(bundle.log, start, covered=bundle.covered)


def _unendorsed() -> Iterator[Case]:
    new = key("log-2")
    for title, signers in (
        ("by the new key alone", [new]),
        ("by a stranger", [key("stranger")]),
        ("by the seal key", [key("seal")]),
        ("by the root key", [key("root")]),
    ):
        yield case(f"a log key rotated {title}", ended(rotated(signers=signers), new), "E_ROTATION_UNENDORSED")
    seal = begun().change("rotation", key("seal-2"), key("seal"), [key("log")], role="seal")
    bundle = ended(seal)
    bundle.seal_keys = [key("seal-2")]
    yield case("a seal key rotated by the log key", bundle, "E_ROTATION_UNENDORSED", twin=SEAL_ROTATED)
    wrong = begun().change("rotation", new, key("seal"), [key("seal")])
    yield case("a rotation that replaces a key of another role", ended(wrong, new), "E_ROTATION_UNENDORSED")
    unknown = begun().change("rotation", new, key("log-9"), [key("log-9")])
    yield case("a rotation that replaces a key nobody knows", ended(unknown, new), "E_ROTATION_UNENDORSED")
    gone = rotated()
    gone.log.calls(2)
    gone.change("rotation", key("log-3"), key("log"), [key("log")])
    yield case(
        "a second rotation by the key that is gone",
        ended(gone, new),
        "E_ROTATION_UNENDORSED",
        twin="a log key rotated twice",
    )
    again = rotated()
    again.change("rotation", new, key("log"), [key("log")])
    yield case("a key that is brought in twice", ended(again, new), "E_ROTATION_UNENDORSED")
    mixed = begun().change("rotation", key("seal"), key("log"), [key("log")])
    yield case("a rotation to the seal key", ended(mixed), "E_ROTATION_UNENDORSED")
    genesis = Log(log_key=key("log-2")).begin().calls(2)
    yield case("a first key that the trust file does not list", Bundle(genesis), "E_CKPT_SIG", twin=INTACT)
    other = {**Bundle(genesis).members(), statement.TREE_END: genesis.checkpoint(signer=key("log"))}
    other[statement.TREE_START] = genesis.checkpoint(0, key("log"))
    yield case(
        "a first key not listed, checkpoints by the listed one",
        Bundle(genesis),
        "E_ROTATION_UNENDORSED",
        members=other,
        twin=INTACT,
    )


def _statements() -> Iterator[Case]:
    new = key("log-2")

    def put(**values: Any) -> Callable[[dict[str, Any]], Any]:
        return lambda made: made["predicate"].update(values)

    weak = bytes.fromhex(LOW_ORDER["order eight"])
    changes: dict[str, Callable[[dict[str, Any]], Any]] = {
        "of another log": put(origin="vectors.clyra.example/other"),
        "of a size to come": put(size=7),
        "of an unknown kind": put(kind="gift"),
        "of an unknown role": put(role="root"),
        "with a further field": put(note="x"),
        "with a further field beside it": lambda made: made.update(note="x"),
        "without what it replaces": lambda made: made["predicate"].pop("replaces"),
        "that replaces itself": put(replaces=new.key_id),
        "with an end": put(until_size=50),
        "that tells of a compromise": put(compromised_from_size=2),
        "without a reason": put(reason=""),
        "with a reason too long": put(reason="x" * 257),
        "with a key id that is not its key's": put(keyid="00" * 32),
        "about another subject": lambda made: made["subject"][0]["digest"].update(sha256="00" * 32),
        "with two subjects": lambda made: made["subject"].append(made["subject"][0]),
        "with a weak key": put(pub=weak.hex()),
        "with another algorithm": put(alg="rsa-pkcs1-sha256"),
        "of another predicate type": lambda made: made.update(predicateType="https://clyra.dev/ns/def/key-rotation/v1"),
        "of another statement type": lambda made: made.update(_type="https://in-toto.io/Statement/v0.1"),
    }
    for title, change in changes.items():
        yield case(f"a rotation {title}", ended(rotated(edit=change)), "E_ROTATION_UNENDORSED")
    for title, code in (("of an unknown kind", "E_CKPT_SIG"), ("of another log", "E_ROTATION_UNENDORSED")):
        failed = ended(rotated(edit=changes[title]), new)
        yield case(f"a rotation {title}, and a checkpoint by its key", failed, code)
    point = p256("log-2")
    curve = begun().change("rotation", point, key("log"), [key("log")], without_record=True)
    curve.log.call(5)
    yield case("a rotation to a P-256 log key", ended(curve), "E_ROTATION_UNENDORSED")
    good = ended(rotated(), new)
    member = good.covered[rotation.MEMBER]
    for title, content in {
        "with blanks": member.replace(b'":', b'": ', 1),
        "with a further field": member.replace(b"{", b'{"a":1,', 1),
        "without its newline": member[:-1],
        "with an empty line": member + b"\n",
        "twice": member + member,
        "with a number that is text": member.replace(b'"seq":5', b'"seq":"5"'),
        "of another payload type": member.replace(b"in-toto+json", b"in-toto+jsom"),
        "of another record": member.replace(b'"seq":5', b'"seq":4'),
        "of a record to come": member.replace(b'"seq":5', b'"seq":7'),
        "that is not there": b"",
        "that is not JSON": b"hello\n",
    }.items():
        bundle = Bundle(good.log, covered={rotation.MEMBER: content})
        # a line that cannot be read, or that is missing, leaves its key unknown
        yield case(f"a rotation line {title}", bundle, "E_CKPT_SIG" if title in _UNREAD else "E_ROTATION_UNENDORSED")
    left = without(good.members(), rotation.MEMBER)
    yield case("a bundle whose rotations were taken out", good, "E_MEMBER_MISSING", members=left)


_UNREAD = {
    "with blanks",
    "with a further field",
    "with a number that is text",
    "of another payload type",
    "that is not there",
    "that is not JSON",
}


def _records() -> Iterator[Case]:
    new = key("log-2")
    silent = rotated(without_record=True)
    silent.log.call(5)
    yield case("a rotation that the log has no record of", ended(silent, new), "E_ROTATION_UNENDORSED")
    alone = rotated(without_line=True)
    yield case("a record of a rotation without its statement", ended(alone), "E_ROTATION_UNENDORSED")
    other = rotated(in_record={"statement_sha256": "00" * 32})
    yield case("a record of a rotation with another statement", ended(other, new), "E_ROTATION_UNENDORSED")
    proof = rotated(in_record={"possession": "ab" * 64})
    yield case("a record of a rotation with another possession", ended(proof, new), "E_ROTATION_UNENDORSED")


def _possession() -> Iterator[Case]:
    new = key("log-2")
    wrong = {
        "missing": "",
        "by the old key": key("log").sign(rotation.possession_message(Log().origin, new.key_id, 5)).hex(),
        "for another size": new.sign(rotation.possession_message(Log().origin, new.key_id, 4)).hex(),
        "for another log": new.sign(rotation.possession_message("other", new.key_id, 5)).hex(),
        "in capitals": new.sign(rotation.possession_message(Log().origin, new.key_id, 5)).hex().upper(),
        "that is not hex": "xyz",
    }
    for title, value in wrong.items():
        sound = title not in ("missing", "in capitals", "that is not hex")
        bundle = ended(rotated(possession=value, in_record=None if sound else {"possession": "ab" * 64}), new)
        yield case(f"a proof of possession {title}", bundle, "E_ROTATION_POP")
    revoked = begun().change("revocation", key("seal-2"), None, [key("root")], role="seal", possession="ab" * 64)
    more = trusting(Log().begin(), listed(key("seal-2"), "seal"))
    yield case("a revocation with a proof of possession", ended(revoked), "E_ROTATION_POP", trust=more, twin=REVOKED)
    known = trusting(Log().begin(), listed(new, "log"))
    bare = rotated(possession="ab" * 64)
    yield case("a listed key without possession", ended(bare, new), "E_ROTATION_POP", trust=known)
