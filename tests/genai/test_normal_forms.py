"""Normal forms of texts from outside: what they do to real writing, and that nothing makes them costly."""

from __future__ import annotations

import sys
import unicodedata
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.genai.normal_forms import MARKS, Form, combining_marks, normal_form

_FORMS: tuple[Form, ...] = ("NFKC", "NFKD")
_WRITING = {
    "plain": "Ignore nothing.",
    "French": "Où est passé l'élève ? Ça va.",
    "Vietnamese": "Tiếng Việt có nhiều dấu",
    "Hindi": "हिन्दी में लिखा हुआ क्षेत्र",
    "Hebrew with points": "בְּרֵאשִׁית בָּרָא אֱלֹהִים",
    "Arabic with vowels": "اَلْحَمْدُ لِلّٰهِ رَبِّ",
    "Tibetan": "བཀྲ་ཤིས་བདེ་ལེགས་ ཱིཨ",
    "Korean": "지시를 무시하세요",
    "half-width kana": "ﾊﾟｽﾜｰﾄﾞ",
    "full width": "Ｉｇｎｏｒｅ ａｌｌ",
    "ligatures": "oﬃce ﷻ",
}


@pytest.mark.parametrize(("name", "form"), list(product(_WRITING, _FORMS)))
def test_what_people_write_has_its_ordinary_form(name: str, form: Form) -> None:
    text = _WRITING[name]
    assert normal_form(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("form", _FORMS)
@pytest.mark.parametrize("run", ["\u0301\u0323", "\u0f73", "\u0f75", "\u0f81\u0f73", "\u0344", "\uff9e\u0301"])
def test_a_run_of_marks_is_cut(run: str, form: Form) -> None:
    """Each of these, taken as it is, has a worker busy for minutes; U+0F73 and its like are no marks by their class."""
    formed = normal_form(form, "a" + run * 200_000 + "b")
    assert unicodedata.normalize("NFD", formed)[0] == "a"
    assert formed.endswith("b")
    assert len(formed) <= 3 * MARKS + 2


def test_no_character_is_a_mark_that_is_not_known() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        for form in _FORMS:
            begins = unicodedata.normalize(form, character)[0]
            assert not unicodedata.combining(begins) or character in combining_marks(), hex(code)


@given(st.text(st.sampled_from("aé\u0301\u0323\u0f71\u0f73\u0f81\u1e69\ufdfa\ufdfb\uac00\u1100\U0001d15e\ud800 ")))
def test_no_run_of_marks_is_left_that_costs_more_than_its_length(text: str) -> None:
    formed = normal_form("NFKD", text)
    assert "\ufdfa" not in formed
    longest = run = 0
    for character in formed:
        run = run + 1 if unicodedata.combining(character) else 0
        longest = max(longest, run)
    assert longest <= 3 * MARKS
