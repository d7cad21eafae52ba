"""Ways to write a text so that a filter does not see it: encodings, look-alikes, invisible characters, spacing.

Rule: each disguise is a function of text and random source and can be read back by a person or a model. The benign
twins use the same functions: an encoding is not an attack, what it holds may be.
"""

from __future__ import annotations

import base64
import codecs
import random
import urllib.parse
from collections.abc import Callable

_LEET = {"a": "4@", "e": "3", "i": "1!", "o": "0", "s": "5$", "t": "7+", "l": "1", "g": "9", "b": "8"}
_LOOKALIKE = {
    "a": "а",
    "e": "е",
    "o": "о",
    "p": "р",
    "c": "с",
    "i": "і",
    "x": "х",
    "y": "у",
    "s": "ѕ",
    "A": "Α",
    "I": "І",
}
_CODE = ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.."
_MORSE = dict(zip("abcdefghijklmnopqrstuvwxyz", _CODE.split(" "), strict=True))


def _replaced(text: str, table: dict[str, str], share: float, rng: random.Random) -> str:
    return "".join(rng.choice(table[c]) if c in table and rng.random() < share else c for c in text)


def _between(text: str, mark: str, share: float, rng: random.Random) -> str:
    return "".join(c + (mark if c.isalpha() and rng.random() < share else "") for c in text)


def _base64(text: str, rng: random.Random) -> str:
    return base64.b64encode(text.encode()).decode()


def _twice(text: str, rng: random.Random) -> str:
    return _base64(_base64(text, rng), rng)


def _base32(text: str, rng: random.Random) -> str:
    return base64.b32encode(text.encode()).decode()


def _hex(text: str, rng: random.Random) -> str:
    joint = rng.choice(["", " ", "\\x"])
    return ("\\x" if joint == "\\x" else "") + joint.join(f"{byte:02x}" for byte in text.encode())


def _binary(text: str, rng: random.Random) -> str:
    return " ".join(f"{byte:08b}" for byte in text.encode())


def _rot13(text: str, rng: random.Random) -> str:
    return codecs.encode(text, "rot13")


def _caesar(text: str, rng: random.Random) -> str:
    shift = rng.randint(1, 25)
    return "".join(chr((ord(c) - 97 + shift) % 26 + 97) if "a" <= c <= "z" else c for c in text.lower())


def _leet(text: str, rng: random.Random) -> str:
    return _replaced(text, _LEET, rng.choice([0.5, 0.8, 1.0]), rng)


def _lookalike(text: str, rng: random.Random) -> str:
    return _replaced(text, _LOOKALIKE, rng.choice([0.3, 0.6, 1.0]), rng)


def _invisible(text: str, rng: random.Random) -> str:
    return _between(text, rng.choice("\u200b\u200c\u200d\u2060\ufeff\u00ad"), rng.choice([0.3, 1.0]), rng)


def _spaced(text: str, rng: random.Random) -> str:
    joint = rng.choice([" ", "-", ".", "_", "  "])
    return rng.choice(["   ", " / ", "  "]).join(joint.join(word) for word in text.split())


def _broken(text: str, rng: random.Random) -> str:
    return " ".join(w[:2] + rng.choice([" ", "-", "\n", ". "]) + w[2:] if len(w) > 4 else w for w in text.split())


def _reversed(text: str, rng: random.Random) -> str:
    return text[::-1]


def _reversed_words(text: str, rng: random.Random) -> str:
    return " ".join(word[::-1] for word in text.split())


def _url(text: str, rng: random.Random) -> str:
    return urllib.parse.quote(text) if rng.random() < 0.5 else "".join(f"%{byte:02X}" for byte in text.encode())


def _entities(text: str, rng: random.Random) -> str:
    return "".join(f"&#{ord(c)};" if rng.random() < 0.9 else c for c in text)


def _escapes(text: str, rng: random.Random) -> str:
    return "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in text)


def _fullwidth(text: str, rng: random.Random) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _bold(text: str, rng: random.Random) -> str:
    return "".join(chr(0x1D41A + ord(c) - 97) if "a" <= c <= "z" else c for c in text.lower())


def _tags(text: str, rng: random.Random) -> str:
    return rng.choice(["", "Nice! 👍", "ok"]) + "".join(chr(0xE0000 + ord(c)) if ord(c) < 128 else c for c in text)


def _bidi(text: str, rng: random.Random) -> str:
    return "\u202e" + text[::-1] + "\u202c"


def _morse(text: str, rng: random.Random) -> str:
    return " / ".join(" ".join(_MORSE[c] for c in w if c in _MORSE) for w in text.lower().split())


def _typos(text: str, rng: random.Random) -> str:
    words = text.split()
    for index, word in enumerate(words):
        if len(word) > 3 and rng.random() < 0.6:
            at = rng.randrange(1, len(word) - 1)
            words[index] = rng.choice(
                [
                    word[:at] + word[at + 1] + word[at] + word[at + 2 :],
                    word[:at] + word[at + 1 :],
                    word[:at] * 1 + word[at] + word[at:],
                ]
            )
    return " ".join(words)


def _shouting(text: str, rng: random.Random) -> str:
    return "".join(c.upper() if index % 2 else c.lower() for index, c in enumerate(text))


DISGUISES: tuple[Callable[[str, random.Random], str], ...] = (
    _base64, _base64, _base64, _twice, _base32, _hex, _hex, _binary, _rot13, _rot13, _caesar, _leet, _leet, _leet,
    _lookalike, _lookalike, _invisible, _spaced, _spaced, _broken, _reversed, _reversed_words, _url, _entities,
    _escapes, _fullwidth, _bold, _tags, _bidi, _morse, _typos, _shouting,
)  # fmt: skip
