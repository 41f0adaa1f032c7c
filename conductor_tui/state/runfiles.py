"""The files a run leaves beside the database: prompts, outputs, run-info; and the ids of runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import string
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

ID_LETTERS = string.ascii_lowercase + string.digits


def new_run_id(now: datetime, random: Random) -> str:
    """Return a run id, ``YYYYMMDD-HHMMSS-xxxx`` (contract, section 1).

    Args:
        now: the time, with a time zone.
        random: where the last four letters come from.
    """
    tail = "".join(random.choices(ID_LETTERS, k=4))
    return f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{tail}"


@dataclass(frozen=True, slots=True)
class AttemptFiles:
    """The artefacts of one attempt, in a folder of their own."""

    folder: Path

    @property
    def prompt(self) -> Path:
        """What the agent was told."""
        return self.folder / "prompt.md"

    @property
    def judge(self) -> Path:
        """What the judge was asked about it."""
        return self.folder / "judge.md"

    @property
    def run_info(self) -> Path:
        """Which program works on it, written before it is started."""
        return self.folder / "run-info.yaml"

    @property
    def output(self) -> Path:
        """The agent's last words."""
        return self.folder / "output.md"


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The artefacts of one run, under ``.conductor/runs/<run>``.

    Args:
        state: the ``.conductor`` folder.
        run: the run's id.
    """

    state: Path
    run: str

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.state / "runs" / self.run

    def attempt(self, task: str, attempt: int) -> AttemptFiles:
        """Return the artefacts of one attempt at a task."""
        return AttemptFiles(self.folder / task / str(attempt))


async def write_atomic(path: Path, data: str | bytes) -> None:
    """Write a file so that a reader, or a crash, finds the old one or the new one, never a part.

    Its folder is made where it is missing (0700), the file is 0600. Text is UTF-8; bytes that came
    as surrogate escapes go out as they were.

    Raises:
        OSError: it could not be written; the old file is untouched.
    """
    raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    await asyncio.to_thread(_replace, path, raw)


def _replace(path: Path, data: bytes) -> None:
    _make_folder(path.parent)
    # mkstemp makes the file 0600, under a name nobody else has.
    file, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)  # the new name, too, survives a power cut
    finally:
        os.close(folder)


def _make_folder(folder: Path) -> None:
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        # Unlike mkdir(parents=True), which gives the mode to the last one only.
        each.mkdir(mode=0o700, exist_ok=True)
