"""How many tokens a request will use, before its provider has counted them.

Rule: an estimate errs upwards, because it is what a call reserves until the real count corrects it. Four bytes of ASCII
prose make about one token in the tokenisers in use; of other scripts a letter of two bytes makes half of one, a letter
of three bytes one; messages, tools and attachments add their framing.
"""

from __future__ import annotations

from clyra_proxy.genai.fingerprints import canonical
from clyra_proxy.genai.model import Conversation, Provenance

_PER_MESSAGE = 4
_PER_ATTACHMENT = 1500
_ATTACHMENTS = ("image", "audio", "video", "file")
_NO_OUTPUT = ("embed", "batchEmbed", "asyncBatchEmbed", "rerank", "moderation", "count", "tokenize", "images", "speech")


def input_tokens(conversation: Conversation) -> int:
    """Tokens that a request sends."""
    told = sum(
        tokens_of(segment.text) + _PER_MESSAGE
        for segment in conversation.segments
        if segment.provenance is not Provenance.TOOL_DESCRIPTION
    )
    tools = sum(len(canonical(tool.declared)) // 4 for tool in conversation.tools)
    attached = sum(_PER_ATTACHMENT for word in conversation.unread if word.startswith(_ATTACHMENTS))
    return told + tools + attached


def output_tokens(conversation: Conversation, otherwise: int) -> int:
    """Tokens that may come back. otherwise: for a request that names no limit."""
    if conversation.operation.startswith(_NO_OUTPUT):
        return 0
    return conversation.max_output_tokens if conversation.max_output_tokens >= 0 else otherwise


def answered_tokens(conversation: Conversation) -> int:
    """Tokens of an answer whose provider did not count them."""
    return sum(tokens_of(segment.text) + 1 for segment in conversation.segments)


def tokens_of(text: str) -> int:
    """Tokens of a text, rounded up."""
    if text.isascii():
        return len(text) // 4 + 1
    wide = len(text.encode("utf-8", "replace")) - len(text)
    return max(len(text) - wide, 0) // 4 + (wide + 1) // 2 + 1
