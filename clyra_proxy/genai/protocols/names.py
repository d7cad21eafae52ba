"""The ids of all readings, for those who only need the words (policy) and not the readings themselves."""

from __future__ import annotations

READING_IDS = (
    "a2a",
    "anthropic-complete",
    "anthropic-messages",
    "bedrock-converse",
    "bedrock-invoke",
    "cohere",
    "cohere-embeddings",
    "cohere-generate",
    "gemini",
    "generic",
    "mcp",
    "mistral",
    "ollama",
    "openai-chat",
    "openai-completions",
    "openai-embeddings",
    "openai-images",
    "openai-moderations",
    "openai-realtime",
    "openai-responses",
    "openai-speech",
    "rerank",
    "upload",
    "vllm",
)
