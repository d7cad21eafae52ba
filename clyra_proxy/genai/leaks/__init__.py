"""Data leaving: secrets, personal data, canaries, links, budgets."""
