"""What addresses and accounts of a message say by themselves: mismatch, impersonation, look-alike, unknown account.

Each sign has an id and points; they add to the points of the text. A sign that needs to know whom you deal with
(look-alike domains, people, accounts) speaks only when the policy says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stdnum import iban

from clyra_proxy.genai.bec.domains import liken, registrable
from clyra_proxy.genai.bec.folding import fold, spaced
from clyra_proxy.genai.bec.mail import Mail, parse_party
from clyra_proxy.genai.bec.packs import load_lists
from clyra_proxy.policy.genai.bec import Bec

_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
_LINK_HOST = re.compile(r"(?i)\bhttps?://([^\s/?#\"'<>\\]{1,255})")
MOST_LINKS = 200


@dataclass(frozen=True, slots=True)
class Sign:
    """id: stands in a finding's `patterns`. bec_class: what it points at by itself."""

    id: str
    score: int
    bec_class: str = "impersonation"


class Acquaintances:
    """Whom the policy knows, prepared for many messages."""

    def __init__(self, settings: Bec) -> None:
        self._own = frozenset(registrable(domain) for domain in settings.own_domains)
        known = {registrable(domain) for party in settings.counterparties for domain in party.domains} | self._own
        self._known = tuple(sorted(known))
        self._ibans = {
            registrable(domain): frozenset(party.ibans)
            for party in settings.counterparties
            for domain in party.domains
            if party.ibans
        }
        self._names = [
            (spaced(fold(party.name)), frozenset(party.ibans)) for party in settings.counterparties if party.ibans
        ]
        self._people = {
            _name_key(person.name): frozenset(address.lower() for address in person.addresses)
            for person in settings.people
        }

    def signs(self, mail: Mail) -> Iterator[Sign]:
        """Every sign of one message."""
        yield from self._mismatch(mail)
        yield from self._impersonation(mail)
        yield from self._likeness(mail)
        yield from self._accounts(mail)

    def _mismatch(self, mail: Mail) -> Iterator[Sign]:
        sender, answers = registrable(mail.sender.domain), registrable(mail.reply_to.domain)
        if not sender or not answers or sender == answers:
            return
        freemail = load_lists().freemail
        known = 1 if sender in self._known and answers not in self._known else 0
        if answers in freemail and sender not in freemail:
            yield Sign("address.reply_to_freemail", 4 + known)
        else:
            yield Sign("address.reply_to_elsewhere", 2 + 2 * known)

    def _impersonation(self, mail: Mail) -> Iterator[Sign]:
        if not mail.sender.address:
            return
        shown = parse_party(mail.sender.name).address if "@" in mail.sender.name else ""
        if shown and registrable(shown.rpartition("@")[2]) != registrable(mail.sender.domain):
            yield Sign("address.name_is_another_address", 4)
        allowed = self._people.get(_name_key(mail.sender.name)) if mail.sender.name else None
        own = registrable(mail.sender.domain) in self._own
        if allowed is not None and not own and mail.sender.address not in allowed:
            yield Sign("address.known_name", 5)

    def _likeness(self, mail: Mail) -> Iterator[Sign]:
        if not self._known:
            return
        hosts = [mail.sender.domain, mail.reply_to.domain]
        links = (found[1] for found in _LINK_HOST.finditer(mail.text))
        hosts += [host.rpartition("@")[2].partition(":")[0] for host, _ in zip(links, range(MOST_LINKS), strict=False)]
        found = [like for host in dict.fromkeys(hosts) if host and (like := liken(host, self._known))]
        if found:
            best = max(found, key=lambda like: like.score)
            yield Sign(f"domain.{best.kind}", best.score, "look_alike_domain")

    def _accounts(self, mail: Mail) -> Iterator[Sign]:
        if not self._ibans:
            return
        known = self._ibans.get(registrable(mail.sender.domain))
        if known is None:
            text = spaced(fold(mail.text[:100_000]))
            known = next((ibans for name, ibans in self._names if name.strip() and name in text), None)
        if known is None:
            return
        told = {_bare(found[0]) for found in _IBAN.finditer(mail.text[:100_000])}
        told |= {_bare(account) for account in mail.accounts if _IBAN.fullmatch(account.strip())}
        if any(not any(one.startswith(account) or account.startswith(one) for one in known) for account in told):
            yield Sign("account.not_on_file", 5, "payee_change")


def _bare(found: str) -> str:
    """Without blanks, and without the words that followed it when its check digits tell where it ends."""
    bare = re.sub(r"[ -]", "", found).upper()
    ends = (end for end in range(15, min(len(bare), 34) + 1) if iban.is_valid(bare[:end]))
    return bare[: next(ends, len(bare))]


def _name_key(name: str) -> frozenset[str]:
    """The words of a name, whatever their order and marks: `Doe, Jane` is `Jane Doe`."""
    return frozenset(spaced(fold(name)).split())
