"""What is admitted and why not: table, and colon conservation against the parser that keeps track of keys."""

from __future__ import annotations

import jiter
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clyra_proxy.schemalock.admission import Admission, NotAdmitted
from clyra_proxy.stream.limits import BodyLimits
from clyra_proxy.verdict.reasons import Reason
from tests.support.bodies import judge_buffered, judge_streamed
from tests.support.generating import Generator

R = Reason
CASES = [
    (b"", R.JSON_INCOMPLETE),
    (b"  ", R.JSON_INCOMPLETE),
    (b'{"a":1', R.JSON_INCOMPLETE),
    (b"[1,2", R.JSON_INCOMPLETE),
    (b'{"a":1}}', R.JSON_TRAILING),
    (b"{} {}", R.JSON_TRAILING),
    (b"[1]2", R.JSON_TRAILING),
    (b"\xef\xbb\xbf{}", R.JSON_ENCODING),
    (b'["\xff"]', R.JSON_ENCODING),
    (b'["\\ud800"]', R.JSON_ENCODING),
    (b'{"\\udc00":1}', R.JSON_ENCODING),
    (b'["\xed\xa0\x80"]', R.JSON_ENCODING),
    (b"[1e400]", R.JSON_NUMBER_RANGE),
    (b'{"a":{"b":1,"b":2}}', R.JSON_DUPLICATE_KEY),
    (b'{"a":1,"\\u0061":2}', R.JSON_DUPLICATE_KEY),
    (b'[{":":1,"\\u003a":2}]', R.JSON_DUPLICATE_KEY),
    (b'{"a":"x:y","a":1}', R.JSON_DUPLICATE_KEY),
    (b"[" * 129 + b"]" * 129, R.JSON_DEPTH),
    (b'{"a":' * 129 + b"1" + b"}" * 129, R.JSON_DEPTH),
    (b"[1,]", R.JSON_SYNTAX),
    (b"[1,,2]", R.JSON_SYNTAX),
    (b"[,1]", R.JSON_SYNTAX),
    (b"{,}", R.JSON_SYNTAX),
    (b'{"a" 1}', R.JSON_SYNTAX),
    (b"{a:1}", R.JSON_SYNTAX),
    (b"[NaN]", R.JSON_SYNTAX),
    (b"[1}", R.JSON_SYNTAX),
    (b'{"a":1]', R.JSON_SYNTAX),
    (b"[tru]", R.JSON_SYNTAX),
    (b'["\x01"]', R.JSON_SYNTAX),
    (b"\x0c[]", R.JSON_SYNTAX),
]


@pytest.mark.parametrize(("text", "reason"), CASES, ids=lambda value: repr(value)[:40])
def test_every_refusal_names_its_reason_in_both_tiers(text: bytes, reason: Reason) -> None:
    found = judge_buffered(None, text, 4096)
    assert found is not None
    streamed = [judge_streamed(None, text, size) for size in (1, 3, 4096)]
    assert all(finding is not None for finding in streamed)
    readable = {R.JSON_SYNTAX, R.JSON_INCOMPLETE, R.JSON_TRAILING}
    for finding in [found, *streamed]:
        assert finding is not None
        if reason in readable:  # where exactly a broken text breaks depends on who looks at it
            assert finding.reason in readable
        else:
            assert finding.reason is reason
    assert found.reason is reason or reason in readable
    assert not any(word in str(found.detail) for word in ("x:y", "ud800"))


@pytest.mark.parametrize(
    "text",
    [b"{}", b"[]", b" [ ] ", b'"a:b"', b"1", b"null", b"[" * 128 + b"]" * 128, b'{"a:":":","b":"\\u003a"}', b"[1e308]"],
    ids=lambda value: repr(value)[:30],
)
def test_good_texts_are_admitted_in_both_tiers(text: bytes) -> None:
    assert judge_buffered(None, text, 4096) is None
    assert [judge_streamed(None, text, size) for size in (1, 3, 4096)] == [None] * 3


@pytest.mark.parametrize(
    ("text", "admitted"),
    [
        (b"[9007199254740991,-9007199254740991]", True),
        (b"[9007199254740992]", False),
        (b"[-9007199254740993]", False),
        (b"[123456789012345678901234567890]", False),
        (b'["9007199254740993",9007199254740993.0]', True),
    ],
)
def test_safe_integers_when_asked(text: bytes, admitted: bool) -> None:
    limits = BodyLimits(safe_integers=True)
    assert (judge_buffered(None, text, 9, limits) is None) is admitted
    assert (judge_streamed(None, text, 9, limits) is None) is admitted
    assert judge_buffered(None, text, 9) is None


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        (b'{"a":[1,"x",null,1.5,18446744073709551615],"b":{}}', True),
        (b'{"a": 1}', False),
        (b"[18446744073709551616]", False),
        (b"[1e20]", False),
        (b'["\\u0061"]', False),
    ],
)
def test_what_is_written_again_byte_for_byte_is_exact(text: bytes, exact: bool) -> None:
    for admission in (Admission(BodyLimits()), Admission(BodyLimits(max_depth=3)), Admission(BodyLimits(), 5)):
        assert admission.read(text)[1] is exact


def test_every_problem_is_told_so_that_none_hides_another() -> None:
    with pytest.raises(NotAdmitted) as caught:
        Admission(BodyLimits(max_depth=3)).parse(b'[[[[{"a":1,"a":2}]]]]')
    assert [reason for reason, _ in caught.value.problems] == [Reason.JSON_DEPTH, Reason.JSON_DUPLICATE_KEY]


@settings(max_examples=200)
@given(st.integers(0, 10**9))
def test_colon_conservation_agrees_with_the_parser_that_tracks_keys(seed: int) -> None:
    generator = Generator(seed)
    text = generator.text([generator.anything(3), {"a": 1, ":": ":", "b": generator.anything(2)}])
    if generator.random.random() < 0.5:
        text = text.replace(b'"b"', generator.random.choice([b'"a"', b'":"', b'"\\u003A"', b'"\\u0061"']), 1)
    try:
        jiter.from_json(text, catch_duplicate_keys=True, allow_inf_nan=False)
        expected = True
    except ValueError:
        expected = False
    assert (judge_buffered(None, text, 4096) is None) is expected
