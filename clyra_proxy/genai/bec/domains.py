"""Look-alike domains: names that a reader takes for another one they know.

Compared are the registrable parts (Public Suffix List). Kinds, strongest first: `homoglyph` (other letters, same
picture), `typo` (one edit, or two in a long name; Damerau-Levenshtein), `tld` (same name under another suffix),
`affix` (the name with words around it: `globex-billing.com`), `subdomain` (`globex.com.evil.net`). What is not like a
known domain is nobody's business here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from anyascii import anyascii
from publicsuffixlist import PublicSuffixList
from rapidfuzz.distance import OSA

from clyra_proxy.genai.bec.packs import load_lists
from clyra_proxy.genai.normal_forms import normal_form

SHORTEST_COMPARED = 5
"""Names shorter than this are like too many others to compare by edits."""

LONG_NAME = 9

_PICTURES = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("ii", "u"), ("0", "o"), ("1", "l"), ("3", "e"), ("5", "s"),
             ("i", "l"), ("-", ""), ("_", ""))  # fmt: skip
"""Letters that look alike, each mapped to one of them."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """kind: see the module. known: the domain it imitates. score: BEC points."""

    kind: str
    known: str
    score: int


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def registrable(domain: str) -> str:
    """`mail.globex.co.uk` -> `globex.co.uk`, in Unicode, lower case; the domain itself when it has no suffix."""
    name = _unicode(domain.strip().strip(".").lower())
    try:
        return _suffixes().privatesuffix(name) or name
    except (ValueError, IndexError, UnicodeError):
        return name


def liken(domain: str, known: Iterable[str]) -> Likeness | None:
    """What `domain` imitates, or None: it is one of the known domains, or like none of them."""
    full = _unicode(domain.strip().strip(".").lower())
    subject = registrable(full)
    pairs = [(one, registrable(one)) for one in known]
    if not subject or any(subject == registered for _, registered in pairs):
        return None
    found = [like for one, registered in pairs if (like := _compare(full, subject, registered))]
    return max(found, key=lambda like: like.score, default=None)


def _compare(full: str, subject: str, known: str) -> Likeness | None:
    name, _, _ = subject.partition(".")
    wanted, _, _ = known.partition(".")
    if name == wanted:
        return Likeness("tld", known, 4)
    if _picture(name) == _picture(wanted):
        return Likeness("homoglyph", known, 5)
    if full.startswith(f"{known}.") or f".{known}." in full:
        return Likeness("subdomain", known, 5)
    if min(len(name), len(wanted)) >= SHORTEST_COMPARED:
        most = 2 if len(wanted) >= LONG_NAME else 1
        if OSA.distance(_latin(name), _latin(wanted), score_cutoff=most) <= most:
            return Likeness("typo", known, 5)
    if len(wanted) >= 4 and _is_wrapped(name, wanted):
        return Likeness("affix", known, 4)
    return None


def _is_wrapped(name: str, wanted: str) -> bool:
    """Whether `name` is the wanted one with words of business around it."""
    around = load_lists().around
    before, found, after = name.partition(wanted)
    if not found:
        return False
    words = [word for part in (before, after) for word in part.split("-") if word]
    return bool(words) and all(word in around or word.isdigit() for word in words)


def _latin(name: str) -> str:
    """Transliterated, marks dropped."""
    return anyascii(normal_form("NFKC", name)).lower()


def _picture(name: str) -> str:
    """What the name looks like: letters that resemble each other made one."""
    picture = _latin(name)
    for letters, one in _PICTURES:
        picture = picture.replace(letters, one)
    return picture


def _unicode(domain: str) -> str:
    """Punycode labels as the Unicode a reader is shown; what does not decode stays as it is."""
    labels = []
    for label in domain.split("."):
        try:
            labels.append(label[4:].encode("ascii").decode("punycode") if label.startswith("xn--") else label)
        except UnicodeError:  # a browser shows such a label as it is
            labels.append(label)
    return ".".join(labels)
