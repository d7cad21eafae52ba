"""Fake providers: the documented wire formats of every provider, answered by one scripted server."""
