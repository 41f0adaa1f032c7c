"""One way to run git: never the caller's environment, never a hook, never a planted program."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from conductor_tui.domain.errors import GitError, HostError
from conductor_tui.domain.ports.hosts import Completed

PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "XDG_CONFIG_HOME", "SSL_CERT_FILE")
"""What git gets of our own environment: enough to find itself and the user's configuration."""

OWN = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "LC_ALL": "C",
}

HARDENED = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "protocol.allow=never",
)
"""Set for every command: nobody's hook or monitor runs, nothing goes to the network."""

PRIVATE = (
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.sparseCheckout=false",
    "index.sparse=false",
    "checkout.workers=0",
)
"""Set where we use an index of our own: the user's own arrangements are not for it."""

LOCK_WAITS_S = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Pauses between tries while another git holds a lock: 1.6 s together."""

LOCKED = re.compile(r"Unable to create '(?P<file>[^']+\.lock)': File exists")


class Executor(Protocol):
    """The part of a host this room needs."""

    async def execute(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
    ) -> Completed:
        """Run a short command to its end and return all it printed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command works: which repository, which files, which index."""

    cwd: str
    git_dir: str | None = None
    """None lets git look for the repository itself, from ``cwd`` upwards."""
    work_tree: str | None = None
    index: str | None = None
    """An index of our own; None is the repository's, which a run never writes."""
    alternates: str | None = None
    """A further folder of objects to read."""
    as_user: bool = False
    """The index is a copy of the user's: their own arrangements hold for it."""

    def environment(self) -> dict[str, str]:
        """Return the variables that say this to git."""
        named = {
            "GIT_DIR": self.git_dir,
            "GIT_WORK_TREE": self.work_tree,
            "GIT_INDEX_FILE": self.index,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": quoted(self.alternates),
        }
        return {key: value for key, value in named.items() if value is not None}


class Git:
    """Runs git on a host, in one place after another."""

    def __init__(
        self,
        host: Executor,
        environment: Mapping[str, str],
        timeout_s: float = 600.0,
        lock_waits_s: Sequence[float] = LOCK_WAITS_S,
    ) -> None:
        """Take what git may know of the environment; ``timeout_s`` bounds each command."""
        self._lock_waits_s = tuple(lock_waits_s)
        self._host = host
        self._base = {key: environment[key] for key in PASSED_ON if key in environment} | OWN
        self._timeout_s = timeout_s

    async def ask(
        self,
        place: Place,
        *arguments: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run one command and return how it ended, whatever its exit code.

        Raises:
            GitError: git could not be run, took too long, or a lock stayed in its way.
        """
        argv = ["git", *_settings(place), *arguments]
        environment = self._base | place.environment() | dict(env or {})
        for pause_s in (*self._lock_waits_s, None):
            ended = await self._execute(argv, place.cwd, environment, stdin)
            lock = LOCKED.search(words(ended.err)) if ended.code else None
            if lock is None:
                return ended
            await self._after_lock(lock["file"], place, pause_s, words(ended.err))
        return await self._execute(argv, place.cwd, environment, stdin)

    async def run(
        self,
        place: Place,
        *arguments: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
    ) -> bytes:
        """Run one command that has to succeed and return what it printed.

        Raises:
            GitError: with the command, its exit code and its words.
        """
        ended = await self.ask(place, *arguments, stdin=stdin, env=env)
        if ended.code != 0:
            raise failure(arguments, ended)
        return ended.out

    async def line(
        self,
        place: Place,
        *arguments: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Run one command that has to succeed and return its words, stripped."""
        return words(await self.run(place, *arguments, stdin=stdin, env=env))

    async def _execute(
        self, argv: list[str], cwd: str, environment: dict[str, str], stdin: bytes
    ) -> Completed:
        """Run it on the host; what the host cannot do is told as git's failure."""
        try:
            ended = await self._host.execute(
                argv, cwd=cwd, env=environment, stdin=stdin, timeout_s=self._timeout_s
            )
        except (HostError, OSError) as error:
            if await asyncio.to_thread(os.path.isdir, cwd):
                raise GitError(f"git could not be run: {error}", "install git") from error
            raise GitError(
                f"the folder {cwd} is gone", "its task can be retried; what was committed is kept"
            ) from error
        if ended.timed_out:
            raise GitError(f"`git {argv[-1]}` in {cwd} took more than {self._timeout_s:.0f} s")
        return ended

    async def _after_lock(self, file: str, place: Place, pause_s: float | None, said: str) -> None:
        """Wait for a lock of another git, or clear one that a killed git left on our own index."""
        if pause_s is not None:
            await asyncio.sleep(pause_s)
        elif place.index is not None and file == f"{place.index}.lock":
            # Only this conductor writes this index, one command at a time: its holder is dead.
            await asyncio.to_thread(Path(file).unlink, missing_ok=True)
        else:
            raise GitError(
                f"another git holds {file}: {said}", f"if none is running, remove it: rm {file}"
            )


def _settings(place: Place) -> list[str]:
    """Return the settings every command is given, as options."""
    own = place.index is not None and not place.as_user
    chosen = HARDENED + (PRIVATE if own else ())
    return [part for setting in chosen for part in ("-c", setting)]


def quoted(folder: str | None) -> str | None:
    """Return a folder as one element of a list that git splits at colons."""
    if folder is None or not (":" in folder or folder.startswith('"')):
        return folder
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'


def words(data: bytes) -> str:
    """Return what git printed as text, stripped; odd bytes survive as surrogates."""
    return data.decode("utf-8", "surrogateescape").strip()


def failure(arguments: Sequence[str], ended: Completed) -> GitError:
    """Return the error that tells a failed command with all git said."""
    said = ended.err.decode("utf-8", "replace").strip()
    return GitError(f"`git {' '.join(arguments[:6])}` failed ({ended.code}): {said}")


def fields(data: bytes) -> list[str]:
    """Split NUL-separated output into strings; odd bytes survive as surrogates."""
    return [part.decode("utf-8", "surrogateescape") for part in data.split(b"\0") if part]


def packed(paths: Sequence[str]) -> bytes:
    """Join paths for a command that reads them NUL-separated."""
    return b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in paths)
