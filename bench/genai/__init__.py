"""What judging conversations costs in time: to the first token, between tokens, and for a whole prompt."""
