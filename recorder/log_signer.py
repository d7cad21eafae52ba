"""Signs the log's checkpoints with the key that is in force, and with no other.

At a change of the log key both keys sign; afterwards only the new one does. A delegated key signs no size beyond its
end: the commit is refused instead, because nobody would believe its checkpoint.
"""

from __future__ import annotations

from recorder import keyring, note
from recorder.errors import KeyFileError, KeyUnavailableError
from recorder.keyring import Prepared, Ring
from recorder.keys import SigningKey


class LogSigner:
    """The log key in force and the ring it is taken from. begun_with: a change of keys that this run begins with."""

    def __init__(self, key: SigningKey, begun_with: Prepared | None) -> None:
        self.key = key
        self.ring = Ring()
        self.begun_with = begun_with
        self._until: int | None = None
        self._at_hand = {key.key_id: key}

    def add(self, key: SigningKey) -> None:
        """A key that may soon be in force."""
        self._at_hand[key.key_id] = key

    def take(self, ring: Ring) -> None:
        """From now on sign with the log key of this ring, where it is at hand."""
        self.ring = ring
        held = ring.current("log") if ring.keys else None
        if held is not None and held.key_id in self._at_hand:
            self.key = self._at_hand[held.key_id]
            self._at_hand = {held.key_id: self.key}
            self._until = held.until

    def publics(self) -> list[bytes]:
        """All keys that may have signed a checkpoint of this log."""
        return [self.key.public, *(key.public for key in self.ring.of_role("log"))]

    def sign(self, origin: str, size: int, root: bytes, change: Prepared | None = None) -> bytes:
        """The checkpoint of a commit; at a change of the log key by the old key, if it is at hand, and the new.

        Raises KeyUnavailableError when the key in force may not sign this size.
        """
        if change is not None and change.change.role == "log" and change.key is not None:
            old = [self.key] if self.key.key_id == change.change.replaces else []
            return keyring.cosign(origin, size, root, [*old, change.key])
        if self._until is not None and size > self._until:
            raise KeyUnavailableError(
                f"The delegated log key may sign up to size {self._until}, and this would be {size}.",
                "It was not renewed in time.",
                "See why the seal key does not sign (`clyra keys show`); the recorder goes on by itself.",
            )
        return note.sign_checkpoint(origin, size, root, self.key)

    def refuse_other_key(self) -> None:
        """Only the key in force may sign, unless this run begins with a change of keys. Raises KeyFileError."""
        held = self.ring.current("log")
        if self.key.key_id != held.key_id and self.begun_with is None:
            raise KeyFileError(
                f"The log key at hand is {self.key.key_id[:16]}, the one in force is {held.key_id[:16]}.",
                "A checkpoint by another key would not be believed.",
                "Restore the key from a copy, or bring in a new one with the root keys, see docs/keys.md.",
            )
