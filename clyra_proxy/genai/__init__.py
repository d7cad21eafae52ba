"""GenAI security: what agents say and do, as the protocol means it."""
