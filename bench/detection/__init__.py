"""How well prompt injection is detected, measured by whole sources that no training has seen."""
