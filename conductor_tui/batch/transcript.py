"""What one agent said and did, as text a person reads."""

from __future__ import annotations

from typing import TextIO

from conductor_tui.batch.printers import describe
from conductor_tui.domain.agent_events import (
    AgentExited,
    AgentLog,
    AgentPermission,
    AgentQuestion,
    AgentRetry,
    AgentText,
    AgentToolCall,
    AgentToolResult,
    MessageSent,
)
from conductor_tui.domain.events import Event, FileChanged, Recorded, TaskPhase
from conductor_tui.domain.plaintext import plain

_FOLDED_LINES = 12
"""Lines of a tool's output that are shown; `--json` has all of it."""


class Transcript:
    """Prints a task's events as a conversation."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, recorded: Recorded) -> None:
        """Print one event, or nothing where it is of no interest to a reader."""
        text = _words(recorded.event)
        if text is None:
            told = describe(recorded.event)
            if told is None:
                return
            text = f"== {told[0]}: {told[2]}"
        clock = recorded.ts[11:19]
        for number, line in enumerate(plain(text).splitlines() or [""]):
            self._out.write(f"{clock if number == 0 else ' ' * 8}  {line}\n")
        self._out.flush()


def _words(event: Event) -> str | None:
    match event:
        case AgentText(text=text):
            words: str | None = text
        case AgentToolCall(tool=tool, input=given):
            inner = ", ".join(f"{key}={value!r}" for key, value in given.items())
            words = f"> {tool}({inner})"
        case AgentToolResult(ok=ok, output=output, diff=diff):
            words = _folded(diff or output, "< " if ok else "! ")
        case AgentPermission(tool=tool, decision=decision, by=by, text=text):
            words = f"{decision} {tool} by {by}" + (f": {text}" if text else "")
        case AgentQuestion(text=text, answer=answer):
            words = f"? {text}\n  {answer if answer is not None else '(no answer)'}"
        case MessageSent(text=text, by=by):
            words = f"{by}: {text}"
        case AgentRetry(status=status, delay_s=delay):
            words = f"its model answered {status}; it tries again in {delay:.0f} s"
        case _:
            words = _marks(event)
    return words


def _marks(event: Event) -> str | None:
    match event:
        case AgentLog(line=line):
            return f". {line}"
        case AgentExited(code=code, reason=reason):
            return f"== its program ended ({reason}, exit code {code})"
        case FileChanged(path=path, change=change, added=added, removed=removed):
            return f"~ {change} {path} (+{added} -{removed})"
        case TaskPhase(phase=phase):
            return f"== {phase}"
    return None


def _folded(text: str, mark: str) -> str:
    lines = text.rstrip().splitlines()
    shown = lines[:_FOLDED_LINES]
    if len(lines) > len(shown):
        shown.append(f"… {len(lines) - len(shown)} more lines")
    return "\n".join(f"{mark}{line}" for line in shown) or mark
