"""Quarantine: rows that were kept back, encrypted at rest until a person shows, releases or drops them."""
