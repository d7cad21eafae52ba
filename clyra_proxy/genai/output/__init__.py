"""What a model may answer."""
