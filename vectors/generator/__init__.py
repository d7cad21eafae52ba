"""Makes the golden vectors, reproducibly: the same commit gives the same bytes on every machine.

`python -m vectors.generator` writes `vectors/cases/` and `vectors/manifest.json`; with `--check` it compares instead.
"""
