"""Verifying a bundle offline: what is proven, what is not, and where it breaks."""
