"""Business e-mail compromise."""
