"""Reading letters that are drawn with characters: banners as FIGlet makes them."""

from clyra_proxy.genai.ascii_art.reader import read_drawings

__all__ = ["read_drawings"]
