"""Policy engines for tests: stand-ins that speak the documented REST contracts, and policies written for them."""
