"""The seam inside the room: a protocol is a pure machine between lines and signals.

No protocol reads, writes or waits, so a recording of a real program replays through the very code
that drives it. `session.ProtocolSession` does the reading, the writing and the waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from conductor_tui.domain.ports.agents import (
    Permission,
    PermissionAsked,
    QuestionAsked,
    Signal,
    ToolIntent,
    TurnEnded,
)
from conductor_tui.domain.ports.hosts import Exit

Standing = ToolIntent | PermissionAsked | QuestionAsked | TurnEnded
"""What holds until somebody acts on it: a request without an answer, an agent that is idle."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A line to be written to the program at once, without anybody's decision."""

    data: bytes


class AgentProtocol(Protocol):
    """One program's language. Every method only computes; lines carry their newline."""

    def opening(self) -> list[bytes]:
        """Return the lines that begin the work (not sent to a program that is attached to)."""

    def receive(self, line: bytes) -> list[Signal | Reply]:
        """Read a line of the program's standard output."""

    def error_line(self, line: bytes) -> list[Signal]:
        """Read a line of the program's standard error."""

    def permit(self, request: str, permission: Permission) -> list[bytes]:
        """Answer a ToolIntent or PermissionAsked; nothing where it is no longer asked.

        Raises:
            ValueError: a decision that this request does not take.
        """

    def answer(self, request: str, text: str | None) -> list[bytes]:
        """Answer a QuestionAsked; nothing where it is no longer asked."""

    def say(self, text: str) -> list[bytes]:
        """Give the agent a further message."""

    def interrupt(self) -> list[bytes]:
        """Stop what the agent does now."""

    def closing(self) -> list[bytes]:
        """Return what is written before the end of input."""

    def standing(self) -> list[Standing]:
        """Return what still holds: told again to whoever attaches."""

    def patience(self) -> float | None:
        """Return after how many seconds of silence ``quiet`` is called, None for never."""

    def quiet(self) -> list[Signal | Reply]:
        """Take notice that the program has been silent for ``patience`` seconds."""

    def exited(self, ended: Exit) -> list[Signal]:
        """Take notice of the program's end; the last signal is an AgentExited."""
