"""The attack pack, sent through a running proxy to a local upstream, and what the proxy made of it."""
