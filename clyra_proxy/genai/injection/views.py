"""The ways a text is looked at."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from clyra_proxy.genai.injection.packs import View


def views_of(text: str) -> Iterator[tuple[View, str]]:
    """Every view of the text that is worth a look, the plain one first."""
    plain = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    yield View.PLAIN, plain


_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "«": '"', "»": '"', "„": '"', "‚": "'", "`": "'"})
