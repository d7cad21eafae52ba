"""Numbers that stand for a person: cards, accounts, national ids, telephone numbers, travel documents.

Rule: a number counts when its own arithmetic says so (Luhn, mod 97, check digits, the plans of phonenumbers) and,
where such arithmetic passes one number in ten or so by chance, only after a word that names it.
"""

from __future__ import annotations

from collections.abc import Iterator

import phonenumbers
from stdnum import iban, luhn

from clyra_proxy.genai.byte_patterns import Pattern
from clyra_proxy.genai.leaks.fillers import TEST_CARDS
from clyra_proxy.genai.leaks.leak import Family, Leak
from clyra_proxy.genai.leaks.national import NationalScanner
from clyra_proxy.genai.leaks.nearby import is_bounded, is_identifier, is_named

_WEIGHT = 60
_MOST = 200  # numbers looked at in one window

# Issuer ranges: first digits, lengths (ISO/IEC 7812; the schemes' own publications).
_ISSUERS: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (4, 4, (13, 16, 19)),
    (51, 55, (16,)),
    (2221, 2720, (16,)),
    (34, 34, (15,)),
    (37, 37, (15,)),
    (6011, 6011, (16, 19)),
    (644, 659, (16, 19)),
    (300, 305, (14, 16)),
    (36, 36, (14,)),
    (38, 39, (14, 16)),
    (3528, 3589, (16, 19)),
    (62, 62, (16, 17, 18, 19)),
    (5018, 5018, (16,)),
    (5020, 5020, (16,)),
    (6304, 6304, (16,)),
    (2200, 2204, (16,)),
    (9792, 9792, (16,)),
    (60, 60, (16,)),
    (81, 82, (16,)),
)
_CARD = Pattern(r"\b[0-9](?:[ -]?[0-9]){12,18}")
_IBAN = Pattern(r"[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?")
_PHONE = Pattern(
    r"\+[0-9][0-9 ().\-/]{6,18}[0-9]|\(?\b[2-9][0-9]{2}\)?[ .\-][2-9][0-9]{2}[ .\-][0-9]{4}|\b0[0-9][0-9 "
    r"().\-/]{6,14}[0-9]"
)
_PHONE_WORDS = ("phone", "tel", "telefon", "call", "mobile", "cell", "fax", "whatsapp", "sms", "text me", "reach",
    "dial", "contact",
    "handy", "móvil", "movil", "teléfono", "numéro", "celular",
    "телефон", "电话", "電話", "手机", "전화", "هاتف")  # fmt: skip
_CARD_WORDS = (
    "card",
    "visa",
    "master",
    "amex",
    "credit",
    "debit",
    "pan",
    "payment",
    "cc",
    "karte",
    "tarjeta",
    "carte",
    "карт",
    "卡",
)
_SHOWN_WORDS = ("test", "sandbox", "example", "sample", "dummy", "fake")
_SHOWN_BEFORE = 300  # characters: numbers to try come as a list below one heading
_PASSPORT = Pattern(r"[A-Z]{0,2}[0-9]{6,9}[A-Z]?")
_PAPERS = Pattern(
    r"<<|passport|reisepass|pasaporte|passeport|driver.?s? licen|driving licence|f\xfchrerschein", fold=True
)
_LICENSE = Pattern(r"[A-Z0-9](?:[A-Z0-9-]{5,18})[A-Z0-9]")
_MACHINE_LINE = Pattern(r"[A-Z0-9<]{9}[0-9][A-Z<]{3}[0-9]{7}[MFX<][0-9]{7}[A-Z0-9<]{14}[0-9<][0-9]")


class PeopleScanner:
    """Numbers of persons. kinds: those that are looked for; countries: whose ids and local telephone numbers."""

    def __init__(self, kinds: frozenset[str], countries: tuple[str, ...]) -> None:
        self._kinds = kinds
        self._countries = countries
        self._nationals = NationalScanner(countries) if "national_id" in kinds else None

    def scan(self, text: str, data: bytes) -> Iterator[Leak]:
        """Every number of a person. data: a byte a character."""
        if "card" in self._kinds:
            yield from _cards(text, data)
        if "iban" in self._kinds:
            yield from _accounts(text, data)
        if self._nationals is not None:
            yield from self._nationals.scan(text, data)
        if "phone" in self._kinds:
            yield from self._phones(text, data)
        yield from _documents(text, data, self._kinds)

    def _phones(self, text: str, data: bytes) -> Iterator[Leak]:
        for number, (start, end) in enumerate(_PHONE.spans(data)):
            if number >= _MOST:
                return
            if is_bounded(data, start, end) and not is_identifier(text, start) and self._is_phone(text, start, end):
                yield Leak(Family.PII, "phone", "phone", start, end, weight=_WEIGHT - 10)

    def _is_phone(self, text: str, start: int, end: int) -> bool:
        value = text[start:end]
        if value[0] == "+":
            return _valid_phone(value, None)
        if not is_named(text, start, _PHONE_WORDS):
            return False
        countries = ("US",) if value[0] in "(23456789" else self._countries
        return any(_valid_phone(value, country) for country in countries)


def _valid_phone(value: str, country: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(value, country))
    except phonenumbers.NumberParseException:
        return False


def _cards(text: str, data: bytes) -> Iterator[Leak]:
    for start, end in _CARD.spans(data):
        if not is_bounded(data, start, end):
            continue
        digits = text[start:end].replace(" ", "").replace("-", "")
        if not is_card(digits) or is_identifier(text, start) or _is_shown(digits, text, start):
            continue
        grouped = len(digits) != end - start
        if grouped or len(digits) in (15, 16) or is_named(text, start, _CARD_WORDS):
            yield Leak(Family.PII, "card", "card", start, end, weight=_WEIGHT + 10)


def _is_shown(digits: str, text: str, start: int) -> bool:
    """A number that payment services print for everyone to try, where the text says that this is what it is."""
    return digits in TEST_CARDS and is_named(text, start, _SHOWN_WORDS, within=_SHOWN_BEFORE)


def is_card(digits: str) -> bool:
    """A number some card scheme issues, with a right check digit; not one digit over and over."""
    if len(set(digits)) < 2 or not luhn.is_valid(digits):
        return False
    return any(
        len(digits) in lengths and low <= int(digits[: len(str(low))]) <= high for low, high, lengths in _ISSUERS
    )


def _accounts(text: str, data: bytes) -> Iterator[Leak]:
    for start, end in _IBAN.spans(data):
        if data[start - 1 : start].isalnum() and start:
            continue
        for stop in _word_ends(text, start, end):
            if iban.is_valid(text[start:stop]):
                yield Leak(Family.PII, "iban", "iban", start, stop, weight=_WEIGHT + 20)
                break


def _word_ends(text: str, start: int, end: int) -> Iterator[int]:
    """The end, then every earlier blank: words that follow a number may look like groups of it."""
    yield end
    for at in range(end - 1, start + 14, -1):
        if text[at] in " -":
            yield at


def _documents(text: str, data: bytes, kinds: frozenset[str]) -> Iterator[Leak]:
    if _PAPERS.search(data) is None and "护照" not in text:
        return
    small = text.lower()
    if len(small) != len(text):
        return
    if "passport" in kinds:
        for start, end in _MACHINE_LINE.spans(data) if b"<<" in data else ():
            if is_machine_readable(text[start:end]):
                yield Leak(Family.PII, "passport", "passport-mrz", start, end, weight=_WEIGHT)
        yield from _after(
            small, data, ("passport", "reisepass", "pasaporte", "passeport", "护照"), _PASSPORT, "passport"
        )
    if "driver_license" in kinds:
        words = (
            "driver's license",
            "drivers license",
            "driver license",
            "driving licence",
            "driver’s license",
            "führerschein",
        )
        yield from _after(small, data, words, _LICENSE, "driver_license")


def _after(small: str, data: bytes, words: tuple[str, ...], pattern: Pattern, kind: str) -> Iterator[Leak]:
    """The first number that follows a word within a few words."""
    for word in words:
        at = small.find(word)
        while at >= 0:
            begin = at + len(word)
            for start, end in pattern.spans(data, begin, min(begin + 40, len(data))):
                value = data[start:end]
                if sum(48 <= byte <= 57 for byte in value) >= 5 and is_bounded(data, start, end):
                    yield Leak(Family.PII, kind, kind, start, end, weight=_WEIGHT - 5)
                    break
            at = small.find(word, begin)


def is_machine_readable(line: str) -> bool:
    """The second line of a passport: its three check digits are right (ICAO 9303)."""
    fields = ((line[0:9], line[9]), (line[13:19], line[19]), (line[21:27], line[27]))
    return all(str(_icao(field)) == digit for field, digit in fields)


def _icao(field: str) -> int:
    values = (0 if c == "<" else int(c, 36) for c in field)
    return sum(value * (7, 3, 1)[place % 3] for place, value in enumerate(values)) % 10
