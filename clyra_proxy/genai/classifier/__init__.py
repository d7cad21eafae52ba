"""The small local classifier: features, model file, scoring."""

from clyra_proxy.genai.classifier.model import Classifier

__all__ = ["Classifier"]
