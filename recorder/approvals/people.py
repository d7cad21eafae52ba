"""Who may decide about a packet: its role, not who asked, not who deployed, not twice, and nobody who stands in for one
of those.

Rule. People are told apart by issuer and subject; two identities with one e-mail address are one person. An agent's
owner counts as who asked; where no owner is known the agent itself does. A delegate decides with his own name and
passkey; he brings what the one he stands in for may do and is bound by what that one may not, and one voice does not
count twice. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from recorder.approval_binding import subject_commitment
from recorder.approvals import errors
from recorder.approvals.errors import Refusal
from recorder.approvals.settings import ApprovalSettings, Delegation, Person

AGENTS_ISSUER = "urn:clyra:agents"
"""Issuer in the commitment of an agent whose owner nobody named."""


@dataclass(frozen=True, slots=True)
class Duties:
    """Who asked and who deployed. owner, deployer: None when nobody is named."""

    agent: str
    owner: Person | None
    deployer: Person | None

    def requester_commitment(self, salt: bytes) -> str:
        if self.owner is not None:
            return commitment(salt, self.owner)
        return subject_commitment(salt, AGENTS_ISSUER, self.agent)

    def deployer_commitment(self, salt: bytes) -> str:
        """ "" when nobody is named."""
        return "" if self.deployer is None else commitment(salt, self.deployer)

    def include(self, person: Person) -> bool:
        """Whether this person asked, deployed, or is the agent by another name."""
        named = {person.name.lower(), person.sub.lower(), person.email.lower()} - {""}
        barred = (one for one in (self.owner, self.deployer) if one is not None)
        return any(is_same(person, one) for one in barred) or self.agent.lower() in named


@dataclass(frozen=True, slots=True)
class Voice:
    """With whose right a person decides: his own, or that of the one he stands in for."""

    person: Person
    delegator: Person | None = None


def is_same(one: Person, other: Person) -> bool:
    """Whether two entries are one human being, as far as settings tell."""
    identity = (one.iss, one.sub) == (other.iss, other.sub)
    return identity or bool(one.email and one.email.casefold() == other.email.casefold())


def commitment(salt: bytes, person: Person) -> str:
    """The commitment to a person under the salt of this log."""
    return subject_commitment(salt, person.iss, person.sub)


def duties_of(settings: ApprovalSettings, agent: str) -> Duties:
    """Who answers for an agent, as the settings say; nobody for an agent they do not name."""
    duty = settings.duty_of(agent)
    if duty is None:
        return Duties(agent, None, None)
    return Duties(agent, settings.person(duty.owner), settings.person(duty.deployer))


def voice_of(
    settings: ApprovalSettings,
    person: Person,
    role: str,
    duties: Duties,
    decided: Iterable[tuple[str, str, str]],
    now: float,
) -> Voice:
    """The right with which `person` may decide now. Raises Refusal.

    decided: (issuer, subject, name of the delegator or "") of everybody who decided already.
    """
    voices = tuple(decided)
    if person.disabled:
        raise Refusal(errors.APPROVER)
    if duties.include(person):
        raise Refusal(errors.SOD)
    if any(is_same(person, one) for one in _heard(voices, settings)):
        raise Refusal(errors.QUORUM, "This person has decided already.")
    if _has(person, role):
        if any(is_same(person, one) for one in _spoken_for(voices, settings)):
            raise Refusal(errors.QUORUM, "A delegate has decided for this person already.")
        return Voice(person)
    return _delegated(settings, person, role, duties, voices, now)


def _delegated(
    settings: ApprovalSettings,
    person: Person,
    role: str,
    duties: Duties,
    voices: tuple[tuple[str, str, str], ...],
    now: float,
) -> Voice:
    refusal = Refusal(errors.APPROVER)
    heard = [*_heard(voices, settings), *_spoken_for(voices, settings)]
    for delegator in _delegators(settings, person, role, now):
        if duties.include(delegator):
            refusal = Refusal(errors.SOD, "He stands in for somebody who asked or deployed.")
        elif any(is_same(delegator, one) for one in heard):
            refusal = Refusal(errors.QUORUM, "He stands in for somebody who has decided already.")
        else:
            return Voice(person, delegator)
    raise refusal


def _heard(voices: Iterable[tuple[str, str, str]], settings: ApprovalSettings) -> list[Person]:
    """Who decided already; somebody whom settings do not name any more by his identity alone."""
    return [settings.person_of(iss, sub) or Person(name="gone", iss=iss, sub=sub) for iss, sub, _ in voices]


def _spoken_for(voices: Iterable[tuple[str, str, str]], settings: ApprovalSettings) -> list[Person]:
    """For whom a delegate decided already."""
    return [person for _, _, name in voices if name and (person := settings.person(name)) is not None]


def _delegators(settings: ApprovalSettings, person: Person, role: str, now: float) -> Iterator[Person]:
    for delegation in settings.delegations:
        if delegation.to != person.name or not _in_force(delegation, now):
            continue
        delegator = settings.person(delegation.by)
        covered = not delegation.roles or role in delegation.roles
        if delegator is not None and not delegator.disabled and covered and _has(delegator, role):
            yield delegator


def _in_force(delegation: Delegation, now: float) -> bool:
    return datetime.fromtimestamp(now, UTC) < delegation.until


def _has(person: Person, role: str) -> bool:
    return not role or role in person.roles


def voices(people: Iterable[Person], role: str) -> list[Person]:
    """Of people who may decide, those with a right of their own. All of them together are the largest quorum there can
    be: who only stands in for another takes that one's voice."""
    found: list[Person] = []
    for person in people:
        if _has(person, role) and not any(is_same(person, one) for one in found):
            found.append(person)
    return found


def eligible(settings: ApprovalSettings, role: str, duties: Duties, now: float) -> list[Person]:
    """Everybody who could decide if nobody had yet."""
    found = []
    for person in settings.approvers:
        try:
            voice_of(settings, person, role, duties, (), now)
        except Refusal:
            continue
        found.append(person)
    return found
