"""Was a string drawn by chance, or written by a person?

Rule: four cheap questions, each linear: how many bits a character (Shannon), which kinds of characters, how many letter
pairs that languages use, and whether it is one of the fillers people put where a secret belongs. None of them looks
anything up outside this file.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

# The commonest letter pairs of English and of names in programs: about a fifth of all pairs, four fifths of real text.
_PAIR_WORDS = (
    "in se er re on th te en or es at st he ti de nt el an le al me ar co it is et io ne ro nd ng ed to ra ta as li "
    "ri ec lf tr ct ur ce ge no pe ex ou ma ve na ac ss if am ea ns fo ca il si lo pr la ut fi ic od om pa ha mp di "
    "rt ch po ll nc tu ot us ef im ad ai ho rs pl rn un ul ts ag id op ue pt em os mo ty ls ol be of ep va cl hi ck "
    "wi ap oc rr da ke ow su ab so ee tt ni ry ie rg xt do sp sh cr ig mi lu sc qu bl ru fr "
)
_PAIRS = frozenset(_PAIR_WORDS.split())
_FILLERS = (
    "example", "placeholder", "changeme", "change_me", "change-me", "change_this", "changethis", "replace",
    "redacted", "your", "insert", "dummy", "sample", "todo", "fixme", "xxxx", "****", "....", "foobar", "foo_bar",
    "lorem", "notreal", "not_real", "not-a-real", "fake", "enter_", "put_", "my_secret", "my-secret", "mysecret",
    "my_token", "mytoken", "my_api", "my-api", "myapikey", "my_password", "mypassword", "some_", "somesecret",
    "undefined", "null", "supersecret_here", "_here", "-here", "goes_here", "abcdefgh", "abcd1234", "12345678",
    "123456789", "0123456", "00000000", "11111111", "aaaaaaaa", "deadbeef", "qwerty", "asdf", "secretkey",
    "secret_key", "api_key", "apikey", "access_token", "accesstoken", "auth_token", "password123", "test_key",
    "testkey", "test-key", "test_token", "{{", "${", "$(", "%(", "***", "•••", "…", "[[", "]]", "___", "environ",
    "getenv", "process.env", "secrets.", "vault:", "ref:",
)  # fmt: skip
_VARIABLE = re.compile(r"\$[A-Za-z_]\w*\Z|%[A-Za-z_]\w*%\Z|\{[\w.\- ]*\}\Z|<[^>]*>\Z|\[[\w .\-]*\]\Z")


def entropy(text: str) -> float:
    """Shannon entropy of the characters, bits each; 0 for an empty text."""
    if not text:
        return 0.0
    size = len(text)
    return -sum(count / size * math.log2(count / size) for count in Counter(text).values())


def kinds(text: str) -> int:
    """How many of: small letters, capitals, digits, anything else."""
    return sum(
        (
            any(c.islower() for c in text),
            any(c.isupper() for c in text),
            any(c.isdigit() for c in text),
            any(not c.isalnum() for c in text),
        )
    )


def wordiness(text: str) -> float:
    """Share of adjacent letters that make a pair languages use: about 0.25 by chance, 0.75 and more in words."""
    small = text.lower()
    pairs = [small[i : i + 2] for i in range(len(small) - 1) if small[i].isalpha() and small[i + 1].isalpha()]
    return sum(pair in _PAIRS for pair in pairs) / len(pairs) if pairs else 0.0


def is_filler(text: str) -> bool:
    """True for what stands where a secret would: a placeholder, a variable, a row of the same or of neighbours."""
    small = text.lower()
    if any(filler in small for filler in _FILLERS) or _VARIABLE.match(text):
        return True
    distinct = len(set(small))
    return distinct <= max(2, len(small) // 12) or (len(small) >= 12 and distinct <= 4) or _steps(small)


def switches(text: str) -> int:
    """How often a letter and a digit stand side by side: rare in names, every few characters by chance."""
    return sum((a.isdigit() and b.isalpha()) or (a.isalpha() and b.isdigit()) for a, b in pairwise(text))


def _mixed_case(text: str) -> bool:
    """Capitals in the middle of words, again and again."""
    return sum(a.isupper() and b.islower() for a, b in pairwise(text)) >= 4 and wordiness(text) < 0.34


def _steps(text: str) -> bool:
    """True when most characters follow their neighbour in the alphabet (abcdef..., 123456...)."""
    if len(text) < 8:
        return False
    if len(text) >= 16 and len(text) % 2 == 0 and all(c in "0123456789abcdef" for c in text):
        values = bytes.fromhex(text)
        if sum(b - a == 1 for a, b in pairwise(values)) * 2 > len(values):
            return True
    steps = sum(ord(b) - ord(a) == 1 for a, b in pairwise(text))
    return steps * 2 > len(text)


def looks_random(text: str, floor: float = 3.0) -> bool:
    """True for a string of letters and digits mixed as chance mixes them. floor: least bits a character.

    A long name made of words (`getAccessTokenFromCache`, `user_profile_v2`) is not.
    """
    if entropy(text) < floor or is_filler(text):
        return False
    digits = sum(c.isdigit() for c in text)
    letters = sum(c.isalpha() for c in text)
    if not digits:
        return (
            letters >= 16 and wordiness(text) < 0.42 and (entropy(text) >= 3.6 if letters >= 20 else _mixed_case(text))
        )
    if not letters:
        return False
    if digits >= 3 and switches(text) >= max(4, len(text) // 8):
        return True
    return wordiness(text) < (0.5 if digits * 8 >= len(text) else 0.4)
