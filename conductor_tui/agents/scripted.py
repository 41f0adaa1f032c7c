"""The scripted agent: a program that plays a script, for demo, tests and rehearsals.

No model is asked; everything else is real: a process behind the runner, files written, commands
run, permissions asked. Its lines are this room's signals in JSON already.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from conductor_tui.agents import wire
from conductor_tui.agents.protocol import Reply, Standing
from conductor_tui.agents.wire import Json
from conductor_tui.domain.agent_events import (
    AgentExited,
    AgentLimit,
    AgentLog,
    AgentState,
    AgentText,
    AgentToolCall,
    AgentToolResult,
    AgentUsage,
)
from conductor_tui.domain.ports.agents import (
    Assignment,
    Permission,
    PermissionAsked,
    QuestionAsked,
    RequestWithdrawn,
    SessionOpened,
    Signal,
    ToolIntent,
    TurnEnded,
)
from conductor_tui.domain.ports.hosts import Exit

Request = ToolIntent | PermissionAsked | QuestionAsked

TALK = frozenset({"intent", "permission", "question", "settled", "withdrawn", "turn"})
"""Lines that open and close something; all others are events as they stand."""

DECISIONS = frozenset({"allow", "deny", "ask", "pass"})


def player_source() -> str:
    """Return the player's program text, to be handed to a Python on the host."""
    return resources.files("conductor_tui.agents").joinpath("scripted_player.py").read_text("utf-8")


class ScriptedProtocol:
    """The talk with one player.

    Args:
        steps: what is to be played, templates filled.
        assignment: whose attempt it is.
    """

    def __init__(self, steps: Sequence[Mapping[str, Any]], assignment: Assignment) -> None:
        self._steps = steps
        self._assignment = assignment
        self._open: dict[str, Request] = {}
        self._ended: TurnEnded | None = None
        self._opened = False
        self._stderr: deque[str] = deque(maxlen=20)

    def opening(self) -> list[bytes]:
        """Return the line that holds the steps."""
        told = self._assignment
        start = {
            "type": "start",
            "steps": list(self._steps),
            "session": told.session,
            "task": told.task,
            "attempt": told.attempt,
            "resume": told.resume,
        }
        return [wire.dump(start)]

    def receive(self, line: bytes) -> list[Signal | Reply]:
        """Read a line of the player."""
        if not line.strip():
            return []
        message = wire.parse(line)
        if message is None:
            return [AgentLog(wire.decode(line))]
        signal = self._talk(message) if _is_talk(message) else self._event(message)
        if signal is not None:
            return [signal]
        return [] if _is_talk(message) else [AgentLog(wire.decode(line))]

    def error_line(self, line: bytes) -> list[Signal]:
        """Keep a line of standard error."""
        text = wire.decode(line)
        if not text.strip():
            return []
        self._stderr.append(text)
        return [AgentLog(text)]

    def permit(self, request: str, permission: Permission) -> list[bytes]:
        """Answer a ToolIntent or PermissionAsked; nothing where it is no longer asked.

        Raises:
            ValueError: no such decision.
        """
        if permission.decision not in DECISIONS:
            raise ValueError(f"no decision on a tool call: {permission.decision!r}")
        changed = None if permission.input is None else dict(permission.input)
        answer = {"decision": permission.decision, "message": permission.message, "input": changed}
        return self._answer("permit", request, answer)

    def answer(self, request: str, text: str | None) -> list[bytes]:
        """Answer a QuestionAsked; nothing where it is no longer asked."""
        return self._answer("answer", request, {"text": text})

    def say(self, text: str) -> list[bytes]:
        """Give the player a message; it acknowledges it."""
        self._ended = None
        return [wire.dump({"type": "say", "text": text})]

    def interrupt(self) -> list[bytes]:
        """End the turn."""
        return [wire.dump({"type": "interrupt"})]

    def closing(self) -> list[bytes]:
        """Nothing: the end of input lets it finish."""
        return []

    def standing(self) -> list[Standing]:
        """Return the open requests, and how the turn ended where no other has begun."""
        return [*self._open.values(), *([self._ended] if self._ended else [])]

    def patience(self) -> float | None:
        """Never: the player says when its turn is over."""
        return None

    def quiet(self) -> list[Signal | Reply]:
        """Nothing follows from a silence."""
        return []

    def exited(self, ended: Exit) -> list[Signal]:
        """Withdraw what is open and tell the end."""
        signals: list[Signal] = [RequestWithdrawn(request) for request in self._open]
        self._open.clear()
        if not self._opened and ended.reason == "exited":
            words = "\n".join(self._stderr) or f"it ended with code {ended.code}"
            signals.append(TurnEnded(False, "not_started", words))
        return [*signals, AgentExited(ended.code, ended.reason)]

    def _answer(self, kind: str, request: str, answer: Json) -> list[bytes]:
        if self._open.pop(request, None) is None:
            return []
        return [wire.dump({"type": kind, "request": request, **answer})]

    def _talk(self, message: Json) -> Signal | None:
        """Read a line about requests and turns."""
        request = wire.text(message, "request")
        match wire.text(message, "type"):
            case "settled":
                self._open.pop(request, None)
                return None
            case "withdrawn":
                return RequestWithdrawn(request) if self._open.pop(request, None) else None
            case "turn":
                return self._end(message)
            case kind:
                return self._ask(kind, message)

    def _ask(self, kind: str, message: Json) -> Request:
        request, call = wire.text(message, "request"), wire.text(message, "id")
        asked: Request
        if kind == "question":
            asked = QuestionAsked(request, call, wire.text(message, "text"))
        else:
            form = ToolIntent if kind == "intent" else PermissionAsked
            tool, given = wire.text(message, "tool"), wire.mapping(message, "input")
            asked = form(request, call, tool, given)
        self._open[request] = asked
        return asked

    def _end(self, message: Json) -> TurnEnded:
        self._ended = TurnEnded(
            message.get("ok") is True,
            wire.text(message, "reason"),
            wire.text(message, "text"),
            wire.count(message, "denied"),
        )
        return self._ended

    def _event(self, message: Json) -> Signal | None:
        match wire.text(message, "type"):
            case "opened":
                self._opened = True
                return SessionOpened(wire.text(message, "session"))
            case "state":
                return self._state(wire.text(message, "state"))
            case "text":
                return AgentText(wire.text(message, "text"))
            case "tool_call" | "tool_result" as kind:
                return _call(message) if kind == "tool_call" else _result(message)
            case "usage" | "limit" as kind:
                return _usage(message) if kind == "usage" else _limit(message)
            case _:
                return None

    def _state(self, state: str) -> AgentState:
        if state != "idle":
            self._ended = None
        return AgentState(state)


def _is_talk(message: Json) -> bool:
    return wire.text(message, "type") in TALK


def _call(message: Json) -> AgentToolCall:
    given = wire.mapping(message, "input")
    return AgentToolCall(wire.text(message, "id"), wire.text(message, "tool"), given)


def _result(message: Json) -> AgentToolResult:
    return AgentToolResult(
        wire.text(message, "id"),
        message.get("ok") is True,
        wire.text(message, "output"),
        wire.text(message, "diff") or None,
    )


def _usage(message: Json) -> AgentUsage:
    cost = wire.number(message, "cost_usd")
    return AgentUsage(wire.count(message, "input"), wire.count(message, "output"), cost)


def _limit(message: Json) -> AgentLimit:
    return AgentLimit(wire.text(message, "resets_at") or None, wire.text(message, "text"))
