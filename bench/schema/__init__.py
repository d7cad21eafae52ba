"""SchemaLock's own benchmark: `python -m bench.schema` (in process, no network)."""
