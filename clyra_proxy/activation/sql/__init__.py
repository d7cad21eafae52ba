"""SQL safety: what a statement may do, read from its parse tree; what cannot be read is refused."""
