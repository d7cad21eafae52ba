"""External detectors over HTTP."""
