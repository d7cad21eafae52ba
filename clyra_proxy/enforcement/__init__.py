"""Enforcement beyond single findings: halt and resume, policy engines, shadow policies, mirroring, contradictions."""
