"""One conductor on one repository: a lock the system takes back when its holder dies."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from conductor_tui.domain.errors import LockHeld, StateError

NAME = "lock"

PATIENCE_S = 0.5
"""How long a holder may take to write who it is, between taking the lock and having done so."""

_LOOK_S = 0.01

_GONE = ("Z", "X")
"""States of a process that has ended and waits for its parent to notice."""


class RepositoryLock:
    """The lock of a repository, as a block: ``with`` or ``async with``.

    The system releases it when the holder ends, however it ends. A child of a dead holder that
    kept the file open does not count: the file is replaced then.

    Args:
        folder: the ``.conductor`` folder; made where it is missing, 0700.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            LockHeld: a living conductor has it.
            StateError: the lock's file cannot be written.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            deadline = time.monotonic() + PATIENCE_S
            while self._file is None:
                self._file = self._try(patient=time.monotonic() < deadline)
        except OSError as error:
            raise StateError(
                f"{self._path}: {error.strerror}", "make the folder writable for you"
            ) from error

    def release(self) -> None:
        """Give the lock back; a second time is harmless."""
        file, self._file = self._file, None
        if file is None:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(file, 0)
            # Closing alone would leave it to a child that was forked with the file open.
            fcntl.flock(file, fcntl.LOCK_UN)
        os.close(file)

    def __enter__(self) -> RepositoryLock:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    async def __aenter__(self) -> RepositoryLock:
        await asyncio.to_thread(self.acquire)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.release)

    def _try(self, *, patient: bool) -> int | None:
        """Return the locked file; None where it is worth another try."""
        # Python opens files so that programs started later do not inherit them.
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _locked(file):
                self._judge_holder(file, patient=patient)
            elif _is(file, self._path):
                os.ftruncate(file, 0)
                os.pwrite(file, json.dumps(_me()).encode(), 0)
                kept, file = file, -1
                return kept
        finally:
            if file >= 0:
                os.close(file)
        return None

    def _judge_holder(self, file: int, *, patient: bool) -> None:
        """Refuse where the holder lives; put the file of a dead one out of the way."""
        holder = _told(file)
        pid = holder.get("pid")
        if not holder and patient:
            time.sleep(_LOOK_S)
        elif not isinstance(pid, int) or not _dead(pid, holder):
            raise LockHeld(pid if isinstance(pid, int) else 0, str(self._folder.parent))
        else:
            self._remove(file)

    def _remove(self, file: int) -> None:
        """Unlink the file that was judged, unless somebody else has done so and taken the name."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # held by others for as long as these two lines
            if _is(file, self._path):
                self._path.unlink()
        finally:
            os.close(folder)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is(file: int, path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    opened = os.fstat(file)
    return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)


def _told(file: int) -> Mapping[str, object]:
    """Read who holds the lock; empty where that is not written yet."""
    with contextlib.suppress(ValueError):
        told = json.loads(os.pread(file, 4096, 0))
        if isinstance(told, dict):
            return told
    return {}


def _me() -> dict[str, object]:
    return {"pid": os.getpid(), "started": _started(os.getpid()), **_world()}


def _world() -> dict[str, object]:
    """Where a process id means something: this machine, this container."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return {"machine": platform.node(), "namespace": namespace}


def _dead(pid: int, holder: Mapping[str, object]) -> bool:
    """Whether the process that wrote the file is surely gone."""
    if any(holder.get(key) != value for key, value in _world().items()):
        return False  # of another machine or container: its process ids say nothing here
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return holder.get("started") != _started(pid)


def _started(pid: int) -> str:
    """Return when a process started, in the system's ticks; empty where it is dead or unknown."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name may hold anything, parentheses too: what follows the last one are fields 3, 4 ...
    state, *fields = text.rpartition(")")[2].split()
    return "" if state in _GONE else fields[18]
