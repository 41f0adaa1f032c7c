"""The ``.git`` folder that an agent owns: read and written as plain files, never by git.

Git that reads this folder obeys it: hooks, filters, monitors, aliases, a lazy fetch. So its HEAD is
read, and after a change of ours set, by opening files one folder at a time without following links.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

LONGEST = 1 << 20
"""Bytes of one file we read; ``packed-refs`` of a workspace has a few lines."""

STATES = ("MERGE_HEAD", "MERGE_MSG", "CHERRY_PICK_HEAD", "REVERT_HEAD", "index.lock", "HEAD.lock")
"""What an agent's unfinished git leaves; it does not hold for other files any more."""


def read_head(workspace: Path) -> str | None:
    """Return the commit HEAD of a workspace stands on; None where that cannot be told."""
    try:
        said = _read(workspace, ".git/HEAD")
        if COMMIT.fullmatch(said):
            return said
        name = said.removeprefix("ref: ")
        if name == said or not name.startswith("refs/") or ".." in name:
            return None
        return _resolve(workspace, name)
    except (OSError, ValueError):
        return None


def read_branch(workspace: Path) -> str | None:
    """Return the branch HEAD of a workspace is on; None where it is on none."""
    try:
        said = _read(workspace, ".git/HEAD")
    except (OSError, ValueError):
        return None
    name = said.removeprefix("ref: refs/heads/")
    return name if name != said else None


def objects_of(workspace: Path) -> str | None:
    """Return the folder of a workspace's own objects; None where it is not a plain folder."""
    try:
        with _folder(workspace, (".git", "objects")):
            return str(workspace / ".git" / "objects")
    except OSError:
        return None


def point(workspace: Path, branch: str, commit: str, index: Path) -> None:
    """Put a workspace's HEAD on its branch at a commit, with an index that fits its files.

    Raises:
        OSError: the folder is not one git would have left; it has to be made anew.
    """
    parts = (".git", "refs", "heads", *branch.split("/"))
    data = index.read_bytes()
    with _folder(workspace, parts[:-1], make=True) as folder:
        _write(folder, parts[-1], f"{commit}\n".encode())
    with _folder(workspace, (".git",)) as folder:
        for name in STATES:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
        _write(folder, "index", data)
        _write(folder, "HEAD", f"ref: refs/heads/{branch}\n".encode())


def _resolve(workspace: Path, name: str) -> str | None:
    """Return the commit of a ref, loose or packed."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        said = _read(workspace, f".git/{name}")
        return said if COMMIT.fullmatch(said) else None
    for line in _read(workspace, ".git/packed-refs").splitlines():
        commit, _, packed_name = line.partition(" ")
        if packed_name == name and COMMIT.fullmatch(commit):
            return commit
    return None


def _read(root: Path, name: str) -> str:
    """Read a small plain file; a link, a pipe or a folder in its place is an OSError."""
    *folders, last = name.split("/")
    with _folder(root, tuple(folders)) as folder:
        # Without O_NONBLOCK a planted pipe would hold us for ever.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(last, flags, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(f"{name} is not a plain file")
            return file.read(LONGEST).decode("utf-8").strip()


def _write(folder: int, name: str, data: bytes) -> None:
    """Replace a file in an open folder, whatever stands in its place, through no link."""
    beside = f"{name}.conductor"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(beside, flags, 0o644, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as out:
        out.write(data)
    os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)


@contextlib.contextmanager
def _folder(root: Path, parts: tuple[str, ...], make: bool = False) -> Iterator[int]:
    """Open a folder one step at a time, so that no link on the way is followed."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    current = os.open(root, flags)
    try:
        for part in parts:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=current)
            inner = os.open(part, flags, dir_fd=current)
            os.close(current)
            current = inner
        yield current
    finally:
        os.close(current)
