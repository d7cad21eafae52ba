"""Approvals: an action that needs a person waits for one, bound to exactly its payload."""
