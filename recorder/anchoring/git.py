"""Committing checkpoints to a branch of a Git repository, and pushing them where a remote is set.

One file per log, one commit per anchor, on a branch of their own. Only plumbing is used, with an index of its own: the
work tree, the checked-out branch and the hooks of the clone are left alone. The branch only ever grows: a remote whose
branch no longer contains what was pushed before has been rewritten, and that is said, not overwritten.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from recorder.anchoring.errors import AnchorError, ContradictionError
from recorder.anchoring.placed import Placed, Receipt, Tip, place_name, read_tip, receipt_of

_NOBODY = {
    "GIT_AUTHOR_NAME": "clyra",
    "GIT_AUTHOR_EMAIL": "clyra@localhost",
    "GIT_COMMITTER_NAME": "clyra",
    "GIT_COMMITTER_EMAIL": "clyra@localhost",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True)
class Repository:
    """A local clone, bare or not. remote: name or URL to push to, "" for none."""

    path: Path
    branch: str = "clyra-anchors"
    remote: str = ""
    timeout_s: float = 30.0

    def drop(self, tip: Tip) -> Placed:
        """Commit the tip, and push it. Raises AnchorError, ContradictionError."""
        if self.remote:
            self._catch_up()
        parent = self._tip_commit()
        newest = self._checkpoint(parent, tip.origin) if parent else None
        _refuse_rollback(newest, tip)
        if newest is None or newest.size < tip.size:
            parent = self._commit(parent, tip)
        if self.remote:
            self._git("push", self.remote, f"refs/heads/{self.branch}:refs/heads/{self.branch}")
        location = f"{self.remote or self.path}#{self.branch}:{_file(tip.origin)}"
        receipt = receipt_of("git", tip, location, parent, time.time_ns() // 1000)
        return Placed("git", receipt.to_bytes(), int(time.time()), location, parent)

    def fetch(self, origin: str, size: int | None) -> Receipt:
        """The receipt of a committed checkpoint, the newest when `size` is None. Raises AnchorError."""
        if self.remote:
            self._catch_up()
        listed = self._git("log", "--format=%H %ct", f"refs/heads/{self.branch}", "--", _file(origin)).split("\n")
        for line in filter(None, listed):
            commit, _, at = line.partition(" ")
            tip = self._checkpoint(commit, origin)
            if tip is not None and size in (None, tip.size):
                location = f"{self.remote or self.path}#{self.branch}:{_file(origin)}"
                return receipt_of("git", tip, location, commit, int(at) * 1_000_000)
        raise AnchorError(f"{self.path} has no such checkpoint of {origin} on {self.branch}.")

    def _catch_up(self) -> None:
        """Take over what the remote's branch has; it must contain what we have."""
        if not self._git("ls-remote", self.remote, f"refs/heads/{self.branch}").strip():
            return
        self._git("fetch", "--no-tags", self.remote, f"+refs/heads/{self.branch}:refs/clyra/{self.branch}")
        ours, theirs = self._tip_commit(), self._git("rev-parse", f"refs/clyra/{self.branch}").strip()
        if ours and ours != theirs and not self._contains(theirs, ours):
            if self._contains(ours, theirs):
                return
            raise ContradictionError(
                f"{self.remote} no longer contains commit {ours[:12]} of {self.branch}.",
                "Somebody rewrote the branch that anchors are kept on.",
                "Ask the owner of the repository; protect the branch against force pushes.",
            )
        self._git("update-ref", f"refs/heads/{self.branch}", theirs, ours or "0" * 40)

    def _contains(self, newer: str, older: str) -> bool:
        return self._run("merge-base", "--is-ancestor", older, newer).returncode == 0

    def _tip_commit(self) -> str:
        done = self._run("rev-parse", "--verify", "--quiet", f"refs/heads/{self.branch}^{{commit}}")
        return done.stdout.decode().strip()

    def _checkpoint(self, commit: str, origin: str) -> Tip | None:
        """The checkpoint of a log in a commit, if there is one."""
        done = self._run("show", f"{commit}:{_file(origin)}")
        return read_tip(done.stdout, origin) if done.returncode == 0 else None

    def _commit(self, parent: str, tip: Tip) -> str:
        blob = self._git("hash-object", "-w", "--stdin", given=tip.raw).strip()
        with tempfile.TemporaryDirectory(prefix="clyra-git-") as scratch:
            index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            if parent:
                self._git("read-tree", parent, extra=index)
            self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{_file(tip.origin)}", extra=index)
            tree = self._git("write-tree", extra=index).strip()
        words = ["-p", parent] if parent else []
        message = f"Checkpoint of {tip.origin} at size {tip.size}\n\nroot {tip.root.hex()}\n".encode()
        commit = self._git("commit-tree", tree, *words, given=message).strip()
        self._git("update-ref", f"refs/heads/{self.branch}", commit, parent or "0" * 40)
        return commit

    def _git(self, *words: str, given: bytes = b"", extra: dict[str, str] | None = None) -> str:
        done = self._run(*words, given=given, extra=extra)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
            raise AnchorError(f"git {words[0]} failed in {self.path}.", f"It says: {said}.")
        return done.stdout.decode("utf-8", "replace")

    def _run(
        self, *words: str, given: bytes = b"", extra: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        try:
            return subprocess.run(
                ["git", "-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-C", str(self.path), *words],
                input=given,
                capture_output=True,
                timeout=self.timeout_s,
                env={**inherited, **_NOBODY, **(extra or {})},
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise AnchorError(f"git {words[0]} did not end within {self.timeout_s:g} s.") from None
        except OSError as error:
            raise AnchorError("git cannot be run.", f"The system says: {error.strerror}.", "Install git.") from None


def _refuse_rollback(newest: Tip | None, tip: Tip) -> None:
    """What the branch already holds must be a part of the same history."""
    if newest is None or newest.size < tip.size:
        return
    if newest.size > tip.size:
        raise ContradictionError(
            f"The repository already has a checkpoint of size {newest.size}; the log ends at {tip.size}.",
            "The log was rolled back, or it has two histories.",
            "Do not go on: find out who restored or rewrote it.",
        )
    if newest.root != tip.root:
        raise ContradictionError(
            f"The repository has another root at size {tip.size}.",
            "The log has two histories.",
            "Find out who made it.",
        )


def _file(origin: str) -> str:
    return f"{place_name(origin)}.checkpoint"
