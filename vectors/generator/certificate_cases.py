"""S8: certificates that are not what they must be: by whom they are signed, and of what form they are."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import orjson

from recorder import dsse, statement
from recorder.approval import Signed
from vectors.generator.approvals import (
    GOOD,
    PASSKEY,
    PEOPLE,
    case,
    used,
)
from vectors.generator.case import Case
from vectors.generator.keys import key
from vectors.generator.log import Log
from vectors.generator.people import (
    NOW,
    by_passkey,
    signed,
)
from vectors.generator.trust_file import listed, trusting


def cases() -> Iterator[Case]:
    yield from _signatures()


def _signatures() -> Iterator[Case]:
    made = by_passkey()
    given = signed(made)

    def one(title: str, wrong: Signed, code: str = "E_APPROVAL_SIG", **told: Any) -> Case:
        log = Log().begin()
        used(log, made, wrong)
        return case(title, log, code, wrong, twin=PASSKEY if code[0] == "E" else "", **told)

    yield one("a certificate signed by a stranger", signed(made, key("stranger")))
    yield one("a certificate signed by the log key", signed(made, key("log")))
    yield one("a certificate signed by the seal key and a stranger", signed(made, key("seal"), key("stranger")))
    body = dsse.parse(given.envelope, statement.PAYLOAD_TYPE).payload
    document = orjson.loads(given.envelope)
    document["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    wrong = orjson.dumps(document, option=orjson.OPT_SORT_KEYS) + b"\n"
    yield one("a certificate with a wrong signature", Signed(given.digest, wrong))
    yield one("a certificate that is no envelope", Signed(given.digest, b"hello\n"))
    yield one("a certificate that is empty", Signed(given.digest, b""))
    yield one(
        "a certificate over a MiB", Signed(given.digest, given.envelope[:-1] + b" " * (1 << 20)), "E_ARCHIVE_LIMIT"
    )
    renamed = Signed("ab" * 32, given.envelope)
    yield one("a certificate under another digest", renamed)
    yield one("a certificate with blanks", signed(made, raw=body.replace(b'":', b'": ', 1)))
    yield one("a certificate with a newline", signed(made, raw=body + b"\n"))
    changes: dict[str, Any] = {
        "a further field": lambda document: document["predicate"].update(note="x"),
        "a further field beside it": lambda document: document.update(note="x"),
        "no policy": lambda document: document["predicate"].pop("policy"),
        "no subjects": lambda document: document.update(subject=[]),
        "its subjects exchanged": lambda document: document["subject"].reverse(),
        "a random id": lambda document: document["predicate"].update(id="0b9c6a7e-52a1-4a55-8c1e-3f2b6d1c9a10"),
        "an id in capitals": lambda document: document["predicate"].update(id=made.id.upper()),
        "a perhaps": lambda document: document["predicate"].update(decision="perhaps"),
        "use as often as one likes": lambda document: document["predicate"].update(one_time=False),
        "a time that is text": lambda document: document["predicate"]["challenge"].update(exp=str(NOW)),
        "a nonce of four letters": lambda document: document["predicate"]["challenge"].update(nonce="abcd"),
        "an unknown binding": lambda document: document["predicate"].update(binding=[{"kind": "fax"}]),
        "five bindings": lambda document: document["predicate"].update(binding=[{"kind": "session"}] * 5),
        "an amount with a comma": lambda document: document["predicate"].update(
            amount={"value": "1,5", "currency": "EUR"}
        ),
        "an amount that is a number": lambda document: document["predicate"].update(
            amount={"value": 5, "currency": "EUR"}
        ),
        "another predicate type": lambda document: document.update(
            predicateType="https://clyra.dev/ns/pef/approval/v1"
        ),
    }
    for title, change in changes.items():
        yield one(f"a certificate with {title}", signed(made, edit=change))
    fine = signed(
        made, edit=lambda document: document["predicate"].update(amount={"value": "1200.00", "currency": "EUR"})
    )
    yield one("a certificate with an amount", fine, GOOD)
    spare = trusting(Log().begin(), *PEOPLE, listed(key("seal-2"), "seal", state="compromised"))
    yield one("a certificate by a stolen seal key", signed(made, key("seal-2")), trust=spare)
    ended = trusting(Log().begin(), *PEOPLE, listed(key("seal-2"), "seal", valid_until_size=1))
    yield one("a certificate by a seal key that has ended", signed(made, key("seal-2")), GOOD, trust=ended)
    both = signed(made, key("seal-2"), key("seal"))
    yield one("a certificate by a stolen and a good seal key", both, GOOD, trust=spare)
