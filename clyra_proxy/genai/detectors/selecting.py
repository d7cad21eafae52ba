"""What leaves for a detector: the texts and media of the provenances its policy names, and nothing else.

Rule: equal texts go once; media goes as a hash unless policy says otherwise; content above the limit is never cut
silently, because a cut is where an attack would hide: it is a failure with the outcome that policy wrote.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator

from clyra_proxy.genai.detectors.question import Item, Place
from clyra_proxy.genai.inspection import Inspection
from clyra_proxy.genai.model import Media
from clyra_proxy.policy.genai.detectors import Detector, DetectorKind, MediaSending
from clyra_proxy.services.failure import Cause, ServiceFailure

MOST_ITEMS = 1024
KINDS = frozenset({"image", "audio", "video"})


def select(inspection: Inspection, settings: Detector) -> tuple[Item, ...]:
    """The items a detector is asked about; empty: it need not be asked. Raises ServiceFailure."""
    found = _media(inspection, settings) if settings.kind is DetectorKind.DEEPFAKE else _texts(inspection, settings)
    items = tuple(found)
    if len(items) > MOST_ITEMS or sum(_weight(item) for item in items) > settings.max_send_bytes:
        raise ServiceFailure(Cause.TOO_LARGE, blames=False)
    return items


def _texts(inspection: Inspection, settings: Detector) -> Iterator[Item]:
    places: dict[tuple[str, str], list[Place]] = {}
    allowed = frozenset(settings.provenances)
    for segment in inspection.conversation.segments:
        if segment.provenance in allowed and not segment.text.isspace() and segment.text:
            key = (segment.provenance.value, segment.text)
            places.setdefault(key, []).append(Place(segment.path, segment.block))
    by_word = {provenance.value: provenance for provenance in allowed}
    for number, ((word, text), where) in enumerate(places.items()):
        yield Item(f"t{number}", by_word[word], tuple(where), text=text)


def _media(inspection: Inspection, settings: Detector) -> Iterator[Item]:
    allowed = frozenset(settings.provenances)
    seen: dict[tuple[str, str, str], None] = {}
    for media in inspection.conversation.media:
        key = (media.provenance.value, media.url, media.base64)
        if media.provenance not in allowed or key in seen or media.kind not in KINDS:
            continue
        seen[key] = None
        yield Item(
            f"m{len(seen) - 1}",
            media.provenance,
            (Place(media.path),),
            media=_lightened(media, settings.send_media),
            sha256=_digest(media),
        )


def _digest(media: Media) -> str:
    """SHA-256 (hex) of the content; of the URL when the content is not here."""
    if not media.base64:
        return hashlib.sha256(media.url.encode("utf-8", "replace")).hexdigest()
    try:
        content = base64.b64decode(media.base64.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ServiceFailure(Cause.UNREADABLE_MEDIA, blames=False) from error
    return hashlib.sha256(content).hexdigest()


def _lightened(media: Media, sending: MediaSending) -> Media:
    """The media with only what policy lets out. `inline` content keeps no name, which may be personal."""
    return Media(
        kind=media.kind,
        provenance=media.provenance,
        media_type=media.media_type,
        url=media.url if sending is not MediaSending.HASH and not media.base64 else "",
        base64=media.base64 if sending is MediaSending.BYTES else "",
    )


def _weight(item: Item) -> int:
    """Bytes of content that would leave, near enough: UTF-8 length of texts, base64 of media."""
    media = len(item.media.base64) + len(item.media.url) if item.media else 0
    return media + (len(item.text) if item.text.isascii() else len(item.text.encode("utf-8", "replace")))
