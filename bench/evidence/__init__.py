"""Benchmarks of evidence: how fast it is made durable, and how fast each verifier checks it in full."""
