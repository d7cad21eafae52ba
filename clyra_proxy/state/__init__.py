"""What workers will share: counters, nonces, sessions and halt flags, behind one interface. Nothing shares yet."""
