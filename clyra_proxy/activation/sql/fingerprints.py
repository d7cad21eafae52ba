"""The identity of a statement: its tokens, without comments, blanks and the case of what is not quoted.

Guarantees: two texts have one fingerprint only when a server reads the same tokens in the same order; a `?` that policy
writes stands for exactly one literal. Literals count otherwise, because a statement may carry another one in a text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

_LITERALS = frozenset({TokenType.STRING, TokenType.NUMBER})
_QUOTED = frozenset({*_LITERALS, TokenType.IDENTIFIER, TokenType.RAW_STRING, TokenType.HEREDOC_STRING})
_ANY = "?"
_BYTES = 16

type Form = tuple[tuple[str, str], ...]


def form_of(tokens: Sequence[Token]) -> Form:
    """(kind, text) of each token; a closing semicolon does not count."""
    pairs = [(_kind(token), token.text if token.token_type in _QUOTED else token.text.casefold()) for token in tokens]
    while pairs and pairs[-1][1] == ";":
        pairs.pop()
    return tuple(pairs)


def fingerprint(form: Form) -> str:
    """The fingerprint as findings give it: 32 hex digits."""
    digest = hashlib.blake2b(digest_size=_BYTES)
    for kind, text in form:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(kind.encode() + len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def matches(form: Form, pattern: Form) -> bool:
    """Whether a statement is what policy wrote; `?` in the pattern stands for one literal."""
    if len(form) != len(pattern):
        return False
    return all(one == other or (other[1] == _ANY and one[0] in "sn") for one, other in zip(form, pattern, strict=True))


def _kind(token: Token) -> str:
    if token.token_type == TokenType.STRING:
        return "s"
    if token.token_type == TokenType.NUMBER:
        return "n"
    return "q" if token.token_type in _QUOTED else "w"
