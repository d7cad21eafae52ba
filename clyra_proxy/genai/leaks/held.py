"""How much of a growing text must wait, because what comes next could make it part of a leak.

Rule: the last word waits, unless it is plain: a few small letters that begin no vendor's format, with nothing before
them that names a secret. So the words of an answer leave as they come. Should a plain word turn out to be the beginning
of a value after all, what is left of the value is still taken out. More waits only while something is open that goes
over blanks: digits in groups, single characters in a row, a private key without its end, strings joined by `+`, lines
of one long code. Everything else may go. Costs the length of the tail, not of the text.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

from clyra_proxy.genai.byte_patterns import Pattern, as_bytes
from clyra_proxy.genai.leaks.pack import load_packs
from clyra_proxy.genai.normal_forms import normal_form

_TAIL = 2048  # characters looked at for what goes over blanks
# Scripts without blanks between words: their characters end a word. (Full-width forms and look-alikes do not.)
_WORDLESS = (("\u2e80", "\u9fff"), ("\uac00", "\ud7af"), ("\u0e00", "\u0e7f"))
_BLANKS = " \t\n\r\f\v\u00a0\u2028\u2029"
# From here to the end of the text, each an open construct. Matched on the last characters alone.
_OPEN = Pattern(
    r"(?:"
    r"(?:[!-~][ \t]{1,3}){2,}[!-~]?|"  # single characters in a row
    r"[\"'][^\"'\n]{1,400}[\"'][\s?]{0,8}[+.&|,\\]?[\s?]{0,8}(?:[\"'][^\"'\n]{0,400})?|"  # strings being joined
    r"(?:[A-Za-z0-9+/=_\-]{24,}[ \t]{0,16}\r?\n[ \t]{0,16}){1,}[A-Za-z0-9+/=_\-]*|"  # one code over lines
    r"\S*\\\n[ \t]{0,24}\S*"
    r")\z"
)
# Digits in groups, perhaps with capitals among them: a card, an account, a telephone number. Open once a digit came.
_GROUPS = Pattern(r"(?:[+(]?[0-9A-Z][0-9A-Za-z().*/\-]{0,10}[ \t.,\-]{1,3}){1,12}[+(]?[0-9A-Za-z().*/\-]{0,12}\z")
_DIGIT = Pattern(r"[0-9]")
_LONGEST_PLAIN = 20
_PLAIN = re.compile(r"[(\[*_]{0,2}[A-Z]?[a-z]{1,14}(?:'[a-z]{1,2})?[.,;!?)\]*]{0,2}")
# Words so common that an answer would falter at each; two letters of a vendor's beginning tell nobody anything.
_EVERYDAY = """
a an and as at be by do for go he i if in is it its me my no not of on or our pass so than that the then to up us was we
were will with you your de la le el en un se es si da du die der das ich er wir am im zu et les des que con s t d m ll
re ve n e o y
"""
_CLOSING = ".,;!?)]*"
_NAMED = 64  # characters in which the name of a secret stands before it
_NAMING = Pattern(
    r"pass|pwd|secret|token|key|credential|auth|bearer|login|\bpin\b|\bcode\b|phrase|mnemonic|kennwort|clave|contrase|"
    r"mot de|senha|sandi|parol|connect|[=:@][\s\"'`(*]{0,3}\z",
    fold=True,
)
_BLOCK_HEADS = ("-----BEGIN", "---- BEGIN", "PuTTY-User-Key-File-", "$ANSIBLE_VAULT;")
_BLOCK_ENDS = ("-----END", "---- END", "Private-MAC:", "\x00")
_PHRASES = ("seed phrase", "recovery phrase", "mnemonic")
_BIRTHS = (
    "born",
    "birth",
    "geboren",
    "naissance",
    "nacim",
    "nacid",
    "nasc",
    "nato il",
    "nata il",
    "dob",
    "d.o.b",
    "n\xe9 le",
)
_LONGEST_DATE = 48  # characters from such a word to the end of a date
# A leak cannot end where none of these is: no digit, mark, quote, change of case, long word or row of single letters.
_PROMISING = Pattern(r"[0-9@/\"'`%&\\|<>\[\]{}=:*#!$]|[a-z][A-Z]|\S{16}|\S\s\S\s\S\s")


def held_from(text: str, *, plain_words: bool = False) -> int:
    """Where the undecided tail of `text` begins. plain_words: let a plain last word go."""
    size = len(text)
    word = _word_start(text, size)
    goes = plain_words and is_plain(text[word:]) and not _NAMING.search(as_bytes(text[max(0, word - _NAMED) : word]))
    held = size if goes else word
    held = min(held, _open_construct(text, held))
    held = held if held == size else _word_start(text, held)
    for head, end in zip(_BLOCK_HEADS, _BLOCK_ENDS, strict=True):
        at = text.rfind(head)
        if at >= 0 and _block_open(text, at, end):
            held = min(held, at)
    held = min(_phrase(text, held), _date(text, held))
    return held if held == size else _word_start(text, held)


def is_plain(word: str) -> bool:
    """Whether `word`, the last of a growing text, is a word of a language and begins no format of a secret."""
    if not word or len(word) > _LONGEST_PLAIN:
        return False
    if word.isascii():
        return _PLAIN.fullmatch(word) is not None and word.rstrip(_CLOSING) not in _openings()
    return word.isalpha() and (word[1:].islower() or word.lower() == word) and not any(map(_may_disguise, word))


@cache
def _openings() -> frozenset[str]:
    """Everything that a vendor's format begins with, and every beginning of that."""
    anchors = {anchor for rule in load_packs() for anchor in rule.beginnings()}
    anchors |= {"http", "https", "postgres", "mysql", "mongodb", "redis", "amqp", "ftp", "data", "mailto"}
    beginnings = {anchor[:size] for anchor in anchors for size in range(1, min(len(anchor), _LONGEST_PLAIN) + 1)}
    return frozenset(beginnings - set(_EVERYDAY.split()))


def may_end_leak(text: str, start: int, end: int) -> bool:
    """Whether a leak can end between `start` and `end`; false only when none can."""
    piece = text[start:end]
    if len(piece) > _LONGEST_DATE or _PROMISING.search(as_bytes(piece)) is not None:
        return True
    return not piece.isascii() and any(map(_may_disguise, piece))


@lru_cache(maxsize=8192)
def _may_disguise(character: str) -> bool:
    """Invisible, a digit, or a letter in the shape of a plain one."""
    if character < "\x80" or unicodedata.category(character)[0] in "PZS":
        return False
    return not character.isalpha() or normal_form("NFKC", character) != character


def _word_start(text: str, at: int) -> int:
    while at > 0 and text[at - 1] not in _BLANKS and not _wordless(text[at - 1]):
        at -= 1
    return at


def _wordless(character: str) -> bool:
    return character > "\u0dff" and any(first <= character <= last for first, last in _WORDLESS)


def _open_construct(text: str, held: int) -> int:
    begin = max(0, len(text) - _TAIL)
    data = as_bytes(text[begin:])
    found = min((span[0] for span in _OPEN.spans(data)), default=len(data))
    groups = min((span[0] for span in _GROUPS.spans(data)), default=len(data))
    if _DIGIT.search(data, groups) is not None:
        found = min(found, groups)
    return min(held, begin + found)


def _block_open(text: str, at: int, end: str) -> bool:
    """What began at `at` may still be a key: its end is not there, its first line says so or is not complete."""
    line = text.find("\n", at)
    first = text[at : line if line >= 0 else len(text)]
    if line >= 0 and "PRIVATE KEY" not in first and "PuTTY" not in first and "ANSIBLE" not in first:
        return False
    stop = text.find(end, at + 10)
    return stop < 0 or text.find("\n", stop) < 0


def _phrase(text: str, held: int) -> int:
    """Words after `seed phrase` wait until something else than small words comes."""
    small = text[-400:].lower()
    for phrase in _PHRASES:
        at = small.rfind(phrase)
        if at >= 0 and all(c.isalpha() or c in " :='\"\n" for c in small[at:]):
            held = min(held, len(text) - len(small) + at)
    return held


def _date(text: str, held: int) -> int:
    """Words after one that speaks of a birth wait for the date."""
    small = text[-_LONGEST_DATE:].lower()
    for word in _BIRTHS:
        at = small.rfind(word)
        if at >= 0 and "\n" not in small[at:]:
            held = min(held, len(text) - len(small) + at)
    return held
