"""What the evidence says about attacks: patterns over time, by agent, by technique."""
