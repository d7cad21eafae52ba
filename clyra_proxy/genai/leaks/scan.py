"""The one scan of a text: everything in it that should not leave.

Rule: a text is scanned in overlapping windows whose borders depend on the text alone, so that a text that arrives in
pieces gives the same leaks as the whole (`stream`), and so that time grows with the length and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from clyra_proxy.genai.byte_patterns import Pattern, as_bytes
from clyra_proxy.genai.leaks.canaries import CanaryScanner
from clyra_proxy.genai.leaks.contacts import ContactScanner
from clyra_proxy.genai.leaks.generic import GenericScanner
from clyra_proxy.genai.leaks.hidden import Scan, hidden_leaks
from clyra_proxy.genai.leaks.leak import Family, Leak, without_overlaps
from clyra_proxy.genai.leaks.links import LinkScanner, Surroundings
from clyra_proxy.genai.leaks.pack import load_packs
from clyra_proxy.genai.leaks.people import PeopleScanner
from clyra_proxy.genai.leaks.vendors import VendorScanner
from clyra_proxy.genai.leaks.windows import OpenFrom, ScanWindow, scan_whole
from clyra_proxy.json_pointer import unescape
from clyra_proxy.policy.genai.leaks import DEFAULT_PII, Leaks

_LONGEST_VALUE = 4096  # characters of a bare value
_HARMLESS_IN_LINKS = frozenset({"ip", "date_of_birth"})
_PUBLISHED = frozenset({"email", "phone"})  # addresses of shared calendars, say


class Scanner:
    """Compiled from a policy section, shared between exchanges. Raises PolicyError for a bad pack."""

    def __init__(self, settings: Leaks) -> None:
        kinds = frozenset(kind for kind in DEFAULT_PII if settings.personal.action(kind) != "allow")
        self.settings = settings
        self._vendors = VendorScanner(load_packs())
        self._generic = GenericScanner() if settings.secrets.generic else None
        self._people = PeopleScanner(kinds, tuple(settings.personal.countries))
        self._contacts = ContactScanner(kinds)
        self._everyone, self._addresses = self._people, ContactScanner(frozenset({"email"}))
        self._canaries = CanaryScanner(settings.canaries) if settings.canaries else None
        replaced = settings.links.action == "redact"
        self._links = LinkScanner(settings.links.allowed_hosts, self._sensitive, replaced=replaced)
        self._ignored = frozenset(settings.secrets.ignore)
        named = [each.signs for each in (self._vendors, self._generic, self._canaries) if each is not None]
        self._signs = (Pattern(self._vendors.shapes), Pattern("|".join(named), fold=True))

    def scan(self, text: str, *, links: bool = False, around: Surroundings | None = None) -> list[Leak]:
        """Every leak of a complete text, in its order, without overlaps.

        links: also addresses that carry data; around: the conversation before the text.
        """
        return scan_whole(text, lambda window: self._window(window, self._mirrored, links, around))

    def scan_named(self, text: str, path: str) -> list[Leak]:
        """The leaks of the string at `path`: the name of its member tells what a bare value is."""
        name = member_name(path)
        if not name or len(text) > _LONGEST_VALUE or any(c.isspace() for c in text):
            return []
        shift = len(name) + 2
        named = self._window(f'{name}="{text}"', self._mirrored, False, None)
        return [
            replace(leak, start=leak.start - shift, end=min(leak.end - shift, len(text)))
            for leak in named
            if leak.start >= shift
        ]

    def growing(self, *, links: bool, around: Surroundings | None) -> ScanWindow:
        """Scans one window of a text that still grows: a secret reversed together with its name, so that the name comes
        after it, is not found."""
        return lambda window: self._window(window, self._vendors.scan, links, around)

    @property
    def open_from(self) -> OpenFrom | None:
        """For growing texts: where a canary token may have begun; None where there are none."""
        return None if self._canaries is None else self._canaries.open_from

    def _window(self, text: str, mirrored: Scan, links: bool, around: Surroundings | None) -> list[Leak]:
        data = as_bytes(text)
        found = [*self._secrets(text, data)]
        if has_personal(data):
            found += self._people.scan(text, data)
            found += self._contacts.scan(text, data)
        if self.settings.secrets.encoded:
            found += hidden_leaks(text, data, self._secrets, mirrored)
        if links:
            found += self._links.scan(text, data, around)
        kept = without_overlaps(found)
        return [leak for leak in kept if not self._is_ignored(text, leak)] if self._ignored else kept

    def _secrets(self, text: str, data: bytes) -> Iterator[Leak]:
        """Secrets and canaries that stand there as they are."""
        yield from self._vendors.shaped(text, data)
        yield from self._named(text, data)

    def _named(self, text: str, data: bytes) -> Iterator[Leak]:
        """Secrets that words tell, and canaries."""
        yield from self._vendors.named(data)
        if self._generic is not None:
            yield from self._generic.scan(text, data)
        if self._canaries is not None:
            yield from self._canaries.scan(text, data)

    def _mirrored(self, text: str, data: bytes) -> Iterator[Leak]:
        """The secrets of a text turned round; most such texts have no sign of any."""
        shapes, names = self._signs
        if shapes.search(data):
            yield from self._vendors.shaped(text, data)
        if names.search(data):
            yield from self._named(text, data)

    def _sensitive(self, text: str) -> Iterator[tuple[str, bool]]:
        """The values in a text that must not leave in an address; true for those that can be nothing else."""
        data = as_bytes(text)
        for leak in (*self._secrets(text, data), *self._everyone.scan(text, data), *self._addresses.scan(text, data)):
            if leak.kind not in _HARMLESS_IN_LINKS:
                certain = leak.kind not in _PUBLISHED and not leak.pattern.startswith("generic-")
                yield text[leak.start : leak.end], certain

    def _is_ignored(self, text: str, leak: Leak) -> bool:
        value = text[leak.start : leak.end].encode("utf-8", "replace")
        return leak.family is Family.SECRET and hashlib.sha256(value).hexdigest() in self._ignored


_PERSONAL = Pattern(r"[0-9][0-9 ().\-/]{4,}[0-9]|[A-Za-z0-9]@[A-Za-z0-9]|[0-9]{4}|[0-9]{2}[A-Z][0-9]{2}")


def has_personal(data: bytes) -> bool:
    """Anything that could be a number of a person or an address at all."""
    return _PERSONAL.search(data) is not None


def member_name(path: str) -> str:
    """The last name in a JSON pointer that is not an index, "" when there is none."""
    for token in reversed(path.split("/")[1:]):
        if not token.isdigit():
            return unescape(token) if len(token) <= 64 else ""
    return ""
