"""Claude Code: stream-json with the control protocol, as a pure machine.

Reading is `claude_stream`; here stand our side of the talk and the two ends of it.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable

from conductor_tui.agents import claude_launch, claude_results, wire
from conductor_tui.agents.claude_stream import ClaudeStream, Signals
from conductor_tui.agents.protocol import Standing
from conductor_tui.domain.agent_events import AgentExited, AgentLog
from conductor_tui.domain.ports.agents import Permission, Signal, TurnEnded
from conductor_tui.domain.ports.hosts import Exit
from conductor_tui.domain.values import Usage

STDERR_TAIL = 20
"""Lines of standard error that may explain an end without a result."""


def new_uuid() -> str:
    """Return a fresh id for a message or a request."""
    return str(uuid.uuid4())


class ClaudeProtocol:
    """Claude Code's side of one session.

    Args:
        prompt: the first message.
        folder: the workspace; diffs name files relative to it.
        booked: what was booked for this session before.
        instructions: text added to the system prompt.
        new_id: makes the ids of our messages and requests.
    """

    def __init__(
        self,
        prompt: str = "",
        *,
        folder: str = "",
        booked: Usage | None = None,
        instructions: str = "",
        new_id: Callable[[], str] = new_uuid,
    ) -> None:
        self._prompt = prompt
        self._instructions = instructions
        self._new_id = new_id
        self._stream = ClaudeStream(folder, booked or Usage(), self._interruption)
        self._stderr: deque[str] = deque(maxlen=STDERR_TAIL)

    def opening(self) -> list[bytes]:
        """Return the request that registers our hook, and the prompt."""
        first = claude_launch.initialize(self._instructions)
        return [wire.dump(first), *self.say(self._prompt)]

    def receive(self, line: bytes) -> Signals:
        """Read a line of the program's standard output."""
        return self._stream.receive(line)

    def error_line(self, line: bytes) -> list[Signal]:
        """Keep a line of standard error; it may explain an early end."""
        text = wire.decode(line).rstrip("\r")
        if not text.strip():
            return []
        self._stderr.append(text)
        return [AgentLog(text)]

    def permit(self, request: str, permission: Permission) -> list[bytes]:
        """Answer a ToolIntent or PermissionAsked; nothing where it is no longer asked.

        Raises:
            ValueError: a decision that this request does not take.
        """
        return self._stream.requests.permit(request, permission)

    def answer(self, request: str, text: str | None) -> list[bytes]:
        """Answer a QuestionAsked; nothing where it is no longer asked."""
        return self._stream.requests.answer(request, text)

    def say(self, text: str) -> list[bytes]:
        """Give the agent a message; one said while it works joins the turn it is in."""
        message_id = self._new_id()
        self._stream.turns.said(message_id)
        return [wire.dump(claude_launch.user_message(text, message_id))]

    def interrupt(self) -> list[bytes]:
        """Stop what the agent does now; open questions are withdrawn by it."""
        return [self._interruption()]

    def closing(self) -> list[bytes]:
        """Nothing: the end of input lets it finish."""
        return []

    def standing(self) -> list[Standing]:
        """Return the open requests, and how the turn ended where no other has begun."""
        ended = self._stream.turns.ended
        return [*self._stream.requests.opened(), *([ended] if ended else [])]

    def patience(self) -> float | None:
        """Return how long a silence after a result ends the turn, seconds."""
        return self._stream.turns.patience()

    def quiet(self) -> Signals:
        """End a turn whose result came, but no word that it is idle."""
        return self._stream.over(self._stream.turns.silence())

    def exited(self, ended: Exit) -> list[Signal]:
        """Withdraw what is open, end the turn where it had not, tell the end."""
        over = self._stream.turns.gone(self._explained(ended))
        if over and over.reason == "aborted" and ended.reason != "exited":
            over = None  # by whoever ended the program; the agent's turn is unfinished
        signals: list[Signal] = [*self._stream.requests.clear()]
        if over:
            signals.append(over)
        return [*signals, AgentExited(ended.code, ended.reason)]

    def _interruption(self) -> bytes:
        request = {"subtype": "interrupt"}
        return wire.dump(
            {"type": "control_request", "request_id": self._new_id(), "request": request}
        )

    def _explained(self, ended: Exit) -> TurnEnded | None:
        """Return why the program ended without a result, where its last words tell."""
        words = "\n".join(self._stderr)
        if claude_results.NO_CONVERSATION in words:
            return TurnEnded(False, claude_results.UNKNOWN_SESSION, words)
        if ended.reason == "exited" and not self._stream.heard:
            return TurnEnded(False, "not_started", words or f"it ended with code {ended.code}")
        return None
