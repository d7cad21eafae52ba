"""Which tools an agent may call, with what, in which order."""
