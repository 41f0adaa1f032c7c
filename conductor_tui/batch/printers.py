"""What a headless run prints while it goes on: JSON lines for programs, short lines for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TextIO

from conductor_tui.domain.agent_events import AgentLimit, AgentPermission
from conductor_tui.domain.codec import to_line
from conductor_tui.domain.events import (
    AttemptFinished,
    AttemptStarted,
    BreakpointRaised,
    BreakpointResolved,
    BudgetExceeded,
    CheckFinished,
    DecisionMade,
    Event,
    LandDone,
    LandRefused,
    MergeConflict,
    Notice,
    Recorded,
    TaskBlocked,
    TaskCancelled,
    TaskCompleted,
    TaskFailed,
    TaskWaiting,
)
from conductor_tui.domain.judge_events import JudgeAway, JudgeVerdict
from conductor_tui.domain.plaintext import plain_line
from conductor_tui.domain.values import Scope

Told = tuple[str, str, str]
"""A word, its colour, and the text behind it."""

Paint = Callable[[str, str], str]
"""Colours a text: (text, colour name) → text; plain where colours are off."""


class Printer(Protocol):
    """Prints one event after the other."""

    def show(self, recorded: Recorded) -> None:
        """Print an event, or nothing where it says nothing to the reader."""


class JsonPrinter:
    """One JSON object a line, flushed at once (contract, section 6)."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, recorded: Recorded) -> None:
        """Print the event as it is recorded."""
        self._out.write(to_line(recorded) + "\n")
        self._out.flush()


class LinePrinter:
    """One line for each change of a task.

    Args:
        out: where to.
        paint: colours words.
    """

    def __init__(self, out: TextIO, paint: Paint) -> None:
        self._out = out
        self._paint = paint

    def show(self, recorded: Recorded) -> None:
        """Print what happened to the task, in a few words."""
        told = describe(recorded.event)
        if told is None:
            return
        word, colour, text = told
        clock = recorded.ts[11:19]
        name = recorded.task or "run"
        attempt = f" #{recorded.attempt}" if recorded.attempt and recorded.attempt > 1 else ""
        text = plain_line(text)
        line = f"{clock}  {name + attempt:<24} {self._paint(f'{word:<10}', colour)} {text}"
        self._out.write(line.rstrip() + "\n")
        self._out.flush()


def describe(event: Event) -> Told | None:
    """Return (word, colour, text) for an event a person follows a run by, None for the others."""
    teller = _TELLERS.get(type(event))
    return None if teller is None else teller(event)


def _check(event: CheckFinished) -> Told:
    where = " on the merged tree" if event.on is Scope.MERGED else ""
    how = ""
    if not event.ok:
        how = ", stopped" if event.exit_code is None else f", exit code {event.exit_code}"
    colour = "green" if event.ok else "red"
    return "check", colour, f"{event.check}{where}{how} ({event.duration_s:.1f} s)"


def _asked(event: BreakpointRaised) -> Told:
    ask = event.ask.splitlines()[0] if event.ask else event.reason
    return "asks", "yellow", f"[{event.id}] {event.kind}: {ask}"


def _judged(event: JudgeVerdict) -> Told:
    verdict = event.verdict
    said = f"{verdict.get('score')} by {event.model}, confidence {verdict.get('confidence')}"
    if event.struck:
        said += f", {len(event.struck)} citation{'s' if len(event.struck) != 1 else ''} struck"
    if event.not_judged:
        said += f", not shown: {', '.join(event.not_judged)}"
    summary = verdict.get("summary")
    return "judged", "cyan", f"{said}: {summary}" if summary else said


_TELLERS: Mapping[type[Event], Callable[[Any], Told | None]] = {
    AttemptStarted: lambda e: ("working", "cyan", e.agent + (" goes on" if e.resumed else "")),
    AttemptFinished: lambda e: None if e.ok else ("stopped", "yellow", e.reason),
    CheckFinished: _check,
    JudgeVerdict: _judged,
    JudgeAway: lambda e: ("judge away", "yellow", e.reason),
    DecisionMade: lambda e: (e.action.value, "magenta", e.reason),
    TaskCompleted: lambda e: ("completed", "green", f"merged as {e.commit[:10]}"),
    TaskFailed: lambda e: ("failed", "red", e.reason),
    TaskCancelled: lambda e: ("cancelled", "red", e.reason),
    TaskBlocked: lambda e: ("blocked", "red", f"depends on {e.by}"),
    TaskWaiting: lambda e: (
        "waiting",
        "yellow",
        e.reason.value + (f" until {e.until}" if e.until else ""),
    ),
    LandDone: lambda e: ("landed", "green", f"{e.commit[:10]} on {e.branch}"),
    LandRefused: lambda e: ("not landed", "red", e.reason),
    BreakpointRaised: _asked,
    BreakpointResolved: lambda e: ("answered", "yellow", f"[{e.id}] {e.answer} by {e.by}"),
    AgentPermission: lambda e: (
        ("denied", "yellow", f"{e.tool} by {e.by}") if e.decision == "deny" else None
    ),
    AgentLimit: lambda e: (
        "limit",
        "yellow",
        "usage limit" + (f", resets {e.resets_at}" if e.resets_at else ""),
    ),
    MergeConflict: lambda e: ("conflict", "red", ", ".join(e.files)),
    BudgetExceeded: lambda e: ("budget", "red", f"{e.scope}: {e.used:.2f} of {e.limit:.2f} used"),
    Notice: lambda e: (e.level, "cyan" if e.level == "info" else "yellow", e.text),
}
