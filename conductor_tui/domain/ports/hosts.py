"""Where processes run: programs behind a runner, and short commands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A program to be started behind a runner."""

    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    """The whole environment; nothing is inherited."""
    spool: str
    """A folder on the host, made by the host, in which the runner keeps the program's streams."""
    detach: bool = False
    """Go on when whoever started it is gone."""
    lease_s: float = 30.0
    """How long the runner waits for a lost attachment before it ends the program."""
    grace_s: float = 1.5
    """Seconds between SIGINT, SIGTERM and SIGKILL."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes a program wrote; ``offset`` counts from the start of that stream."""

    stream: str
    """``out`` or ``err``."""
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Exit:
    """How a program ended."""

    code: int | None
    """The exit code, 128 + N for signal N, None where nobody saw it."""
    reason: str
    """How it came to its end:

    ``exited``, ``ended`` (asked to), ``lease``, ``orphaned`` (whoever started it is gone),
    ``lost`` (the runner died), ``spool: ERRNO`` (its output could not be kept, so it was ended).
    """


@dataclass(frozen=True, slots=True)
class Completed:
    """A short command that ran to its end."""

    code: int
    out: bytes
    err: bytes
    timed_out: bool = False


class Process(Protocol):
    """A program behind its runner, attached."""

    @property
    def pid(self) -> int:
        """The program's process id on its host."""

    def chunks(self) -> AsyncIterator[Chunk]:
        """Yield what the program writes, from the attached offset, until it has ended."""

    async def write(self, data: bytes) -> None:
        """Write to the program's standard input."""

    async def close_input(self) -> None:
        """Close the program's standard input."""

    async def signal(self, number: int) -> None:
        """Send a signal to the program alone."""

    async def end(self) -> Exit:
        """End the program and its whole tree; return when all of it is dead."""

    async def wait(self) -> Exit:
        """Return how the program ended, once its whole tree is dead."""

    async def release(self) -> None:
        """Let go of the program without ending it (only where it was started detached)."""


class Host(Protocol):
    """A machine on which programs run."""

    name: str

    async def start(self, spec: ProcessSpec) -> Process:
        """Start a program behind a runner and attach to it.

        Raises:
            HostError: the program or the runner could not be started.
        """

    async def attach(self, spool: str, out: int = 0, err: int = 0) -> Process | None:
        """Attach to a program that was started before, at these offsets; None if none is known."""

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

    async def sweep(self, marks: Mapping[str, str]) -> list[int]:
        """End every process whose environment carries all these variables; return their ids."""
