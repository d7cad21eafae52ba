"""From findings to one decision, and from a decision to a denial in the protocol's own shape."""
