"""The one scan of a text: everything in it that should not leave.

Rule: a text is scanned in overlapping windows whose borders depend on the text alone, so that a text that arrives in
pieces gives the same leaks as the whole (`stream`), and so that time grows with the length and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from clyra_proxy.genai.leaks.contacts import ContactScanner
from clyra_proxy.genai.leaks.generic import GenericScanner
from clyra_proxy.genai.leaks.hidden import Scan, hidden_leaks
from clyra_proxy.genai.leaks.leak import Leak, without_overlaps
from clyra_proxy.genai.leaks.matching import Pattern, as_bytes
from clyra_proxy.genai.leaks.pack import load_packs
from clyra_proxy.genai.leaks.people import PeopleScanner
from clyra_proxy.genai.leaks.vendors import VendorScanner
from clyra_proxy.genai.leaks.windows import scan_whole
from clyra_proxy.policy.genai.leaks import DEFAULT_PII, Leaks

_LONGEST_VALUE = 4096  # characters of a bare value


@dataclass(frozen=True, slots=True)
class Scanner:
    """Compiled from a policy section, shared between exchanges."""

    settings: Leaks
    vendors: VendorScanner
    generic: GenericScanner
    people: PeopleScanner
    contacts: ContactScanner

    @classmethod
    def compile(cls, settings: Leaks) -> Scanner:
        """Raises PolicyError for a bad pack."""
        kinds = frozenset(kind for kind in DEFAULT_PII if settings.personal.action(kind) != "allow")
        return cls(
            settings,
            VendorScanner(load_packs()),
            GenericScanner(),
            PeopleScanner(kinds, tuple(settings.personal.countries)),
            ContactScanner(kinds),
        )

    def scan(self, text: str) -> list[Leak]:
        """Every leak of a complete text, in its order, without overlaps."""
        return scan_whole(text, lambda window: self._window(window, self._named))

    def scan_named(self, text: str, path: str) -> list[Leak]:
        """The same, for the string at `path`: the name of its member tells what a bare value is."""
        found = self.scan(text)
        name = member_name(path)
        if found or not name or len(text) > _LONGEST_VALUE or any(c.isspace() for c in text):
            return found
        shift = len(name) + 2
        named = self.window(f'{name}="{text}"')
        return [
            replace(leak, start=leak.start - shift, end=min(leak.end - shift, len(text)))
            for leak in named
            if leak.start >= shift
        ]

    def window(self, text: str) -> list[Leak]:
        """Leaks of one window of a text that still grows: a secret reversed with its name, so that the name comes after
        it, is not among them."""
        return self._window(text, self.vendors.scan)

    def _window(self, text: str, mirrored: Scan) -> list[Leak]:
        data = as_bytes(text)
        found = [*self._named(text, data)]
        if has_personal(data):
            found += self.people.scan(text, data)
            found += self.contacts.scan(text, data)
        if self.settings.secrets.encoded:
            found += hidden_leaks(text, data, self._named, mirrored)
        return without_overlaps(found)

    def _named(self, text: str, data: bytes) -> Iterator[Leak]:
        """Secrets that stand there as they are."""
        yield from self.vendors.scan(text, data)
        if self.settings.secrets.generic:
            yield from self.generic.scan(text, data)


_PERSONAL = Pattern(r"[0-9][0-9 ().\-/]{4,}[0-9]|[A-Za-z0-9]@[A-Za-z0-9]|[0-9]{4}|[0-9]{2}[A-Z][0-9]{2}")


def has_personal(data: bytes) -> bool:
    """Anything that could be a number of a person or an address at all."""
    return _PERSONAL.search(data) is not None


def member_name(path: str) -> str:
    """The last name in a JSON pointer that is not an index, "" when there is none."""
    for token in reversed(path.split("/")[1:]):
        if not token.isdigit():
            return token.replace("~1", "/").replace("~0", "~") if len(token) <= 64 else ""
    return ""
