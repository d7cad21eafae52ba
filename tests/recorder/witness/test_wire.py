"""Bytes of the witness protocol: against the published examples, an independent implementation, and hostile input."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from recorder import cosignature, note
from recorder.cosignature import LOG_TYPE, WITNESS_TYPE, VkeyError, parse_vkey
from recorder.keys import LocalKey
from recorder.witness.decision import Head, refuse_history, refuse_stranger
from recorder.witness.request import RequestError, format_request, parse_any_checkpoint, parse_request, parse_size

ORACLE: list[dict[str, Any]] = json.loads((Path(__file__).parent / "oracle.json").read_bytes())["cases"]

# The example request of c2sp.org/tlog-witness.
EXAMPLE = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
""".encode()  # noqa: E501
ZERO = base64.b64encode(bytes(32)).decode()


def test_the_published_request_is_read_and_written_again() -> None:
    asked = parse_request(EXAMPLE)
    assert (asked.old, asked.checkpoint.size, len(asked.proof)) == (20852014, 20852163, 4)
    assert asked.checkpoint.origin == "example.com/behind-the-sofa"
    assert format_request(asked.old, asked.proof, asked.raw) == EXAMPLE


@pytest.mark.parametrize(
    ("find", "put"),
    [
        (b"old 20852014\n", b""),
        (b"old 20852014", b"old 020852014"),
        (b"old 20852014", b"old  20852014"),
        (b"old 20852014", b"old -1"),
        (b"old 20852014", b"old 9999999999999999999999"),
        (b"old 20852014\n", b"old 20852014\r\n"),
        (b"old 20852014", "old ２".encode()),
        (b"PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=", b"PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkax="),
        (b"PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=", b"AAAA"),
        (b"PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=", b" PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw="),
        (b"old 20852014\n", b"old 20852014\n" + f"{ZERO}\n".encode() * 60),
        (b"\n20852163\n", b"\n020852163\n"),
        (b"\n20852163\n", b"\n\n"),
        (b"\xe2\x80\x94 example", b"- example"),
        (b"mvuZZDDpkaw=\n", b"mvuZZDDpkaw=\n\x01"),
    ],
)
def test_a_body_of_another_form_is_refused(find: bytes, put: bytes) -> None:
    body = EXAMPLE.replace(find, put, 1)
    assert body != EXAMPLE
    with pytest.raises(RequestError):
        parse_request(body)


@given(
    st.binary(max_size=400)
    | st.builds(
        lambda at, byte: EXAMPLE[:at] + byte + EXAMPLE[at + 1 :],
        st.integers(0, len(EXAMPLE) - 1),
        st.binary(min_size=1, max_size=1),
    )
)
@example(b"")
@example(b"old 0\n\n")
@example(b"old 0\n\n\n\n\n")
@example(EXAMPLE + b"x" * 70_000)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        asked = parse_request(body)
    except RequestError:
        return
    assert format_request(asked.old, asked.proof, asked.raw) == body


@pytest.mark.parametrize("body", [b"", b"5", b"05\n", b"5\n\n", b"-5\n", b"5 \n", b"5\r\n"])
def test_a_size_answer_of_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError):
        parse_size(body)
    with pytest.raises(RequestError):
        parse_size(b"5\n", "text/plain")


@pytest.mark.parametrize("case", ORACLE, ids=lambda case: f"{case['old']}-{case['size']}")
def test_an_independent_implementation_agrees(case: dict[str, Any]) -> None:
    """Its notes and cosignatures verify here, ours are its bytes, and a witness accepts its proofs."""
    log_key, key = parse_vkey(case["log_vkey"], LOG_TYPE), parse_vkey(case["witness_vkey"], WITNESS_TYPE)
    assert (str(log_key), str(key)) == (case["log_vkey"], case["witness_vkey"])
    raw = case["note"].encode()
    checkpoint = note.parse_checkpoint(raw)
    assert cosignature.cosigned_at(checkpoint, [key]) == {key: case["time"]}
    signer = LocalKey.of(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(case["witness_seed"])))
    ours = cosignature.cosign(checkpoint.text, key.name, signer, case["time"])
    assert raw.endswith(ours)

    body = format_request(case["old"], [base64.b64decode(node) for node in case["proof"]], raw)
    asked = parse_request(body)
    known = Head(case["old"], base64.b64decode(case["old_root"]))
    assert refuse_stranger(asked, (log_key,)) is None
    assert refuse_history(asked, known) is None
    other = Head(known.size, bytes(32))
    refusal = refuse_history(asked, other)
    assert refusal is not None
    assert refusal.status == (409 if case["old"] == case["size"] else 422)


def test_extension_lines_of_other_logs_are_carried_and_empty_ones_refused() -> None:
    head, tail = EXAMPLE.split(b"\n\n", 1)
    extended = tail.replace(b"q2I=\n\n", b"q2I=\nextension\n\n")
    assert b"extension\n" in parse_request(head + b"\n\n" + extended).checkpoint.text
    with pytest.raises(note.NoteError):
        parse_any_checkpoint(b"a\n1\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "w1",
        "w 1+cf7da648+BCh2/WDgJs1OWQfk/O6FqLMHZhFORS4DqhqbZ8aLasZ2",
        "witness.example/w1+cf7da649+BCh2/WDgJs1OWQfk/O6FqLMHZhFORS4DqhqbZ8aLasZ2",
        "witness.example/w1+cf7da648+BCh2/WDgJs1OWQfk/O6FqLMHZhFORS4DqhqbZ8aLasZ",
        "witness.example/w1+cf7da648+ACh2/WDgJs1OWQfk/O6FqLMHZhFORS4DqhqbZ8aLasZ2",
        "witness.example/w1+cf7da648+BCh2",
    ],
)
def test_a_verifier_key_that_is_not_exact_is_refused(text: str) -> None:
    with pytest.raises(VkeyError):
        parse_vkey(text, WITNESS_TYPE)


def test_a_weak_key_is_refused_as_witness() -> None:
    weak = cosignature.Vkey("w", (1).to_bytes(32, "little"), WITNESS_TYPE)
    with pytest.raises(VkeyError):
        parse_vkey(str(weak), WITNESS_TYPE)


@pytest.mark.parametrize("change", ["time", "signature", "short", "type"])
def test_a_cosignature_counts_only_whole(change: str) -> None:
    signer = LocalKey.of(Ed25519PrivateKey.generate())
    log = LocalKey.of(Ed25519PrivateKey.generate())
    raw = note.sign_checkpoint("log.example/a", 7, bytes(32), log)
    text, _ = note.split_note(raw)
    line = cosignature.cosign(text, "w.example/1", signer, 1_767_000_000).decode()
    blob = bytearray(base64.b64decode(line.split(" ")[2]))
    if change == "time":
        blob[11] ^= 1
    elif change == "signature":
        blob[-1] ^= 1
    elif change == "short":
        blob.pop()
    else:
        blob[:4] = note.key_id("w.example/1", signer.public)
    key = cosignature.Vkey("w.example/1", signer.public, WITNESS_TYPE)
    forged = f"— w.example/1 {base64.b64encode(blob).decode()}\n".encode()
    assert cosignature.cosigned_at(note.parse_checkpoint(raw + line.encode()), [key]) == {key: 1_767_000_000}
    assert cosignature.cosigned_at(note.parse_checkpoint(raw + forged), [key]) == {}
