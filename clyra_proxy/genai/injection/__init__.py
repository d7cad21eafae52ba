"""Prompt injection: normalisation, rule packs, and their combination with the classifier."""
