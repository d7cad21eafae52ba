"""Secrets in disguise are found at their place, whatever stands around them; time grows with the length alone."""

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.detection.leaking.encoders import ENCODERS
from clyra_proxy.genai.leaks.leak import without_overlaps
from clyra_proxy.genai.leaks.mapped import Replaced, rewrite
from clyra_proxy.genai.leaks.scan import Scanner
from clyra_proxy.genai.leaks.templates import Template
from clyra_proxy.policy.genai.leaks import Leaks

SCANNER = Scanner(Leaks())
SHAPES = (
    "ghp_{alnum:36}",
    "AKIA{b32:16}",
    "sk-ant-api03-{b64url:93}AA",
    "glpat-{alnum:20}",
    "SG.{alnum:22}.{alnum:43}",
)


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_is_found_where_it_stands(encoding: str, shape: str) -> None:
    chance = random.Random(f"{encoding}{shape}")
    hidden = ENCODERS[encoding](Template.parse(shape).make(chance), chance)
    text = f"Please look at: {hidden} and tell me."
    place = range(text.index(hidden), text.index(hidden) + len(hidden))
    found = [leak for leak in SCANNER.scan(text) if leak.family == "secret"]
    assert found
    assert all(leak.start in place and leak.end - 1 in place for leak in found)
    assert sum(leak.end - leak.start for leak in found) >= len(hidden) * 0.6


def test_compressed_text_that_grows_without_end_is_cut() -> None:
    import zlib

    bomb = base64.b64encode(zlib.compress(b"a" * 50_000_000, 9)).decode()
    SCANNER.scan(bomb)


@given(text=st.text(max_size=60), spans=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 6), st.text(max_size=4))))
def test_a_rewriting_leads_back(text: str, spans: list[tuple[int, int, str]]) -> None:
    changes = [(a, min(a + n, len(text)), new) for a, n, new in sorted(spans) if a < len(text)]
    mapped = rewrite(text, changes)
    if mapped is None:
        return
    for at in range(len(mapped.text)):
        start, end = mapped.origin(at, at + 1)
        assert 0 <= start <= end <= len(text)
        if end - start == 1 and mapped.text[at] == text[start]:
            continue
    assert mapped.origin(0, len(mapped.text))[1] <= len(text)


@settings(max_examples=300)
@given(text=st.text(max_size=400))
def test_nothing_breaks_it(text: str) -> None:
    found = SCANNER.scan(text, links=True)
    assert found == without_overlaps(found)
    assert all(0 <= leak.start < leak.end <= len(text) for leak in found)


HOSTILE = {
    "base64": lambda n, c: base64.b64encode(c.randbytes(n))[:n].decode(),
    "hex": lambda n, c: c.randbytes(n // 2).hex(),
    "digits": lambda n, c: "".join(c.choices("0123456789", k=n)),
    "digit groups": lambda n, c: " ".join(str(c.randint(1000, 9999)) for _ in range(n // 5)),
    "passwords": lambda n, _: "password: " * (n // 10),
    "tokens": lambda n, _: "token=" * (n // 6),
    "vendors": lambda n, _: "datadog stripe sk-proj- ghp_ AKIA " * (n // 34),
    "escapes": lambda n, _: "%41&#65;\\x41" * (n // 12),
    "invisible": lambda n, _: "a\u200b" * (n // 2),
    "spaced": lambda n, _: "a " * (n // 2),
    "quotes": lambda n, _: "'a' + " * (n // 6),
    "addresses": lambda n, _: "![x](https://a.b/?q=aaaaaaaaaaaaaaaaaaaa) " * (n // 44),
    "mails": lambda n, _: "a1@b.co " * (n // 8),
    "brackets": lambda n, _: "[[A_1_" * (n // 6),
    "key heads": lambda n, _: "-----BEGIN RSA PRIVATE KEY-----\n" * (n // 32),
    "jwt heads": lambda n, _: "eyJhbGciOi.eyJ" * (n // 14),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_texts_come_to_an_end(kind: str) -> None:
    """The limit of the test is generous; how time grows is measured by the benchmarks."""
    SCANNER.scan(HOSTILE[kind](160_000, random.Random(1)), links=True)


@given(
    st.text(alphabet="abé，：\u200bх中", max_size=100),
    st.dictionaries(st.sampled_from("é，：\u200bх"), st.sampled_from(["", "a", "b", ",", "é"]), min_size=1),
)
def test_characters_are_replaced_as_python_does_it(text: str, table: dict[str, str]) -> None:
    replaced = Replaced(text, table)
    assert replaced.text == text.translate({ord(old): new for old, new in table.items()})
    for place, character in enumerate(replaced.text):
        start, end = replaced.origin(place, place + 1)
        assert table.get(text[start:end], text[start:end]) == character
