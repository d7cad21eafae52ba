"""One strict policy file: read, merged with its profile, compiled once, hashed, matched."""
