"""Relationships for OpenFGA, filled in from the question.

Rules. (1) A value cannot leave its place: what OpenFGA gives a meaning to is percent-encoded, so that an agent
named `x#member` or `*` is only a strange id. (2) Only an agent that proved who it is is asked about by its name; a
guess is `anonymous`. (3) `{tool}` and `{operation}` stand for each one there is, and a relationship that names what the
request does not have is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from urllib.parse import quote

from clyra_proxy.enforcement.engines.question import Question
from clyra_proxy.policy.engines import PLACEHOLDERS, TupleKey

ANONYMOUS = "anonymous"

type Relationship = Mapping[str, str]
"""`user`, `relation` and `object`, as OpenFGA has them."""

type Words = Mapping[str, tuple[str, ...]]


def words_of(question: Question) -> Words:
    """Placeholder -> what it stands for: nothing, one word or several."""
    caller, where, rows, talk = question.caller, question.destination, question.rows, question.conversation
    single = {
        "agent": caller.agent if caller.proven else ANONYMOUS,
        "tenant": caller.tenant,
        "destination": where.name or where.host,
        "host": where.host,
        "route": where.route,
        "kind": question.request.kind,
        "method": question.request.method.lower(),
        "target": rows.target if rows is not None else "",
        "model": talk.model if talk is not None else "",
    }
    words: dict[str, tuple[str, ...]] = {name: (word,) if word else () for name, word in single.items()}
    words["tool"] = talk.tools if talk is not None else ()
    words["operation"] = tuple(rows.operations) if rows is not None else ()
    return words


def relationships(templates: Iterable[TupleKey], words: Words) -> Iterator[Relationship]:
    """Every relationship that the templates come to, each once."""
    seen: set[tuple[str, str, str]] = set()
    for template in templates:
        written = (template.user, template.relation, template.object)
        named = [name for name in PLACEHOLDERS if any(f"{{{name}}}" in text for text in written)]
        for chosen in product(*(words[name] for name in named)):
            user, target = (_filled(text, named, chosen, "@+=/") for text in (template.user, template.object))
            relation = _filled(template.relation, named, chosen, "")
            if (user, relation, target) not in seen:
                seen.add((user, relation, target))
                yield {"user": user, "relation": relation, "object": target}


def _filled(text: str, names: Sequence[str], chosen: Sequence[str], safe: str) -> str:
    for name, word in zip(names, chosen, strict=True):
        text = text.replace(f"{{{name}}}", quote(word, safe=safe, errors="replace"))
    return text
