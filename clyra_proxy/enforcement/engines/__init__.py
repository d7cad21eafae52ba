"""Policy engines and authorisation sources, asked beside the built-in rules and behind one interface.

Rule: an engine can only tighten. A yes makes no finding, a no makes `engine.denied`, and everything else (no answer in
time, garbage, no opinion) makes `engine.unavailable` with the outcome that policy declares. An engine is told a
`Question`: facts about a request, never its body.
"""
