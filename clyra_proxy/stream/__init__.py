"""Bytes on their way: content decoding, framing, and the gate that releases only what the checks have passed."""
