"""When a turn is over: a result alone does not tell.

A `result` may come while sub-agents still work, and a message said meanwhile starts the next turn
without a pause. Done is: a result, no sub-agent left, our messages taken up, and the program says
`idle`. A program that never tells its state is taken at its word after a short silence.
"""

from __future__ import annotations

from dataclasses import replace

from conductor_tui.domain.ports.agents import TurnEnded

GRACE_S = 1.0
"""Silence after a result that ends the turn of a program which tells no states."""

STUCK_S = 10.0
"""The same where states are told, but ``idle`` does not come (programs were seen to hang there)."""

IDLE = "idle"
RUNNING = "running"


class Turns:
    """Follows one program from turn to turn."""

    def __init__(self) -> None:
        self.ended: TurnEnded | None = None
        """How the last turn ended, as long as no other has begun."""
        self._result: TurnEnded | None = None
        self._state = ""
        self._tells_taking_up = False
        self._said: set[str] = set()
        self._helpers: set[str] = set()
        self._denied: set[str] = set()
        self._counted: set[str] = set()
        self._cut_short = False

    def said(self, uuid: str) -> None:
        """A message was given to the program: whatever it says next belongs to a new turn."""
        self.ended = None
        self._cut_short = False
        self._said.add(uuid)

    def taken_up(self, uuid: str, state: str) -> None:
        """The program told what became of a message."""
        self._tells_taking_up = True
        if state != "queued":
            self._said.discard(uuid)

    def begun(self) -> None:
        """The program began a turn, asked to or by itself."""
        self.ended = None
        self._result = None

    def helpers(self, ids: set[str]) -> None:
        """Set the sub-agents that work in the background."""
        self._helpers = ids

    def helper(self, helper: str, *, works: bool) -> None:
        """Note that one sub-agent has begun or ended."""
        if works:
            self._helpers = self._helpers | {helper}
        else:
            self._helpers = self._helpers - {helper}

    def deny(self, calls: set[str]) -> None:
        """Count tool calls that were denied, each once."""
        self._denied |= calls - self._counted

    def result(self, result: TurnEnded) -> TurnEnded | None:
        """Take a result; return it where the turn is over with it."""
        if self._cut_short:
            self._cut_short = False
            return None
        self._result = result
        return self._settle() if self._state == IDLE else None

    def state(self, state: str) -> TurnEnded | None:
        """Take a state the program told; return the result where the turn is over."""
        self._state = state
        if state == RUNNING:
            self.ended = None
        return self._settle() if state == IDLE else None

    def patience(self) -> float | None:
        """Return how long a silence ends the turn, None where none does."""
        if self._result is None or self._helpers:
            return None
        return STUCK_S if self._state else GRACE_S

    def silence(self) -> TurnEnded | None:
        """End the turn after a silence."""
        return self._end() if self._result and not self._helpers else None

    def cut_short(self, ended: TurnEnded) -> TurnEnded:
        """End the turn before its result, which then no longer counts."""
        self._cut_short = True
        self._result = ended
        return self._end()

    def gone(self, otherwise: TurnEnded | None) -> TurnEnded | None:
        """End the turn with the program; None where it had ended, or nobody knows how."""
        if self.ended or self._cut_short:
            return None
        self._result = self._result or otherwise
        return self._end() if self._result else None

    def _settle(self) -> TurnEnded | None:
        waiting = self._tells_taking_up and self._said
        return None if self._result is None or self._helpers or waiting else self._end()

    def _end(self) -> TurnEnded:
        assert self._result is not None
        self.ended = replace(self._result, denied=len(self._denied))
        self._result = None
        self._counted |= self._denied
        self._denied = set()
        return self.ended
