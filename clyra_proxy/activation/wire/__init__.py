"""The activation gateway on the wire: which bodies are read, when they are judged, what leaves instead of them."""
