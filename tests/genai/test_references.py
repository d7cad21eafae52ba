"""References of any length are resolved as a browser does it, and none raises."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.genai.bec.text import scan_text
from clyra_proxy.genai.references import unescaped


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a &amp; b", "a & b"),
        ("&#65;&#x42;&#0000000000067;", "ABC"),
        ("&#" + "0" * 5000 + "68;", "D"),
        ("&#" + "9" * 5000 + ";", "\ufffd"),
        ("&#x" + "f" * 5000 + ";!", "\ufffd!"),
    ],
)
def test_references_are_resolved(written: str, read: str) -> None:
    assert unescaped(written) == read


@given(st.text(st.sampled_from("&#xX;0123456789aAfFgl "), max_size=40))
def test_short_ones_are_as_in_html(text: str) -> None:
    assert unescaped(text) == html.unescape(text)


def test_a_mail_with_a_number_of_thousands_of_digits_is_judged() -> None:
    assert scan_text("Dear &#" + "1" * 5000 + "; please have a look.") == []
