"""A process that plays a stream, and a minimal real one: both stand in for what `hosts` runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path

from conductor_tui.domain.errors import HostError
from conductor_tui.domain.ports.agents import AgentSession, Arrival, Assignment, Signal
from conductor_tui.domain.ports.hosts import Chunk, Completed, Exit, Process, ProcessSpec
from conductor_tui.domain.values import Usage


def assignment(folder: Path | str = "/w/repo", **more: object) -> Assignment:
    """An assignment with nothing unusual."""
    given: dict[str, object] = {
        "run": "20261120-100000-abcd",
        "task": "slugify",
        "attempt": 1,
        "workspace": str(folder),
        "prompt": "Add slugify(text)",
        "session": "3f1c9a52-7d1e-4c40-9c1b-2f6f0a5d8e11",
        "resume": False,
        "booked": Usage(),
        "spool": str(Path(folder) / "spool"),
    }
    return Assignment(**{**given, **more})  # type: ignore[arg-type]


class FakeProcess:
    """Plays chunks, then ends; it keeps what was written to it."""

    pid = 4711

    def __init__(self, chunks: Iterable[Chunk], ended: Exit | None = None) -> None:
        self.chunks_left = list(chunks)
        self.exit = ended or Exit(0, "exited")
        self.written = b""
        self.calls: list[str] = []
        self.deaf = False
        self.stays_until = asyncio.Event()
        self.stays_until.set()

    async def chunks(self) -> AsyncIterator[Chunk]:
        for chunk in self.chunks_left:
            yield chunk
        await self.stays_until.wait()

    async def write(self, data: bytes) -> None:
        if self.deaf:
            raise HostError("its input is closed")
        self.written += data

    async def close_input(self) -> None:
        self.calls.append("close_input")

    async def signal(self, number: int) -> None:
        self.calls.append(f"signal {number}")

    async def end(self) -> Exit:
        self.calls.append("end")
        self.stays_until.set()
        return self.exit

    async def wait(self) -> Exit:
        await self.stays_until.wait()
        return self.exit

    async def release(self) -> None:
        self.calls.append("release")


class FakeHost:
    """Starts nothing; it keeps what it was asked to start and hands out a process."""

    name = "local"

    def __init__(self, process: Process | None = None, refuses: HostError | None = None) -> None:
        self.process = process
        self.refuses = refuses
        self.specs: list[ProcessSpec] = []
        self.files: dict[str, bytes] = {}

    async def start(self, spec: ProcessSpec) -> Process:
        self.specs.append(spec)
        if self.refuses or self.process is None:
            raise self.refuses or HostError("no such program")
        return self.process

    async def attach(self, spool: str, out: int = 0, err: int = 0) -> Process | None:
        return self.process

    async def execute(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
    ) -> Completed:
        found = self.files.get(argv[-1])
        return Completed(1, b"", b"no such file") if found is None else Completed(0, found, b"")

    async def sweep(self, marks: Mapping[str, str]) -> list[int]:
        return []


class PipedProcess:
    """A real program on two pipes, without a runner: enough for one that is well-behaved."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    async def start(
        cls, argv: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None
    ) -> PipedProcess:
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(
                *argv, cwd=cwd, env=env, stdin=pipe, stdout=pipe, start_new_session=True
            )
        )

    async def chunks(self) -> AsyncIterator[Chunk]:
        assert self._process.stdout
        offset = 0
        while data := await self._process.stdout.read(65536):
            yield Chunk("out", offset, data)
            offset += len(data)

    async def write(self, data: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(data)
        try:
            await self._process.stdin.drain()
        except ConnectionError as gone:
            raise HostError("its input is closed") from gone

    async def close_input(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()

    async def signal(self, number: int) -> None:
        self._process.send_signal(number)

    async def end(self) -> Exit:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        return await self.wait()

    async def wait(self) -> Exit:
        code = await self._process.wait()
        return Exit(code if code >= 0 else 128 - code, "exited" if code >= 0 else "ended")

    async def release(self) -> None:
        raise AssertionError("it was not started detached")


async def all_of(session: AgentSession) -> list[Arrival]:
    """Every arrival of a session that needs no answer."""
    return [arrival async for arrival in session.signals()]


def of(arrivals: Iterable[Arrival], *kinds: type) -> list[Signal]:
    """The signals of some kinds."""
    return [arrival.signal for arrival in arrivals if isinstance(arrival.signal, kinds)]
