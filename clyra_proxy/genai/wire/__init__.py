"""Where conversations meet bodies: collecting, judging, holding back, rewriting."""
