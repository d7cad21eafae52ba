"""Telling the use of an order from its mention: the same words in code, in tests and in writing about attacks.

Rule: a match is a mention when it stands in quotes (or a code span) and the words around it talk about attacks,
detection, tests or code; without quotes only when they plainly talk about attacks, and then never in text from
strangers, who could write such words around a real order; or when a short text begins by asking about it; or when
it is an identifier. A mention is worth MENTION of a use. What is looked at is NEAR bytes on each side, so the time
for a match is constant; the cheap questions come first, and the words are looked for by automata.
"""

from __future__ import annotations

import re
from typing import Any

import re2  # type: ignore[import-untyped]

from clyra_proxy.genai.model import Provenance

MENTION = 0.1
NEAR = 400


def _words(pattern: bytes) -> Any:
    """One automaton for words in bytes, as `re` reads them: only ASCII has case."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_capture = True
    return re2.compile(pattern, options)


_OPENED = re.compile(rb"(?:[\"'`]|\xe2\x80\x9c|\xc2\xab)[^\"'`\n]{0,24}$")
_CLOSED = re.compile(rb"^[^\n]{0,160}?[\"'`\xbb\x9d]")
_ABOUT_ATTACKS = _words(
    rb"(?i)prompt[ -]injections?|injection (?:attacks?|attempts?|patterns?|detect\w*|payloads?|techniques?|scan\w*)|"
    rb"jailbreak(?:s|ing)? (?:attempts?|attacks?|prompts?|techniques?|detect\w*)|jailbreak detection|guard ?rails? |"
    rb"red[- ]team(?:s|ing|ers?)|owasp|adversarial (?:prompts?|inputs?|attacks?|examples?)|threat models?|"
    rb"attack (?:vectors?|patterns?|surface|success|scenarios?|types?|prompts?|techniques?)|an attacker|"
    rb"attackers (?:can|may|could|might|use)|malicious (?:prompts?|users?|inputs?|instructions?|content|actors?)|"
    rb"mitigat(?:e|es|ions?|ing)|vulnerabilit(?:y|ies)|detect(?:or|ors|ion|s|ed) |false positives?|safety classifier|"
    rb"prompt[- ]leak(?:s|age|ing)"
)
_ABOUT_CODE = _words(
    rb"(?i)\bdef |\bclass |\breturn\b|\bself\.|\bassert|\bimport |print\(|```|\btests?\b|\bexamples?\b|\be\.g\.|"
    rb"such as|for example|patterns?\b|"
    rb"phrases?\b|keywords?\b|regex|\"(?:role|content|input|text|description|name)\"\s*:|\bpayload|\bscan|"
    rb"documentation|attempts?\b|\bblock(?:s|ed|ing)?\b|attacks?\b|injections?\b|malicious|expected|const |let |=>|"
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
_BLANK = re.compile(rb"\s")
_IDENTIFIER = re.compile(rb"(?:\b(?:def|class|func|fn|function|const|let|var|import|from|self|test)[ _.]|[.(_=\[-])$")
_SOURCE_CODE = _words(  # over a whole text: `re` would try every blank line with all that follow it
    rb"(?m)^[\s\v]*(?:(?:async )?def \w+\(|class \w+[:(]|(?:export )?(?:async )?function \w*\(|import \w|"
    rb"from \w+ import|#include|fn \w+\(|(?:public|private|static) [\w<>]+ \w+\(|(?:const|let|var) \w+ =)"
)


def is_source_code(content: bytes) -> bool:
    """Whether the text holds source code, where words are joined by `_` and `(` without hiding anything."""
    return _SOURCE_CODE.search(content) is not None


def is_mention(content: bytes, start: int, end: int, provenance: Provenance) -> bool:
    """Whether the match at these bytes is spoken about rather than spoken."""
    if not _BLANK.search(content[start:end]) and _IDENTIFIER.search(content[max(0, start - 10) : start]):
        return True
    before, after = content[max(0, start - NEAR) : start], content[end : end + NEAR]
    around = before + b"\n" + after
    attacks = set() if provenance.foreign else _distinct(_ABOUT_ATTACKS, around)
    if len(attacks) >= 2:
        return True
    if start < _QUESTION and not provenance.foreign and _ASKED_ABOUT.search(before):
        return True
    if not (_OPENED.search(before[-40:]) and _CLOSED.search(after)):
        return False
    attacks = attacks or _distinct(_ABOUT_ATTACKS, around)
    return len(attacks | _distinct(_ABOUT_CODE, around)) >= 2


def _distinct(words: Any, content: bytes) -> set[bytes]:
    """The words that occur, in lower case; two are enough."""
    found: set[bytes] = set()
    for match in words.finditer(content):
        found.add(match[0].lower())
        if len(found) == 2:
            break
    return found
