"""The wire formats of model and tool APIs, read into one model (`clyra_proxy.genai.model`)."""
