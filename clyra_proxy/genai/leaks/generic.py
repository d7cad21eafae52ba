"""Secrets without a format: named in an assignment, a header or a sentence.

Rule: a word that names a secret is found first; only there is looked for what joins a name with a value in JSON, YAML,
env files, code, headers and prose, and the value is then judged by itself (`values`). A name that only sounds like one
(`max_tokens`, `public_key`, `next_page_token`, a `commit`) is let go: a git hash in `commit` is not a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from clyra_proxy.genai.byte_patterns import Pattern
from clyra_proxy.genai.leaks.leak import Family, Leak
from clyra_proxy.genai.leaks.nearby import word_ends
from clyra_proxy.genai.leaks.values import is_key, is_password, is_unmistakable

_PASSWORDS = (
    r"pass(?:word|wd|phrase|code|wort|key)|\bpass\b|_pass\b|pwd|kennwort|contrase\xf1a|contrasena|\bclave\b|"
    r"mot de passe|\bmdp\b|\bsenha\b|wachtwoord|\bparola\b|l\xf6senord|\bhaslo\b|\bheslo\b|adgangskode|salasana|"
    r"\bpin\b|\bcreds?\b|\bcredentials?\b|\bpw\b|_pw\b|passwrd|psswd"
)
_KEY_WORDS = (
    r"secret|token|api[ _.-]?keys?|apikey|access[ _.-]?key|private[ _.-]?key|signing[ _.-]?key|encryption[ _.-]?key|"
    r"master[ _.-]?key|auth[ _.-]?key|account[ _.-]?key|licen[sc]e[ _.-]?key|shared[ _.-]?key|client[ _.-]?key|"
    r"(?:app|application|service|subscription|storage|deploy|server|admin|webhook|hmac|aes|session|root|"
    r"write|jwt)[ _.-]?key|"
    r"authorization|x-auth[a-z-]*|\bauth\b|_auth\b|"
    r"\bkey\b|_key\b|bearer|jwt|\bhmac\b|\bsalt\b"
)
# Words of scripts that one byte a character cannot hold.
_OTHER_WORDS = (
    "пароль", "Пароль", "密码", "密碼", "口令", "パスワード", "비밀번호", "암호",
    "كلمة المرور", "كلمة السر", "סיסמה", "סיסמא",
    "รหัสผ่าน",    "पासवर्ड", "κωδικός", "şifre", "hasło", "mật khẩu", "密钥", "токен", "令牌",
)  # fmt: skip
_JOIN = (
    r"[A-Za-z0-9_\-]{0,40}[\"'`\])*]{0,4}\\?[\"']?[ \t]{0,24}"
    r"(?::\s?(?:str|String|string|&(?:'static )?str|Optional\[str\]|Final|SecretStr|const char ?\*)"
    r"\s{0,3}=|:=|=>|===?|\?=|=|:|->|\s\|\s|>)"
    r"\s{0,8}"
)
# A call that takes the name and the value, or is named after it: the value is then in quotes.
_CALL = r"(?:[A-Za-z0-9_\-]{0,40}\\?[\"']\)?\s{0,3},|[A-Za-z0-9_]{0,40}\()\s{0,3}"
_SAID = (
    r"(?:'?s)?(?:\s+(?:for|of|to|on|at|in|i use|you need|we use|de|para|pour|f\xfcr|per)\s+"
    r"[\w@.' /-]{1,60}?)?[ \t]{0,3}"
    r"(?:\s(?:is|was|are|will be|should be|became|changed to|set to|reset to|"
    r"es|est|ist|lautet|hei\xdft|ser\xe1|sar\xe0|\xe9|\xe8|er|on|was set to|would be|to|as)[\s:]|'s[ \t]|[ \t]-[ \t])"
    r"[ \t]{0,2}(?:now |still |currently |actually |just |simply |literally )?[: \t]{0,3}"
)
_QUOTED = r"(?:(?:[rbuf]{1,2})?\\?\"([^\"\n\\]{4,1000})|(?:[rbuf]{1,2})?\\?'([^'\n\\]{4,1000})|`([^`\n]{4,1000})`"
_VALUE = _QUOTED + r"|(?:(?i:bearer|basic|token|apikey)\s)?([^\s\"'`<>,;\\=]{4,}={0,2}))"
_NOT_NAMES = Pattern(
    r"(?:next|page|prev|previous|continuation|cont|cursor|sync|pad|eos|bos|unk|sep|cls|mask|max|min|num|total|input|"
    r"output|"
    r"prompt|completion|reasoning|cached|public|primary|foreign|partition|sort|cache|idempotency|routing|map|dict|"
    r"object|json|"
    r"row|group|index|lookup|hash|sample|unique|composite|natural|surrogate|foreign|translation|i18n|message|hot|"
    r"arrow|return|enter|shift|ctrl|control|csrf|xsrf|crumb|stop|special|added|first|last|by|per|trace|span|"
    r"correlation|websocket|public[_-]?key|"
    r"request|etag|resume|upload|nonce|challenge|anti|no|is|has|get|show|hide|toggle|forgot|reset|confirm|change|"
    r"validate|check|verify|parse|count|time)[_.\- ]?\z",
    fold=True,
)
_NOT_TAILS = Pattern(
    r"(?:s?[_-]?(?:id|ids|count|counts|limit|type|types|length|len|size|url|uri|endpoint|path|file|filename|name|"
    r"names|field|"
    r"expiry|expires?|expiration|expires_in|expires_at|ttl|age|policy|usage|budget|index|idx|"
    r"status|regex|pattern|format|label|placeholder|hint|prefix|suffix|"
    r"sha[0-9]*|md5|hash|digest|fingerprint|checksum|manager|provider|reset|strength|version|algorithm|alg|error|message|prompt|header|headers|class|input|required|"
    r"izer|ize|ized|ization|s_per|board|word|words|note|notes|ring|hash_algorithm|arn|ref|refs|reference))\b",
    fold=True,
)
_NEXT_PARAMETER = Pattern(r"&(?:amp;)?[A-Za-z_][A-Za-z0-9_.-]*=?")
# No secret follows where no digit, quote or change of case does.
_PROMISING = Pattern(r"[0-9\"'`]|[a-z][A-Z]")
_NEAR = 120
_SHORT = 16  # a parameter of an address with a shorter value is a number of something
_WEIGHT = 50


class GenericScanner:
    """Finds named secrets. signs: RE2 of the words that name one, without regard to case."""

    signs = f"{_PASSWORDS}|{_KEY_WORDS}"

    def __init__(self) -> None:
        self._words = Pattern(self.signs, fold=True)
        self._passwords = Pattern(f"(?:{_PASSWORDS})", fold=True)
        self._joined = Pattern(f"{_JOIN}{_VALUE}", fold=True)
        self._called = Pattern(f"{_CALL}{_QUOTED})", fold=True)
        self._said = Pattern(_SAID + _VALUE, fold=True)
        self._next = Pattern(r"s?[ \t]{1,3}" + _VALUE, fold=True)
        self._foreign = Pattern(r"[^A-Za-z0-9\n]{1,12}?" + _VALUE, fold=True)

    def scan(self, text: str, data: bytes) -> Iterator[Leak]:
        """Every secret that is named. data: `as_bytes(text)`."""
        for start, end in self._words.spans(data):
            is_password_word = self._passwords.at(data, start, end) is not None
            if is_password_word and data[start:end].lower() in _WEAK and not _named_so(data, start, end):
                yield from self._after_weak(text, data, end)
                continue
            leak = self._after(text, data, start, end, is_password_word)
            if leak is not None:
                yield leak
        if not text.isascii():
            yield from self._after_other_scripts(text, data)

    def _after_weak(self, text: str, data: bytes, end: int) -> Iterator[Leak]:
        """`pass: Marble1985$`: only a value that can be nothing else."""
        found = _value(self._joined, data, end, min(end + 300, len(data)))
        if found is not None and is_unmistakable(text[found[0] : found[1]], is_password_word=True):
            yield _leak(found, True)

    def _after(self, text: str, data: bytes, start: int, end: int, is_password_word: bool) -> Leak | None:
        if _only_sounds(data, start, end, is_password_word):
            return None
        if _PROMISING.search(data, end, min(end + _NEAR, len(data))) is None:
            return None
        limit = min(end + 2200, len(data))
        for pattern in (self._joined, self._called):
            found = _value(pattern, data, end, limit)
            if found is not None and _judged(text, found, is_password_word, said=False):
                if found[1] - found[0] < _SHORT and data[start - 1 : start] in (b"?", b"&") and not is_password_word:
                    return None
                return _leak(found, is_password_word)
        said = _value(self._said, data, end, limit)
        if said is not None and _judged(text, said, is_password_word, said=True):
            return _leak(said, is_password_word)
        follows = _value(self._next, data, end, limit)
        if follows is not None and is_unmistakable(text[follows[0] : follows[1]], is_password_word=is_password_word):
            return _leak(follows, is_password_word)
        return None

    def _after_other_scripts(self, text: str, data: bytes) -> Iterator[Leak]:
        for end in word_ends(text, _OTHER_WORDS):
            found = _value(self._foreign, data, end, min(end + 200, len(data)))
            if found is not None and _judged(text, found, True, said=True):
                yield _leak(found, True)


def _only_sounds(data: bytes, start: int, end: int, is_password_word: bool) -> bool:
    """The name around the word says it is something else."""
    begin = start
    while begin > 0 and start - begin < 24 and chr(data[begin - 1]) in _NAME_CHARACTERS:
        begin -= 1
    before = data[begin:start]
    if data[start - 4 : start] in (b"did:", b"did-"):
        return True
    if before and not is_password_word:
        for cut in range(len(before)):
            if (cut == 0 or _starts_part(before, cut)) and _NOT_NAMES.at(before, cut) is not None:
                return True
    return _NOT_TAILS.at(data, end, min(end + 32, len(data))) is not None


# Words that mostly mean something else, unless a name is made with them (`DB_PASS=`, `"pin":`).
_WEAK = (b"pass", b"_pass", b"pin", b"cred", b"creds", b"clave", b"credential", b"credentials")


def _named_so(data: bytes, start: int, end: int) -> bool:
    """The word is the end of a longer name or is assigned to without a blank."""
    before = data[start - 1 : start]
    return data[start : start + 1] == b"_" or before in (b"_", b"-", b".") or data[end : end + 1] == b"="


_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")


def _starts_part(name: bytes, at: int) -> bool:
    """A new word of a name begins here: after a mark, or at a capital after a small letter."""
    return name[at - 1 : at] in (b"_", b"-", b".") or (name[at : at + 1].isupper() and name[at - 1 : at].islower())


def _value(pattern: Pattern, data: bytes, start: int, limit: int) -> tuple[int, int, bool] | None:
    """The span of the value and whether it stood in quotes."""
    spans = pattern.groups_at(data, start, limit)
    if spans is None:
        return None
    for number, (first, last) in enumerate(spans[1:5]):
        if first >= 0:
            if number == 3:
                last = _without_end(data, first, last)
                while first < last and data[first : first + 1] in (b"*", b"("):
                    first += 1
            return first, last, number < 3
    return None


def _without_end(data: bytes, first: int, last: int) -> int:
    """A value without quotes ends before the mark that ends the sentence, the pair or the parameter."""
    parameter = _NEXT_PARAMETER.search(data, first, last)
    if parameter is not None and parameter[0] > first + 3:
        last = parameter[0]
    encoded = re.search(rb"%(?:22|27|20|26|0[AaDd])", data[first:last])
    if encoded is not None and encoded.start() >= 4:
        last = first + encoded.start()
    while last > first and data[last - 1 : last] in _ENDS:
        last -= 1
    return last


_ENDS = (b".", b":", b")", b"]", b"}", b"*", b"?", b"|")


def _judged(text: str, found: tuple[int, int, bool], is_password_word: bool, *, said: bool) -> bool:
    value, quoted = text[found[0] : found[1]], found[2]
    if not value.isascii() or any(c.isspace() for c in value):
        return False
    if not quoted and _PROMISING.search(value.encode()) is None:
        return False
    if is_password_word and is_password(value, quoted=quoted, said=said):
        return True
    return is_key(value, quoted=quoted or not said)


def _leak(found: tuple[int, int, bool], is_password_word: bool) -> Leak:
    pattern = "generic-password" if is_password_word else "generic-secret"
    return Leak(Family.SECRET, "secret", pattern, found[0], found[1], weight=_WEIGHT)
