"""Recorded exchanges judged again, under the same policy or another one; what cannot be judged again is said so."""
