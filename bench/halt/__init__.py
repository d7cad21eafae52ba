"""How long it takes from a trigger to the first refused request."""
