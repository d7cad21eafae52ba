"""Characters that look like Latin letters, and what they look like.

Rule: only what a reader would take for the letter: other scripts' twins (Cyrillic, Greek, Armenian, Cherokee, Coptic),
small capitals, letters in circles and squares, regional indicators, Braille, and the signs of leetspeak. What Unicode
itself calls compatible (full width, mathematical alphabets) is left to NFKC. After the idea of
https://www.unicode.org/reports/tr39/#Confusable_Detection, with a table of our own for the twenty-six letters.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from clyra_proxy.genai.normal_forms import combining_marks, foreign_characters

_TWINS = {
    "a": "аɑαᴀАΑᎪⲁⲀ⍺ӑɐ",
    "b": "ЬьВвʙβΒƅᏴɓбҍ",
    "c": "сϲᴄСϹᏟⅽ¢ⲥϾҫ",
    "d": "ԁɗđᴅᎠժԀɖ",
    "e": "еєεҽ℮ᴇЕΕᎬɛэəǝ€ⲉ",
    "f": "ғƒſꜰϜẝ",
    "g": "ɡɢցԌԍǥᏀ",
    "h": "һʜНΗհᎻн",
    "i": "іıɪιІΙ¡ᎥїӀɩ",
    "j": "јϳЈᴊᎫյ",
    "k": "кκĸᴋКΚᏦҝⲕ",
    "l": "ӏʟⅬℓɭłᏞԼŀ∣",
    "m": "мᴍМΜᎷⲙɱ",
    "n": "пոɴηΝռиŋռᴎ",
    "o": "оοօᴏОΟøσөჿ〇০०ⲟⲞ°",
    "p": "рρᴘРΡᏢþⲣ",
    "q": "ԛզɋǫԚ",
    "r": "гʀɾᏒяᴦꭇꭈ",
    "s": "ѕꜱЅᏚʂ§",
    "t": "тτᴛТΤᎢ†ŧⲧ",
    "u": "υսᴜµμцʋ",
    "v": "νѵᴠᏙѴ",
    "w": "ԝѡᴡωᎳшѿ",
    "x": "хχХΧ×ⲭ",
    "y": "уүγʏУΥᎩɣ¥ⲩ",
    "z": "ᴢʐΖᏃȥʒ",
}
_MANY = 24
"""Foreign characters to replace one by one, at most; with more, all are looked up."""
_KEPT = 1 << 16
"""Answers of a table that are kept: more than all living scripts have characters."""
_BRAILLE = "⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵"
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_UPSIDE_DOWN = dict(zip("ɐqɔpǝɟƃɓɥᴉıɾʞןlɯuodbɹsʇnʌʍxʎz", "abcdefgghiijkllmnopqrstuvwxyz", strict=True))
_UPSIDE_DOWN_ONLY = frozenset("ɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎ")
LEET = str.maketrans("03457@$89+6!|€", "oeastasbgtgiie")
"""Signs of leetspeak, but for `1`, which is an i or an l (`!` and `|` are taken for an i first)."""
_QUOTES = str.maketrans(
    {"‘": "'", "’": "'", "‛": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‹": "'", "›": "'"}
    | {"–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "…": "...", "\u2028": "\n", "\u2029": "\n", "＂": '"'}
)


@lru_cache(maxsize=1)
def folding() -> Translation:
    """For NFKD text: look-alikes to letters, combining marks to nothing."""
    table: dict[int, str | None] = {ord(mark): None for mark in combining_marks()}
    for letter, twins in _TWINS.items():
        table.update((ord(twin), letter) for twin in twins)
    for index, letter in enumerate(_ALPHABET):
        table[ord(_BRAILLE[index])] = letter
        for first in (0x1F150, 0x1F170, 0x1F1E6):  # negative circled, negative squared, regional indicators
            table[first + index] = letter
    table[0x2800] = " "
    return Translation(table)


class Translation(dict[str, str]):
    """What a table for `str.translate` makes of each character, asked once for it. At most _KEPT answers are kept."""

    def __init__(self, table: Mapping[int, str | None]) -> None:
        super().__init__()
        self._table = table

    def __missing__(self, character: str) -> str:
        written = character.translate(self._table)
        if len(self) < _KEPT:
            self[character] = written
        return written


def translated(text: str, table: Translation, foreign: frozenset[str] | None = None) -> str:
    """The text by a table that leaves ASCII as it is; the ASCII of a text costs next to nothing.

    foreign: the characters of the text that are not ASCII, where they are known.
    """
    foreign = foreign_characters(text) if foreign is None else foreign
    changed = [character for character in foreign if table[character] != character]
    if len(changed) > _MANY or not all(table[character].isascii() for character in changed):
        return "".join(map(table.__getitem__, text))
    for character in changed:
        text = text.replace(character, table[character])
    return text


QUOTES = Translation(_QUOTES)
"""Marks of typography to those of ASCII."""


def turned_over(text: str) -> str | None:
    """Text written upside down, set right; None when it is not."""
    if sum(character in text for character in _UPSIDE_DOWN_ONLY) < 4:
        return None
    return "".join(_UPSIDE_DOWN.get(character, character) for character in reversed(text))
