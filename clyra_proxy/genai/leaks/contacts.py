"""How a person is reached and when they were born: mail addresses, dates of birth, addresses on the internet.

Rule: an address of a role, a machine or a documentation is nobody's; a date is one of birth only after a word that
says so.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import lru_cache

from publicsuffixlist import PublicSuffixList

from clyra_proxy.genai.byte_patterns import Pattern
from clyra_proxy.genai.leaks.leak import Family, Leak
from clyra_proxy.genai.leaks.nearby import is_named

_EMAIL = Pattern(r"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.)){1,6}[A-Za-z]{2,24}")
_ROLE_WORDS = (
    "noreply no-reply donotreply do-not-reply info support admin administrator sales contact help hello office team "
    "webmaster postmaster hostmaster abuse security privacy legal press media jobs careers hr billing accounts git "
    "root "
    "user username test example foo bar service notifications newsletter marketing feedback mailer-daemon name email "
    "someone somebody customer-service orders enquiries inquiries editor"
)
_ROLES = frozenset(_ROLE_WORDS.split())
_RESERVED = ("example.com", "example.org", "example.net", "noreply.github.com", "domain.com", "email.com", "test.com")
_IPV4 = Pattern(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}")
_IPV6 = Pattern(r"(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4}){1,7}")
_BIRTH_WORDS = Pattern(
    r"(?:date of birth|birth ?date|birthday|\bd\.?o\.?b\b\.?|\bborn(?: on)?\b|geboren am|geburtsdatum|date de "
    r"naissance|n\xe9e? le|"
    r"fecha de nacimiento|nacid[oa] el|data de nascimento|nascid[oa] em|data di nascita|nat[oa] il|geboortedatum)",
    fold=True,
)
_BIRTH_DATE = Pattern(
    r"[\s:=\"'is]{0,8}"
    r"((?:19|20)[0-9]{2}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ](?:19|20)?[0-9]{2}|"
    r"[0-9]{1,2}(?:st|nd|rd|th|\.)? (?:of )?[A-Za-z\xe0-\xff]{3,12},? (?:19|20)[0-9]{2}|"
    r"[A-Z][a-z]{2,8}\.? [0-9]{1,2}(?:st|nd|rd|th)?,? (?:19|20)[0-9]{2})",
    fold=True,
)
_VERSIONS = ("version", "v", "ver", "build", "release")
_WEIGHT = 55


class ContactScanner:
    """kinds: those that are looked for."""

    def __init__(self, kinds: frozenset[str]) -> None:
        self._kinds = kinds

    def scan(self, text: str, data: bytes) -> Iterator[Leak]:
        """data: a byte a character."""
        if "email" in self._kinds and "@" in text:
            for start, end in _EMAIL.spans(data):
                if is_person(text[start:end]) and data[start - 1 : start] not in (b"/", b":", b"@"):
                    yield Leak(Family.PII, "email", "email", start, end, weight=_WEIGHT)
        if "date_of_birth" in self._kinds:
            for _, end in _BIRTH_WORDS.spans(data):
                span = _BIRTH_DATE.at(data, end, min(end + 60, len(data)), 1)
                if span is not None:
                    yield Leak(Family.PII, "date_of_birth", "date_of_birth", *span, weight=_WEIGHT)
        if "ip" in self._kinds:
            for pattern in (_IPV4, _IPV6):
                for start, end in pattern.spans(data):
                    if is_public_address(text[start:end]) and not is_named(text, start, _VERSIONS):
                        yield Leak(Family.PII, "ip", "ip", start, end, weight=_WEIGHT)


def is_person(address: str) -> bool:
    """A mail address under a real public suffix, not of a role, a machine or an example."""
    local, _, host = address.lower().rpartition("@")
    if local.split("+")[0] in _ROLES or any(host == name or host.endswith(f".{name}") for name in _RESERVED):
        return False
    if local[0] in ".'" or local[-1] == "." or ".." in local:
        return False
    if host.index(".") < 2:
        return False
    return _is_registered(host)


@lru_cache(maxsize=4096)
def _is_registered(host: str) -> bool:
    """The host stands under a public suffix."""
    suffix = _suffixes().publicsuffix(host, accept_unknown=False)
    return suffix is not None and suffix != host


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def is_public_address(value: str) -> bool:
    """Whether a text is an IP address that is routed in the Internet."""
    try:
        return ipaddress.ip_address(value).is_global
    except ValueError:
        return False
