"""What an agent is told, what its session yields, and how it is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from conductor_tui.domain.events import Event
from conductor_tui.domain.values import PermissionMode, Usage


@dataclass(frozen=True, slots=True)
class Assignment:
    """All an agent is told for one attempt."""

    run: str
    task: str
    attempt: int
    workspace: str
    prompt: str
    session: str
    """The session's id, chosen by us (a UUID)."""
    resume: bool
    """The session exists already: go on with it."""
    booked: Usage
    """What was booked for this session before (programs report totals)."""
    spool: str
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables of the task itself."""
    detach: bool = False
    feedback: str = ""
    """What was wrong with the last attempt; it stands in the prompt too."""
    err_position: int = 0
    """For attaching: how many bytes of standard error were consumed before."""


@dataclass(frozen=True, slots=True)
class ToolIntent:
    """The agent is about to use a tool, whether or not it would ask; must be decided at once."""

    request: str
    """Id of the request to be answered."""
    id: str
    """Id of the tool call."""
    tool: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PermissionAsked:
    """The agent waits for a permission; may be decided hours later."""

    request: str
    id: str
    tool: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    """The agent waits for an answer to a question, or for the approval of a plan."""

    request: str
    id: str
    text: str
    choices: tuple[str, ...] = ()
    plan: bool = False


@dataclass(frozen=True, slots=True)
class RequestWithdrawn:
    """The agent no longer waits for a request."""

    request: str


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The agent's program told its session id."""

    session: str


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The agent has finished and is idle: the attempt's part of the agent is over."""

    ok: bool
    reason: str
    """``completed``, or why not: ``api_error``, ``max_turns``, ``limit``, ``login`` …"""
    text: str = ""
    """The agent's last words."""
    denied: int = 0
    """How many tool calls were denied."""


Signal = (
    Event
    | ToolIntent
    | PermissionAsked
    | QuestionAsked
    | RequestWithdrawn
    | SessionOpened
    | TurnEnded
)
"""What an agent's session yields: events to be recorded, and requests to be answered."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A signal, and how many bytes of the agent's output are consumed with it."""

    signal: Signal
    position: int
    """Of standard output. Each signal has one of its own, so it is exact to go on after it."""
    err_position: int = 0
    """The same of standard error."""


@dataclass(frozen=True, slots=True)
class Permission:
    """The answer to a ToolIntent or PermissionAsked."""

    decision: str
    """``allow``, ``deny``, ``ask`` (ToolIntent: let it be asked) or ``pass`` (no opinion)."""
    message: str = ""
    """What the agent is told with a denial."""
    input: Mapping[str, Any] | None = None
    """The changed input of an ``allow``."""


class AgentSession(Protocol):
    """An agent at work, behind its runner."""

    @property
    def pid(self) -> int:
        """The program's process id on its host."""

    def signals(self) -> AsyncIterator[Arrival]:
        """Yield what the agent says and asks, until its program has ended.

        The last signal is an ``AgentExited`` event.
        """

    async def permit(self, request: str, permission: Permission) -> None:
        """Answer a ToolIntent or PermissionAsked."""

    async def answer(self, request: str, text: str | None) -> None:
        """Answer a QuestionAsked; None declines it. For a plan, an empty text approves."""

    async def say(self, text: str) -> None:
        """Give the agent a further message."""

    async def interrupt(self) -> None:
        """Stop what the agent does now; its turn ends, its session lives on."""

    async def close(self, grace_s: float = 5.0) -> None:
        """Let the program end by itself (end of input), or end it after the grace."""

    async def end(self) -> None:
        """End the program and its whole tree now."""

    async def release(self) -> None:
        """Let go of a detached program without ending it."""


class Agent(Protocol):
    """A kind of agent as the settings name it, on its host."""

    name: str
    kind: str

    @property
    def sessions(self) -> bool:
        """Whether a later program can go on with the conversation of an earlier one."""

    async def open(self, assignment: Assignment) -> AgentSession:
        """Start the agent's program on an assignment.

        Raises:
            AgentError: the program is missing or could not be started.
        """

    async def attach(self, assignment: Assignment, position: int) -> AgentSession | None:
        """Attach to the program of an earlier conductor; signals go on after ``position``."""


@dataclass(frozen=True, slots=True)
class AgentPolicy:
    """What the engine has to know of a configured agent."""

    name: str
    kind: str
    mode: PermissionMode = PermissionMode.MANUAL
