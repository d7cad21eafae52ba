"""Adding anchors to a bundle that was sealed before they existed: a new file, the same statement, the same digest.

Members a statement covers are copied byte for byte. What is added must be about this log and a size inside the window;
whether it proves anything is for the verifier to say.
"""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import orjson

from recorder import archive, database, dsse, note, statement, subtrees
from recorder.anchoring.bundled import COSIGNED, RECEIPT, STAMPED, anchor_members, merged, name_of
from recorder.anchoring.errors import AnchorError
from recorder.anchoring.placed import Receipt, Tip
from recorder.anchoring.shelf import Shelf
from recorder.container import open_container
from recorder.container_form import Container, ContainerError, read_member
from recorder.covered import SCHEMAS
from recorder.timestamp_token import TokenError, imprint_of

_MAX_SMALL = 1 << 20


@dataclass(frozen=True, slots=True)
class Window:
    """What a bundle says it holds. tree_end: its checkpoint at `end`."""

    origin: str
    start: int
    end: int
    digest: str
    tree_end: bytes


type ProveTo = Callable[[Window], bytes]
"""Makes the bytes of `tree/consistency` for a bundle. Raises AnchorError."""


def attach(
    bundle: Path, out: Path, shelf: Shelf | None, files: Iterable[Path] = (), prove: ProveTo | None = None
) -> list[str]:
    """Write `out`, the bundle with further anchors; the names of members that are new or longer.

    shelf: of the log's recorder, where it is at hand. files: cosigned checkpoints, time stamp responses, receipts.
    prove: makes `tree/consistency` for the bundle's window. Raises AnchorError.
    """
    try:
        with closing(open_container(bundle)) as container:
            if container.damage:
                raise AnchorError(f"{bundle} is damaged.", f"{container.damage[0].detail}.")
            window = read_window(container)
            small = {name: _small(container, name) for name in container.names if _may_grow(name)}
            new = anchor_members(shelf, window.start, window.end, window.tree_end)
            found = merged(small, new)
            for path in files:
                found = merged(found, _member_of(path, window))
            if prove is not None:
                found[statement.TREE_CONSISTENCY] = prove(window)
            if statement.TREE_END in found:
                found = _lift_to_end(found, window)
            changed = sorted(name for name, content in found.items() if small.get(name) != content)
            _write(container, found, out)
    except ContainerError as error:
        raise AnchorError(f"{bundle} is not a bundle.", f"{error.code}: {error.detail}.") from None
    except OSError as error:
        raise AnchorError(f"{error.filename or out} cannot be used.", f"The system says: {error.strerror}.") from None
    return changed


def consistency_from(store: Path, size: int) -> ProveTo:
    """Makes the proof that a remembered tree of `size` is a prefix of a bundle's end. store: the log's database."""

    def prove(window: Window) -> bytes:
        connection = database.open_for_reading(store)
        try:
            state = database.read_state(connection)
            if state is None or state.origin != window.origin:
                raise AnchorError(f"The log here is not {window.origin}.")
            if not 0 < size < window.end:
                raise AnchorError(f"The bundle ends at {window.end}; a proof can only be from sizes 1 to before that.")
            path = subtrees.consistency(connection, size, window.end)
        finally:
            connection.close()
        lines = [str(size), *(base64.b64encode(node).decode() for node in path)]
        return "".join(f"{line}\n" for line in lines).encode()

    return prove


def read_window(container: Container) -> Window:
    """What the statement of a bundle says; verifies nothing. Raises AnchorError, ContainerError."""
    try:
        envelope = dsse.parse(read_member(container, statement.STATEMENT, dsse.MAX_BYTES), statement.PAYLOAD_TYPE)
        predicate = orjson.loads(envelope.payload)["predicate"]
        tree_end = _small(container, statement.TREE_END) if statement.TREE_END in container.names else b""
        digest = statement.bundle_digest(envelope.payload)
        return Window(str(predicate["origin"]), int(predicate["start"]), int(predicate["end"]), digest, tree_end)
    except (dsse.DsseError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ContainerError):
            raise
        raise AnchorError("The bundle has no readable statement.", f"{error}.") from None


def _member_of(path: Path, window: Window) -> Mapping[str, bytes]:
    """The member a file becomes: by its content, not its name."""
    with path.open("rb") as file:
        raw = file.read(_MAX_SMALL + 1)
    if raw.startswith(b"{"):
        receipt = Receipt.parse(raw.removesuffix(b"\n"))
        return {_inside(receipt.origin, receipt.size, window, RECEIPT): receipt.to_bytes()}
    try:
        tip = Tip.of(raw)
    except note.NoteError:
        return {_stamped(raw, path, window): raw}
    return {_inside(tip.origin, tip.size, window, COSIGNED): raw}


def _inside(origin: str, size: int, window: Window, suffix: str) -> str:
    if origin != window.origin or not window.start < size <= window.end:
        raise AnchorError(
            f"That anchor is of {origin} at size {size}.",
            f"The bundle holds {window.origin} from {window.start} to {window.end}.",
        )
    return name_of(size, suffix)


def _stamped(raw: bytes, path: Path, window: Window) -> str:
    """A time stamp says by its imprint what it is about: here, the checkpoint at the end."""
    try:
        about = imprint_of(raw)
    except TokenError:
        raise AnchorError(
            f"{path} is no anchor.", "It is neither a checkpoint, nor a time stamp response, nor a receipt."
        ) from None
    text = window.tree_end.partition(b"\n\n")[0] + b"\n"
    if not window.tree_end or about != sha256(text).digest():
        raise AnchorError(f"{path} is a time stamp of something else than the bundle's end.")
    return name_of(window.end, STAMPED)


def _lift_to_end(found: dict[str, bytes], window: Window) -> dict[str, bytes]:
    """Cosignatures over the end belong to `tree/end` too."""
    cosigned = found.get(name_of(window.end, COSIGNED))
    return merged(found, {statement.TREE_END: cosigned}) if cosigned else found


def _may_grow(name: str) -> bool:
    return name == statement.TREE_END or name.startswith("anchors/")


def _small(container: Container, name: str) -> bytes:
    return read_member(container, name, _MAX_SMALL)


def _write(container: Container, grown: Mapping[str, bytes], out: Path) -> None:
    """Every member packed anew, those that grew with their new bytes; moved into place whole."""
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".attaching-") as scratch:
        place = Path(scratch)
        with (place / "records").open("w+b") as records, (place / "transport").open("w+b") as transport:
            packed = []
            for name in sorted({*container.names, *grown}):
                large = name == statement.RECORDS
                chunks = iter([grown[name]]) if name in grown else container.stream(name)
                compress = large or name.startswith(SCHEMAS)
                packed.append(archive.pack(name, chunks, records if large else io.BytesIO(), compress=compress))
            archive.write_archive(place / "bundle.zip", packed, transport)
        (place / "bundle.zip").replace(out)
