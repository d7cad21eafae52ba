"""A secret cut at the border of two content blocks: refused before its rest leaves, however the answer streams."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clyra_proxy.genai.inspection import Inspection, Signal, StreamScanner
from clyra_proxy.genai.leaks.inspector import LeakInspector
from clyra_proxy.genai.model import Conversation, Direction
from clyra_proxy.genai.protocols.recognise import READINGS
from clyra_proxy.policy.genai.leaks import Canary, Leaks
from clyra_proxy.verdict.model import Action

KEY = (
    "sk-"
    + "ant-api03-"
    + "Zq7Lw2Xv9Tb4Rk8Ym3Nc6Pd1Fs5Gh0Ja_Wu-Eo8Ib2Vx7Kt4Mz9Qr6Sn3Ly1Dp5Cf0HgBw2Uj8Ae4OiXv7Tk1-RzQ9Aw"
    + "AA"
)
CANARY = "canary-7f3a91c0-northern-lights"
LEAKS = Leaks(canaries=[Canary(name="planted", value=CANARY)])
INSPECTOR = LeakInspector(LEAKS)
BEFORE, AFTER = "Here it is, as you asked: ", " and that is all there is to say about it."
ORDINARY = [
    ["The answer is 42.", "See also commit ", "9fceb02d0ae598e95dc970b74767f19372d61af8", " in the log."],
    ["Your order ", "SK-2024-", "000123", " is on its way."],
    ["Set API_KEY=", "in your environment, then run ", "make deploy"],
    ["password: ", "ask your administrator for it"],
]


def scanner() -> StreamScanner:
    made = INSPECTOR.open_stream_scanner(Inspection(Conversation("anthropic-messages", Direction.RESPONSE)))
    assert made is not None
    return made


def spoken(parts: list[list[str]], name: str = "block/{}") -> tuple[list[str], list[Signal]]:
    """What left of each block, each given in pieces, until something was refused; and what was refused."""
    scan, left = scanner(), []
    for number, pieces in enumerate(parts):
        block, text, decided = name.format(number), "".join(pieces), 0
        left.append("")
        for piece in pieces:
            decided, found = scan.feed(block, piece)
            refused = [one for one in found if isinstance(one, Signal) and one.action is Action.BLOCK]
            if refused:
                return left, refused
            left[-1] = text[:decided]
        refused = [one for one in scan.end(block) if isinstance(one, Signal) and one.action is Action.BLOCK]
        if refused:
            return left, refused
        left[-1] = text
    return left, []


def cut(text: str, places: list[int]) -> list[str]:
    borders = [0, *sorted({at % max(1, len(text)) for at in places}), len(text)]
    return [text[start:end] for start, end in pairwise(borders)]


@pytest.mark.parametrize(("secret", "rule"), [(KEY, "leak.secret"), (CANARY, "leak.canary")])
@given(at=st.integers(3, 25), places=st.lists(st.integers(0, 300), max_size=6))
def test_what_crosses_a_border_is_refused_and_its_rest_stays(
    secret: str, rule: str, at: int, places: list[int]
) -> None:
    texts = [BEFORE + secret[:at], secret[at:] + AFTER]
    left, refused = spoken([cut(text, places) for text in texts])
    assert [one.rule for one in refused] == [rule]
    assert left[-1] == ""


def test_over_more_than_two_blocks_and_other_messages_are_others() -> None:
    parts = [[BEFORE], [KEY[:30]], [KEY[30:60]], [KEY[60:]], [AFTER]]
    assert [one.rule for one in spoken(parts)[1]] == ["leak.secret"]
    assert spoken(parts, "choice/{}/0") == (["".join(part) for part in parts], [])
    assert [one.rule for one in spoken(parts, "choice/0/{}")[1]] == ["leak.secret"]


@pytest.mark.parametrize("texts", ORDINARY)
def test_ordinary_blocks_pass(texts: list[str]) -> None:
    assert spoken([[text] for text in texts]) == (texts, [])


def whole(texts: list[str], quote: bool) -> set[str]:
    quoted: dict[str, Any] = {"citations": [{"type": "char_location", "cited_text": "quoted", "document_index": 0}]}
    content = [{"type": "text", "text": text, **(quoted if quote else {})} for text in texts]
    body = json.dumps({"type": "message", "role": "assistant", "content": content}).encode()
    answer = READINGS["anthropic-messages"].response(200, "application/json", body, None)
    signals = INSPECTOR.inspect(Inspection(answer))
    return {one.rule for one in signals if isinstance(one, Signal) and one.action is Action.BLOCK}


@pytest.mark.parametrize("quote", [False, True], ids=["plain", "with quotations between"])
def test_the_same_answer_whole(quote: bool) -> None:
    assert whole([BEFORE + KEY[:40], KEY[40:] + AFTER], quote) == {"leak.secret"}
    for texts in ORDINARY:
        assert whole(texts, quote) == set()
