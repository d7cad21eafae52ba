"""Is this value, standing where a secret would stand, really one?

Rule: a password is judged by its kinds of characters, a key by chance (`chance`); code, placeholders, names and words
of prose go free. Each question is linear in the value, and values are short.
"""

from __future__ import annotations

import re

from clyra_proxy.genai.leaks.chance import entropy, is_filler, kinds, looks_random, switches, wordiness
from clyra_proxy.genai.leaks.checks import decoded_base64

# Words that follow "password" without being one. Judged in lower case.
_WORD_LIST = (
    "required incorrect wrong invalid expired missing empty weak strong stored hashed encrypted reset changed "
    "correct protected set given provided not too also only never always stolen compromised secure unique unknown "
    "needed used valid shared sent hidden visible the a an in on at is was are be been being to for of and or but "
    "if it its that this your my our his her their same different new old current default temporary case long short "
    "good bad what which authentication manager string password passwd passphrase secret token key text input field "
    "none null true false undefined optional generated created updated deleted managed rotated leaked exposed plain "
    "plaintext kept safe private public confidential known something anything nothing test testing admin root user "
    "username guest login email name value object boolean number int integer str array list dict self auto "
    "autofocus disabled enabled yes no here there now just really being also mandatory between longer shorter easy "
    "hard difficult simple complex possible important available accepted rejected allowed denied supposed like "
    "about from with without as by when where who how why because so very more less least most at_least minimum "
    "maximum checked verified validated entered typed recovery change policy policies hash salt file based "
    "dependent sensitive insensitive written saved rotation incorrectly properly both either neither stronger "
    "weaker first last next previous final real fake actual placeholder automatically sufficiently still already "
    "currently unset blank omitted masked asterisks redacted "
)
_WORDS = frozenset(_WORD_LIST.split())
_CODE = re.compile(r"[A-Za-z_]\w*[(\[]|::|->|=>|&&|\|\||==[^=]|!=|</|/>|\\[nrt]")
_NAME = re.compile(r"_*[A-Za-z]+(?:[_-]+[A-Za-z]+)*_*\Z")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\Z")
_PATHLIKE = re.compile(r"(?:\.{0,2}/|~/|[A-Za-z]:\\|https?:|file:|data:|mailto:|urn:)")
_DATE = re.compile(r"\d{1,4}[-/.:]\d{1,2}(?:[-/.:]\d{1,4})?(?:[T ].*)?\Z|\d+(?:\.\d+){1,3}\Z|v?\d+(?:\.\d+)+[\w.-]*\Z")
_HEX = re.compile(r"[0-9a-fA-F]+\Z")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_SIZE = re.compile(r"\d+(?:px|em|ms|s|kb|mb|gb|%)?\Z", re.IGNORECASE)


def is_code(value: str) -> bool:
    """True for an expression, a path, an address, a date or a version rather than a value."""
    if _DOTTED.match(value) and switches(value) < 4:
        return True
    path = _PATHLIKE.match(value) and not value.endswith("=") and switches(value) < 6
    return bool(_CODE.search(value) or path or _DATE.match(value))


def is_password(value: str, *, quoted: bool, said: bool) -> bool:
    """quoted: it stood in quotes. said: in a sentence (`my password is ...`), where one word can be one.

    Digits alone count from four on in a sentence, from six on elsewhere.
    """
    small = value.lower()
    if not 4 <= len(value) <= 128 or small in _WORDS or is_filler(value) or is_code(value):
        return False
    if value.isdigit():
        return said and len(set(value)) > 1
    if _NAME.match(value):
        return _is_password_of_letters(value, quoted=quoted, said=said)
    if not quoted and (value[0] in ":.,/)]}=|;" or value.startswith("--") or "{" in value):
        return False
    if len(value) < 6 and not (kinds(value) >= 3 and len(value) >= 5):
        return False
    if "](" in value or "[a-z" in small or "{4" in value or "|" in value:
        return False
    if any(c in value for c in "()[]{}<>") and (value[0] in "([{<" or value[-1] in ")]}>(") and not quoted:
        return False
    letters_and_marks = not any(c.isdigit() for c in value)
    if letters_and_marks and set(value) & set("/.,:;=") and wordiness(value) > 0.5 and not said:
        return False
    return kinds(value) >= 2 and sum(c.isalnum() for c in value) >= 3


def _is_password_of_letters(value: str, *, quoted: bool, said: bool) -> bool:
    """Letters, perhaps with - or _ between: a name in a program as likely as a password."""
    if "_" in value or "-" in value:
        return said and quoted and wordiness(value) < 0.6
    mixed = not value.islower() and not value.isupper() and not value.istitle()
    if said:
        return quoted or (mixed and len(value) >= 6)
    return len(value) >= 8 and wordiness(value) < (0.5 if mixed else 0.4) and "pass" not in value.lower()


_JUDGED = 400  # characters


def is_key(value: str, *, quoted: bool) -> bool:
    """A key, token or secret for machines. Long ones are judged by how they begin."""
    value = value[:_JUDGED]
    if not 8 <= len(value) <= 4096 or is_code(value) or is_filler(value) or _SIZE.match(value):
        return False
    if any(c in value for c in "[]{}()<>|") or _says_words(value):
        return False
    if _UUID.match(value):
        return entropy(value) > 2.8
    if _HEX.match(value):
        return len(value) >= 16 and entropy(value) >= 2.8 and not value.isdigit()
    if len(value) < 16:
        return (
            any(c.isdigit() for c in value)
            and kinds(value) >= (2 if quoted and len(value) >= 12 else 3)
            and entropy(value) >= 2.75
            and wordiness(value) < 0.4
            and sum(c.isalpha() for c in value) >= 3
            and switches(value) >= 2
        )
    return looks_random(value) or _is_random_between_marks(value)


# Names of algorithms and products end in a number too.
_NOT_ONE = (
    "sha",
    "md5",
    "argon",
    "pbkdf",
    "base",
    "utf",
    "oauth",
    "windows",
    "office",
    "python",
    "http",
    "ipv",
    "win",
    "aes",
)
_WORD_AND_NUMBER = re.compile(r"[a-z]{4,16}[-_.]?(?:[a-z]{3,12}[-_.]?)?\d{2,6}\Z")


def is_unmistakable(value: str, *, is_password_word: bool) -> bool:
    """A secret by its looks alone, for a place where nothing but a blank joins it with its name."""
    if not 8 <= len(value) <= 256 or is_code(value) or is_filler(value) or not value.isascii():
        return False
    small = value.lower()
    digits, letters = any(c.isdigit() for c in value), sum(c.isalpha() for c in value)
    if not digits or letters < 3 or value[0] in "-([{<" or any(c.isspace() or c in "(){}[]<>=,;|/" for c in value):
        return False
    if len(value) >= 16 and not is_password_word:
        return is_key(value, quoted=True) and value.count("/") <= 1 and not _UUID.match(value)
    if value[0].isdigit() or not any(c.islower() for c in value) or small.startswith(_NOT_ONE):
        return False
    if value.count("_") >= 2 and wordiness(value) > 0.5:
        return False
    return kinds(value) >= 3 or (is_password_word and _WORD_AND_NUMBER.match(value) is not None)


def _says_words(value: str) -> bool:
    """Base64 of plain words."""
    raw = decoded_base64(value) if len(value) >= 16 and len(value) % 4 == 0 else None
    if raw is None or not raw.isascii():
        return False
    text = raw.decode("ascii")
    return text.isprintable() and not any(c.isdigit() for c in text) and wordiness(text) > 0.6


def _is_random_between_marks(value: str) -> bool:
    """One long part of it, between `-`, `_`, `.` or `:`, was drawn by chance."""
    parts = re.split(r"[-_.:/+]", value)
    longest = max(parts, key=len)
    if _HEX.match(longest) and len(longest) >= 16:
        return entropy(longest) >= 2.8 and switches(longest) >= 3
    return len(longest) >= 12 and any(c.isdigit() for c in longest) and looks_random(longest, 2.8)
