"""Telling the use of an order from its mention: the same words in code, in tests and in writing about attacks.

Rule: a match is a mention when it stands in quotes (or a code span) and the words around it talk about attacks,
detection, tests or code; without quotes only when they plainly talk about attacks, and then never in text from
strangers, who could write such words around a real order; or when a short text begins by asking about it (that of a
stranger must end with the question, too); or when it is an identifier. A mention is worth MENTION of a use. What is
looked at is NEAR bytes on each side, so the time for a match is constant; the cheap questions come first, and the
words are looked for by automata.
"""

from __future__ import annotations

import re

from clyra_proxy.genai.byte_patterns import Pattern
from clyra_proxy.genai.model import Provenance

MENTION = 0.1
NEAR = 400


def _words(pattern: bytes) -> Pattern:
    """One automaton for words in UTF-8, read a byte a character."""
    return Pattern(pattern.decode("latin-1"), memory=8 << 20)


_OPENED = re.compile(rb"(?:[\"'`]|\xe2\x80\x9c|\xc2\xab)[^\"'`\n]{0,80}$")
_HELD = re.compile(rb"(?:[\"\\]\s?:\s?\\{0,3}\"|<[a-zA-Z][^<>]{0,80}=\s?[\"'])[^\"'`\n]{0,80}$")
"""Before a match: the quotes are those of a JSON member or of an attribute, which hold what there is to read."""
_CLOSED = re.compile(rb"^[^\n]{0,160}?[\"'`\xbb\x9d]")
_ABOUT_ATTACKS = _words(
    rb"(?i)prompt[ -]injections?|injection (?:attacks?|attempts?|patterns?|detect\w*|payloads?|techniques?|scan\w*)|"
    rb"jailbreak(?:s|ing)? (?:attempts?|attacks?|prompts?|techniques?|detect\w*)|jailbreak detection|guard ?rails? |"
    rb"red[- ]team(?:s|ing|ers?)?\b|owasp|adversarial (?:prompts?|inputs?|attacks?|examples?)|threat models?|"
    rb"attack (?:vectors?|patterns?|surface|success|scenarios?|types?|prompts?|techniques?)|an attacker|"
    rb"attackers (?:can|may|could|might|use)|malicious (?:prompts?|users?|inputs?|instructions?|content|actors?)|"
    rb"mitigat(?:e|es|ions?|ing)|vulnerabilit(?:y|ies)|detect(?:or|ors|ion|s|ed) |false positives?|safety classifier|"
    rb"prompt[- ]leak(?:s|age|ing)|jailbreaks?\b|\bcve\b|success rates?|"
    rb"in (?:our|the) (?:study|experiments?)|evaluation of|"
    rb"\xd0\xb4\xd0\xb6\xd0\xb5\xd0\xb9\xd0\xbb\xd0\xb1\xd1\x80\xd0\xb5\xd0\xb9\xd0\xba|"
    rb"\xe8\xb6\x8a\xe7\x8b\xb1|\xed\x83\x88\xec\x98\xa5|"
    rb"inje(?:c|k|\xc3\xa7)[a-z\xc3\xa3\xc3\xb3\xc3\xa9]{1,6}(?: de| di|) prompt"
)
_ABOUT_CODE = _words(
    rb"(?i)\bdef |\bclass |\breturn\b|\bself\.|\bassert|\bimport |print\(|```|\btests?\b|\bexamples?\b|\be\.g\.|"
    rb"such as|for example|patterns?\b|"
    rb"phrases?\b|keywords?\b|regex|\"(?:role|content|input|text|description|name)\"\s*:|\bpayload|\bscan|"
    rb"documentation|attempts?\b|\bblock(?:s|ed|ing)?\b|attacks?\b|injections?\b|malicious|expected|const |let |=>|"
    rb"the (?:words|strings?|sentences?|text) |sentences like|\bstudents?\b|researchers?\b|\btrials?\b|"
    rb"curl |\| |- \"|<[A-Z][a-z]+[A-Z ]|"
    rb"(?:label|text|example|description|content|title|items|before|after)(?:=|: )[\"{']"
)

_ASKED_ABOUT = re.compile(
    rb"(?i)(?:how (?:do|would|should|will|does|can) (?:you|i|we|one|it|an ai) (?:\w+ )?(?:classify|interpret|handle|"
    rb"treat|respond to|react to|detect|recogni[sz]e|understand|parse)|"
    rb"what (?:is|would be|.s) (?:your|the) (?:response|reaction|answer) to|"
    rb"is (?:this|the following|it) (?:an? |potentially )?(?:attack|suspicious|malicious|harmful|safe|injection)|"
    rb"what does|explain why|(?:meaning|interpretation) of)[^.!?\n]{0,40}$|"
    rb"(?:explain|mean|of|does|say|says|use|using) the (?:phrase|sentence|words|string) [\"'`]?$"
)
_QUESTION = 120
_NOTHING_MORE = re.compile(rb"(?:[\"'`][^.!?\n]{0,40}|[^.!?\n\"'`]{0,12})[.!?\"'`\s]{0,4}\Z")
"""After a match that is asked about: the question ends, and with it the text. A stranger's order would go on."""
_OWN_DOING = re.compile(
    rb"(?i)\b(?:can|could|may|should|do|must|how to|would) i (?:just |safely |also )?$|"
    rb"\b(?:make|makes|making|let|lets|have) (?:the|my|our|an?|its?|word|excel) (?:(?!ai\b|model|assistant|chat)\w+ )?$"
)
"""Before a match: the writer asks how he does it himself, or how a thing of his is made to do it."""
_NARRATED = re.compile(
    rb"(?i)\b(?:ordered|told|asked|commanded|instructed|programmed|taught|forced|supposed|pretended|refused|tried) "
    rb"(?:(?:the|him|her|them|it|his|their|its) (?:\w+ )?)?to $"
)
_ADDRESSED = re.compile(rb"(?i)\b(?:you|your|ai|assistant|model|i)\b")
"""An order that is told about, unless somebody is addressed."""
_SAID = re.compile(
    rb"[,.!?][\"'\x9d\x99] ?(?:the|he|she|they|it|said|[A-Za-z]+)? ?(?:\w+ )?"
    rb"(?:said|shouted|cried|whispered|replied|asked|answered|told|yelled|hissed|begged)\b"
)
"""After a match within a sentence: the tag of a speech in a tale."""
_FORBIDDEN = re.compile(
    r"(?i)(?:\bnever|(?<!why )\bnot|n't|\bmai|\bnunca|\bjamais|\bniemals|\bno|\bnon|\bnão|\bnie|\bnooit|"
    r"\bnigdy(?: nie)?|\baldrig|\baldri|\basla|\bникогда не|\bне|\bніколи не|"
    r"לעולם אל|(?<!\w)אל|(?<!\w)לא|(?<!\w)لا|不要|绝不|切勿|请勿)\s?$"
)
"""Before an order to reveal, in many languages: it forbids that."""
_BLANK = re.compile(rb"\s")
_LEAD = re.compile(rb"[\s\"'`*_~,.;:(\[-]*(?:to )?")
"""What a match may begin with that is not yet the order."""
_IDENTIFIER = re.compile(rb"(?:\b(?:def|class|func|fn|function|const|let|var|import|from|self|test)[ _.]|[.(_=\[-])\Z")
_COMPOUND = re.compile(rb"\b(?:[A-Za-z]+_\w+|[a-z]+[A-Z]\w+|[A-Z][a-z]+[A-Z]\w+)")
_SOURCE_CODE = _words(  # over a whole text: `re` would try every blank line with all that follow it
    rb"(?m)^[\s\v]*(?:(?:async )?def \w+\(|class \w+[:(]|(?:export )?(?:async )?function \w*\(|import \w|"
    rb"from \w+ import|#include|fn \w+\(|(?:public|private|static) [\w<>]+ \w+\(|(?:const|let|var) \w+ =|"
    rb"(?:void|int|bool|char|float|double|fun|func|sub|procedure) \w+ ?\()"
)


def is_source_code(content: bytes) -> bool:
    """Whether the text holds source code, where words are joined by `_` and `(` without hiding anything."""
    return _SOURCE_CODE.search(content) is not None


def is_mention(content: bytes, start: int, end: int, provenance: Provenance) -> bool:
    """Whether the match at these bytes is spoken about rather than spoken."""
    if not _BLANK.search(content[start:end]) and _IDENTIFIER.search(content[max(0, start - 10) : start]):
        return True
    lead = _LEAD.match(content, start, end)
    start = lead.end() if lead else start
    before, after = content[max(0, start - NEAR) : start], content[end : end + NEAR]
    around = before + b"\n" + after
    attacks = set() if provenance.foreign else _distinct(_ABOUT_ATTACKS, around)
    if len(attacks) >= 2:
        return True
    if start < _QUESTION and _ASKED_ABOUT.search(before) and (not provenance.foreign or _NOTHING_MORE.match(after)):
        return True
    if _OWN_DOING.search(before[-60:]) and b"your" not in content[start:end].lower():
        return True
    if _NARRATED.search(before[-60:]) and not _ADDRESSED.search(before[-40:]):
        return True
    if not (_OPENED.search(before[-100:]) and _CLOSED.search(after)):
        return False
    if provenance.foreign and _HELD.search(before[-200:]):
        return False
    if _SAID.search(after[:60]):
        return True
    attacks = attacks or _distinct(_ABOUT_ATTACKS, around)
    return len(attacks | _distinct(_ABOUT_CODE, around)) >= 2


def is_forbidden(content: bytes, start: int) -> bool:
    """Whether what is said at this byte is forbidden by the word before it."""
    return _FORBIDDEN.search(content[max(0, start - 24) : start].decode("utf-8", "ignore")) is not None


def is_named(content: bytes, start: int, end: int) -> bool:
    """Whether a match in source code tells what the name beside it says (`def ignore_previous`)."""
    words: list[bytes] = re.findall(rb"[a-z]{4,}", content[start:end].lower())
    around = content[max(0, start - 150) : start] + b" " + content[end : end + 150]
    names = [name.lower() for name in _COMPOUND.findall(around)]
    return any(sum(word.rstrip(b"s") in name for word in words) >= 2 for name in names)


def _distinct(words: Pattern, content: bytes) -> set[bytes]:
    """The words that occur, in lower case; two are enough."""
    found: set[bytes] = set()
    for start, end in words.spans(content):
        found.add(content[start:end].lower())
        if len(found) == 2:
            break
    return found
