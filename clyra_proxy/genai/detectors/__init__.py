"""External detectors: asking others over HTTP, without ever trusting their answer more than their silence."""
