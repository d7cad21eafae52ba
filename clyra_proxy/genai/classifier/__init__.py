"""The small local classifier: features, model file, scoring."""
