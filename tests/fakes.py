"""Typed stand-ins for what the engine works with: agents, workspaces, checks, a host, a clock.

They implement the ports of ``conductor_tui.domain.ports`` exactly, remember what they were told,
and ring a bell whenever something happened, so that a test waits for facts and never for time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from conductor_tui.domain.agent_events import AgentExited
from conductor_tui.domain.errors import HostError
from conductor_tui.domain.ports.agents import (
    AgentSession,
    Arrival,
    Assignment,
    Permission,
    Signal,
    TurnEnded,
)
from conductor_tui.domain.ports.hosts import Completed, Process, ProcessSpec
from conductor_tui.domain.ports.work import CheckResult, Workspace
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Scope
from tests.bell import Bell

# -- agents --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Write:
    """A step of a script: the agent writes a file of its workspace."""

    path: str
    text: str


@dataclass(frozen=True)
class Until:
    """A step of a script: the agent does nothing until an event is set."""

    event: asyncio.Event


@dataclass(frozen=True)
class Told:
    """A step of a script: the agent waits for the answer to a request."""

    request: str


@dataclass(frozen=True)
class Exit:
    """A step of a script: the agent's program ends by itself."""

    code: int | None


@dataclass(frozen=True)
class Break:
    """A step of a script: the session breaks with an error."""

    error: Exception


Item = Signal | Write | Until | Told | Exit | Break
Script = Sequence[Item]

FINISHED = TurnEnded(True, "completed")

_STEP = 10
"""Bytes each item of a script counts for."""


class FakeSession:
    """Plays a script; remembers all it was told."""

    def __init__(
        self, agent: FakeAgent, assignment: Assignment, script: Script, position: int = 0
    ) -> None:
        self.assignment = assignment
        self.script = script
        self.permits: list[tuple[str, Permission]] = []
        self.answers: list[tuple[str, str | None]] = []
        self.said: list[str] = []
        self.interrupted = False
        self.closed = False
        self.ended = False
        self.released = False
        self.gone = False
        """The program is dead, or nobody is attached to it any more."""
        self._agent = agent
        self._at = position // _STEP
        self._stop = asyncio.Event()

    @property
    def pid(self) -> int:
        """A made-up process id."""
        return 4000 + self._agent.sessions_made.index(self)

    @property
    def position(self) -> int:
        """How far the script was played."""
        return self._at * _STEP

    async def signals(self) -> AsyncIterator[Arrival]:
        """Play the script, then wait to be closed, then tell the end of the program."""
        code: int | None = 1
        for item in self.script[self._at :]:
            if self._stop.is_set():
                break
            self._at += 1
            self._agent.bell.ring()
            if isinstance(item, TurnEnded):
                code = 0
            if isinstance(item, Exit):
                self._gone()
                yield Arrival(AgentExited(item.code), self.position)
                return
            signal = await self._step(item)
            if signal is not None:
                yield Arrival(signal, self.position)
        if code == 0:
            await self._stop.wait()
        self._gone()
        yield Arrival(
            AgentExited(None, "ended") if self.ended else AgentExited(code), self.position
        )

    async def _step(self, item: Item) -> Signal | None:
        match item:
            case Write(path, text):
                self._agent.write(self.assignment.task, path, text)
            case Until(event):
                await self._or_stopped(event.wait)
            case Told(request):
                await self._or_stopped(lambda: self._agent.bell.until(lambda: self._told(request)))
            case Break(error):
                raise error
            case Exit():
                return None
            case _:
                return item
        return None

    def _told(self, request: str) -> bool:
        return request in [name for name, _ in [*self.permits, *self.answers]]

    async def _or_stopped(self, wait: Callable[[], object]) -> None:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(_run(wait))
            stopping = group.create_task(_run(self._stop.wait))
            await asyncio.wait([waiting, stopping], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            stopping.cancel()

    async def permit(self, request: str, permission: Permission) -> None:
        """Remember a decision."""
        self.permits.append((request, permission))
        self._agent.bell.ring()

    async def answer(self, request: str, text: str | None) -> None:
        """Remember an answer."""
        self.answers.append((request, text))
        self._agent.bell.ring()

    async def say(self, text: str) -> None:
        """Remember a message."""
        self.said.append(text)
        self._agent.bell.ring()

    async def interrupt(self) -> None:
        """Remember it."""
        self.interrupted = True
        self._agent.bell.ring()

    async def close(self, grace_s: float = 5.0) -> None:
        """End the program, in order."""
        del grace_s
        self.closed = True
        self._stop.set()
        self._agent.bell.ring()

    async def end(self) -> None:
        """End the program at once."""
        self.ended = True
        self._stop.set()
        self._gone()

    async def release(self) -> None:
        """Leave the program to whoever attaches next."""
        self.released = True
        self._agent.left[self.assignment.spool] = self
        self._gone()

    def _gone(self) -> None:
        self.gone = True
        self._agent.bell.ring()


async def _run(wait: Callable[[], object]) -> None:
    waiting = wait()
    if asyncio.iscoroutine(waiting):
        await waiting


def usual(assignment: Assignment) -> Script:
    """Return a script that changes one file and finishes."""
    return [Write(f"{assignment.task}.txt", f"by attempt {assignment.attempt}"), FINISHED]


class FakeAgent:
    """Implements the port ``Agent``.

    Args:
        bell: rung at everything that happens.
        write: puts a file into a task's workspace: (task, path, text).
    """

    kind = "fake"

    def __init__(self, bell: Bell, write: Callable[[str, str, str], None]) -> None:
        self.name = "fake"
        self.bell = bell
        self.write = write
        self.scripts: dict[tuple[str, int], Script] = {}
        """(task, attempt) → what the first program of it plays; :func:`usual` where none is."""
        self.next_scripts: dict[str, list[Script]] = {}
        """task → what its next programs play, whatever the attempt; before ``scripts``."""
        self.errors: dict[str, Exception] = {}
        """task → why its program cannot be started."""
        self.assignments: list[Assignment] = []
        self.sessions_made: list[FakeSession] = []
        self.attached: list[tuple[Assignment, int]] = []
        self.left: dict[str, FakeSession] = {}
        self.most = 0
        """The largest number of programs alive at once."""

    @property
    def sessions(self) -> bool:
        """It keeps conversations."""
        return True

    @property
    def alive(self) -> list[FakeSession]:
        """The sessions whose programs live."""
        return [session for session in self.sessions_made if not session.gone]

    async def open(self, assignment: Assignment) -> AgentSession:
        """Start a program.

        Raises:
            AgentError: the test wants it to fail.
        """
        self.assignments.append(assignment)
        self.bell.ring()
        if assignment.task in self.errors:
            raise self.errors[assignment.task]
        return self._made(FakeSession(self, assignment, self._script(assignment)))

    async def attach(self, assignment: Assignment, position: int) -> AgentSession | None:
        """Go on with a program that was left alive."""
        self.attached.append((assignment, position))
        self.bell.ring()
        left = self.left.pop(assignment.spool, None)
        if left is None:
            return None
        return self._made(FakeSession(self, assignment, left.script, left.position))

    def of(self, task: str) -> list[FakeSession]:
        """Return the sessions of a task, oldest first."""
        return [one for one in self.sessions_made if one.assignment.task == task]

    def _script(self, assignment: Assignment) -> Script:
        following = self.next_scripts.get(assignment.task)
        if following:
            return following.pop(0)
        return self.scripts.get((assignment.task, assignment.attempt)) or usual(assignment)

    def _made(self, session: FakeSession) -> FakeSession:
        self.sessions_made.append(session)
        self.most = max(self.most, len(self.alive))
        self.bell.ring()
        return session


# -- checks and hosts ------------------------------------------------------------------------------


@dataclass
class FakeChecker:
    """Implements the port ``Checker``."""

    bell: Bell
    outcomes: dict[tuple[str, Scope], list[bool]] = field(default_factory=dict)
    """(task, on) → how its next checks end; green where nothing is said."""
    holds: dict[str, asyncio.Event] = field(default_factory=dict)
    """task → its checks take until this is set."""
    errors: dict[str, list[Exception]] = field(default_factory=dict)
    """task → why its next checks cannot be run."""
    calls: list[tuple[str, str, Scope]] = field(default_factory=list)

    async def run(
        self, run: str, task: Task, workspace: Workspace, check: str, on: Scope
    ) -> CheckResult:
        """Run one check.

        Raises:
            CheckError: the test wants it to fail.
        """
        del run, workspace
        self.calls.append((task.id, check, on))
        self.bell.ring()
        if task.id in self.holds:
            await self.holds[task.id].wait()
        if self.errors.get(task.id):
            raise self.errors[task.id].pop(0)
        left = self.outcomes.get((task.id, on))
        ok = left.pop(0) if left else True
        return CheckResult(check, on, ok, 0 if ok else 1, 0.01, "fine" if ok else "3 tests failed")


@dataclass
class FakeHost:
    """Implements the port ``Host``; nothing runs on it, sweeps are remembered."""

    bell: Bell
    name: str = "local"
    processes: dict[str, Process] = field(default_factory=dict)
    sweeps: list[Mapping[str, str]] = field(default_factory=list)
    on_sweep: Callable[[], None] = lambda: None
    """Called at each sweep, to see what was true then."""

    async def start(self, spec: ProcessSpec) -> Process:
        """Refuse.

        Raises:
            HostError: always.
        """
        raise HostError(f"{spec.argv[0]} is not to be started here")

    async def attach(self, spool: str, out: int = 0, err: int = 0) -> Process | None:
        """Attach to what the test put there."""
        del out, err
        return self.processes.get(spool)

    async def execute(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
    ) -> Completed:
        """Run nothing, successfully."""
        del argv, cwd, env, stdin, timeout_s
        return Completed(0, b"", b"")

    async def sweep(self, marks: Mapping[str, str]) -> list[int]:
        """Remember what was swept."""
        self.sweeps.append(marks)
        self.on_sweep()
        self.bell.ring()
        return []
