"""`canon` and `crypto`: rules of the format asked over standard input, one answer a line, to compare verifiers by.

canon: each line is judged as DEF-JSON; the answer is `ok` or its code. crypto: each line is `algorithm public signature
message` in hex (`-`: no bytes); the answer is `good` or `bad`, weak keys being bad.
"""

from __future__ import annotations

from typing import BinaryIO

from recorder import canonical, public_key


def canon(lines: BinaryIO, answers: BinaryIO) -> int:
    """Answer for every line whether it is canonical JSON: `ok`, or the code of what is wrong."""
    for line in lines:
        try:
            canonical.check(line.removesuffix(b"\n"))
        except canonical.CanonicalError as error:
            answers.write(error.code.encode() + b"\n")
        else:
            answers.write(b"ok\n")
    return 0


def crypto(lines: BinaryIO, answers: BinaryIO) -> int:
    """Answer for every line whether its signature is `good` or `bad`."""
    for line in lines:
        answers.write(b"good\n" if _is_good(line.decode("latin-1").split()) else b"bad\n")
    return 0


def _is_good(words: list[str]) -> bool:
    if len(words) != 4:
        return False
    try:
        public, signature, message = (b"" if word == "-" else bytes.fromhex(word) for word in words[1:])
    except ValueError:
        return False
    algorithm = words[0]
    return not public_key.is_weak(algorithm, public) and public_key.verifies(algorithm, public, signature, message)
