"""Files are there whole or not at all, with the mode asked for, and nothing is left beside them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from recorder import durable


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_new_content_takes_the_old_one_s_place(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    for content in (b"one", b"two"):
        durable.replace(path, content, mode)
        assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == mode & ~_umask()
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_the_first_writer_of_a_new_file_counts(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert durable.create(path, b"first")
    assert not durable.create(path, b"second")
    assert path.read_bytes() == b"first"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("write", [durable.replace, durable.create])
def test_a_failure_leaves_everything_as_it_was(tmp_path: Path, write: object) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "inside").touch()
    if write is durable.replace:
        with pytest.raises(OSError, match="directory"):
            durable.replace(target, b"x")
    else:
        assert not durable.create(target, b"x")
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]
    with pytest.raises(FileNotFoundError):
        durable.replace(tmp_path / "missing" / "file", b"x")


def _umask() -> int:
    before = os.umask(0)
    os.umask(before)
    return before
