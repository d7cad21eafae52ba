"""Other detectors, run in environments of their own on the texts that ours is measured on."""
