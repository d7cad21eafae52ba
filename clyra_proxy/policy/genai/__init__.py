"""The `genai_security` section, a module a subject."""
