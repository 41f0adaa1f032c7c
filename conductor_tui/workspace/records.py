"""What conductor knows of a workspace and does not leave in the agent's hands.

Beside each workspace, outside of it: a private index (git's view of the files, which the agent
cannot bend) and a record of where the work started. Both lie in ``.conductor/git/<task>``.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from conductor_tui.workspace.git import Place
from conductor_tui.workspace.repository import Repository


@dataclass(frozen=True, slots=True)
class Record:
    """Where a workspace stands, as conductor left it."""

    run: str
    task: str
    base: str
    """The commit the task's change is measured against."""
    base_tree: str
    head: str
    """The commit the workspace's HEAD was put on."""
    tree: str
    """The tree of ``head``."""
    parents: tuple[str, ...]
    """What a commit on top of ``head`` is made upon."""
    moving: bool = False
    """The files are being changed to those of ``head``; cut off, it has to be done again."""

    @property
    def branch(self) -> str:
        """The task's branch."""
        return f"conductor/{self.run}/{self.task}"

    def advanced(self, commit: str, tree: str) -> Record:
        """Return the record once all work is in a new commit."""
        return replace(self, head=commit, tree=tree, parents=(commit,))


@dataclass(frozen=True, slots=True)
class Desk:
    """The paths that belong to one task."""

    repository: Repository
    task: str

    @property
    def path(self) -> Path:
        """The workspace."""
        return self.repository.home / "workspaces" / self.task

    @property
    def private(self) -> Path:
        """Conductor's folder about the workspace."""
        return self.repository.home / "git" / self.task

    @property
    def index(self) -> Path:
        """The private index."""
        return self.private / "index"

    @property
    def place(self) -> Place:
        """Commands on the workspace's files with the private index, in the user's repository."""
        return self.place_at(self.path)

    def place_at(self, folder: Path) -> Place:
        """Return the place for the same files while they are still in another folder."""
        return Place(
            cwd=str(folder),
            git_dir=self.repository.git_dir,
            work_tree=str(folder),
            index=str(self.index),
        )

    def load(self) -> Record | None:
        """Read the record; None where there is none, or none that can be read."""
        try:
            data = json.loads((self.private / "record.json").read_text(encoding="utf-8"))
            return Record(**{**data, "parents": tuple(data["parents"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def save(self, record: Record) -> None:
        """Write the record so that a reader, or a crash, sees the old or the new one."""
        self.private.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self.private / "record.json", json.dumps(asdict(record)).encode())


def write_whole(file: Path, data: bytes) -> None:
    """Write a file (0600) beside its place, sync it, and rename it there."""
    beside = file.with_name(f"{file.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
