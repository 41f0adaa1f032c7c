"""Files that are about to change: what stands in the way, and how to put all back as it was."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Kept:
    """One path as it was."""

    path: str
    copy: Path | None
    """None: nothing was there."""
    was: os.stat_result | None


@dataclass(frozen=True, slots=True)
class Backup:
    """What lay at the paths that are about to change."""

    kept: tuple[Kept, ...]
    folders: dict[str, int]
    """The folders that were there, with their modes."""


@dataclass(slots=True)
class IndexLock:
    """Git's own lock on the user's index, held by us."""

    index: Path
    before: bytes
    held: bool = True
    replaced: bool = False

    @property
    def file(self) -> Path:
        """The lock file, as every git knows it."""
        return self.index.with_name(f"{self.index.name}.lock")

    def put(self, new: Path) -> None:
        """Make a file the index, at once, and let go of the lock."""
        self.file.write_bytes(new.read_bytes())
        self.file.replace(self.index)
        self.held, self.replaced = False, True

    def put_back(self) -> None:
        """Make the index what it was and let go of the lock."""
        if self.replaced:
            descriptor = _create(self.file)
            if descriptor is None:
                return
            with os.fdopen(descriptor, "wb") as out:
                out.write(self.before)
            self.file.replace(self.index)
        elif self.held:
            self.file.unlink(missing_ok=True)
        self.held = False


def take_lock(index: Path, scratch: Path) -> IndexLock | None:
    """Lock the index and copy it to ``scratch/index``; None where another git holds it."""
    descriptor = _create(index.with_name(f"{index.name}.lock"))
    if descriptor is None:
        return None
    os.close(descriptor)
    lock = IndexLock(index, index.read_bytes() if index.exists() else b"")
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(scratch)
    scratch.mkdir(mode=0o700, parents=True)
    if lock.before:
        (scratch / "index").write_bytes(lock.before)
    return lock


def _create(file: Path) -> int | None:
    """Create a file that must not be there."""
    try:
        return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return None


def in_the_way(top: Path, new: set[str], tracked: set[str]) -> set[str]:
    """Return files git does not know that stand where new ones are to be written.

    Also where a new one needs a folder; ``tracked`` are those git knows.
    """
    found: set[str] = set()
    for path in new:
        for place in (path, *(str(parent) for parent in Path(path).parents if parent.name)):
            file = top / place
            if place in tracked:
                break
            if file.is_symlink() or file.is_file() or (place == path and file.exists()):
                found.add(place)
                break
    return found


def store(top: Path, scratch: Path, paths: tuple[str, ...]) -> Backup:
    """Copy what lies at some paths of a work tree."""
    kept: list[Kept] = []
    folders: dict[str, int] = {}
    (scratch / "files").mkdir()
    for number, path in enumerate(paths):
        file = top / path
        for parent in file.relative_to(top).parents:
            with contextlib.suppress(OSError):
                folders[str(parent)] = (top / parent).stat().st_mode & 0o7777
        if not os.path.lexists(file) or (file.is_dir() and not file.is_symlink()):
            kept.append(Kept(path, None, None))
            continue
        copy = scratch / "files" / str(number)
        shutil.copy2(file, copy, follow_symlinks=False)
        kept.append(Kept(path, copy, file.lstat()))
    return Backup(tuple(kept), folders)


def restore(top: Path, backup: Backup) -> None:
    """Make the paths what they were; a file nobody touched is left alone."""
    for item in backup.kept:
        file = top / item.path
        if item.was is not None and _same(file, item.was):
            continue
        if os.path.lexists(file) and (file.is_symlink() or not file.is_dir()):
            file.unlink()
    for item in backup.kept:
        _remove_new_folders(top, Path(item.path).parent, backup.folders)
    for path, mode in sorted(backup.folders.items()):
        folder = top / path
        if not folder.is_dir():
            folder.mkdir(parents=True)
            folder.chmod(mode)
    for item in backup.kept:
        file = top / item.path
        if item.copy is not None and not os.path.lexists(file):
            shutil.copy2(item.copy, file, follow_symlinks=False)


def _remove_new_folders(top: Path, folder: Path, known: dict[str, int]) -> None:
    """Remove empty folders that were not there before, from the inside out."""
    while folder.name and str(folder) not in known:
        with contextlib.suppress(OSError):
            (top / folder).rmdir()
        folder = folder.parent


def _same(file: Path, was: os.stat_result) -> bool:
    """Tell whether a file is the very one it was, unchanged."""
    try:
        now = file.lstat()
    except OSError:
        return False
    return (now.st_ino, now.st_mtime_ns, now.st_size, now.st_mode) == (
        *(was.st_ino, was.st_mtime_ns, was.st_size),
        was.st_mode,
    )
