"""What agents say and do, normalised over all programs (contract, section 6: ``agent.*``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from conductor_tui.domain.events import Event


@dataclass(frozen=True, slots=True)
class AgentText(Event):
    """Prose of the agent; ``agent`` names a sub-agent where it is one."""

    type: ClassVar[str] = "agent.text"
    text: str
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class AgentToolCall(Event):
    """The agent wants to use a tool."""

    type: ClassVar[str] = "agent.tool_call"
    id: str
    tool: str
    input: Mapping[str, Any]
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class AgentToolResult(Event):
    """What the tool gave back; ``diff`` is a unified diff where it changed a file."""

    type: ClassVar[str] = "agent.tool_result"
    id: str
    ok: bool
    output: str
    diff: str | None = None


@dataclass(frozen=True, slots=True)
class AgentPermission(Event):
    """A tool call was allowed or denied, and by what."""

    type: ClassVar[str] = "agent.permission"
    id: str
    tool: str
    input: Mapping[str, Any]
    decision: str
    """``allow`` or ``deny``."""
    by: str
    """``rule``, ``mode`` or ``breakpoint``."""
    text: str | None = None
    """The message the agent was given with a denial."""


@dataclass(frozen=True, slots=True)
class AgentQuestion(Event):
    """The agent asked something; ``answer`` is None where nobody answered."""

    type: ClassVar[str] = "agent.question"
    text: str
    answer: str | None


@dataclass(frozen=True, slots=True)
class AgentState(Event):
    """What the agent's program says of itself: ``running``, ``requires_action``, ``idle``."""

    type: ClassVar[str] = "agent.state"
    state: str


@dataclass(frozen=True, slots=True)
class AgentUsage(Event):
    """Tokens and money used since the last such event."""

    type: ClassVar[str] = "agent.usage"
    input: int
    output: int
    cost_usd: float | None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class AgentRetry(Event):
    """The agent's program retries a call to its model."""

    type: ClassVar[str] = "agent.retry"
    status: int | None
    delay_s: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class AgentLimit(Event):
    """A usage limit was reached; ``resets_at`` is UTC, ISO 8601, or None where it is unknown."""

    type: ClassVar[str] = "agent.limit"
    resets_at: str | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class AgentExited(Event):
    """The agent's program ended."""

    type: ClassVar[str] = "agent.exited"
    code: int | None
    reason: str = "exited"


@dataclass(frozen=True, slots=True)
class AgentLog(Event):
    """A line of the agent's program that is none of the above (standard error, unknown types)."""

    type: ClassVar[str] = "agent.log"
    line: str
    err_position: int | None = None
    """Bytes of standard error consumed with this line, where it came from there."""


@dataclass(frozen=True, slots=True)
class MessageSent(Event):
    """A human's words were given to a running agent."""

    type: ClassVar[str] = "message.sent"
    to: str
    text: str
    by: str
