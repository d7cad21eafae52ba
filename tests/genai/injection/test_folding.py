"""Folding a long text, which is touched only where it changes, gives what folding all of its lines gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.genai.injection.folding import WordFolder
from clyra_proxy.genai.injection.lookalikes import Translation, translated

FOLDER = WordFolder({"ignore", "previous", "instructions", "prompt", "system", "reveal"})
PIECES = st.sampled_from(
    [
        "1gn0re",
        "prev10us",
        "igonre",
        "Insrtuctions",
        "INSTRUTCIONS",
        "ignore",
        "sytsem",
        "promptt",
        "a" * 20,
        "x1!",
        "!",
    ]
)
BETWEEN = st.sampled_from([" ", "\n", ", ", "é", "_", ".", "-", "ʼ", "😀"])
TEXTS = st.lists(st.tuples(PIECES | st.text(max_size=8), BETWEEN), max_size=20)
FILLING = " ordinary words that nobody needs to fold\n" * 120


@given(TEXTS)
def test_leet_is_undone_in_a_long_text_as_in_a_short_one(pieces: list[tuple[str, str]]) -> None:
    text = "".join(word + sign for word, sign in pieces).replace("€", "")
    text = text.encode("utf-8", "ignore").decode()
    assert FOLDER.without_leet(text + FILLING) == FOLDER.without_leet(text + "\n")[:-1] + FILLING


@given(TEXTS)
def test_slips_are_undone_in_a_long_text_as_in_a_short_one(pieces: list[tuple[str, str]]) -> None:
    text = "".join(word + sign for word, sign in pieces).encode("utf-8", "ignore").decode()
    assert FOLDER.without_slips(text + FILLING) == FOLDER.without_slips(text + "\n")[:-1] + FILLING


TABLE: dict[int, str | None] = {
    ord(sign): new for sign, new in zip("éèабвгдежзийклмнопрстуфхцчшщъ", "ee" * 15, strict=False)
}
TABLE |= {ord("日"): "ri", ord("ß"): None, ord("語"): "日"}


@given(st.text(alphabet=[*"abc -", *map(chr, TABLE), "😀", "中"], max_size=200))
def test_a_text_is_translated_as_python_does_it(text: str) -> None:
    assert translated(text, Translation(TABLE)) == text.translate(TABLE)
