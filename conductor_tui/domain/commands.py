"""Everything that can be wanted of a running conductor, as frozen records.

Faces build them from keys, words or JSON; the engine carries them out and returns a
JSON-able result, or raises a :class:`~conductor_tui.domain.errors.ConductorError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Answer


@dataclass(frozen=True, slots=True)
class Command:
    """The base of all commands; ``name`` is the word on the control socket."""

    name: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class AddTasks(Command):
    """Queue tasks in the open run, or open one."""

    name: ClassVar[str] = "add"
    tasks: tuple[Task, ...]
    known: str = "rename"
    """What to do with an id the run knows already: ``rename`` (``-2`` …) or ``skip``."""


@dataclass(frozen=True, slots=True)
class ResolveBreakpoint(Command):
    """Answer a breakpoint."""

    name: ClassVar[str] = "breakpoint.resolve"
    id: str
    answer: Answer
    text: str | None = None
    input: Mapping[str, Any] | None = None
    force: bool = False
    by: str = "app"


@dataclass(frozen=True, slots=True)
class CancelTask(Command):
    """End a task; its processes are dead when this returns."""

    name: ClassVar[str] = "cancel"
    task: str
    reason: str = "cancelled by the user"


@dataclass(frozen=True, slots=True)
class CancelRun(Command):
    """End every task of the run that has not ended, and close the run."""

    name: ClassVar[str] = "cancel.run"
    reason: str = "run cancelled by the user"


@dataclass(frozen=True, slots=True)
class RetryTask(Command):
    """Queue an ended or blocked task again, with a new budget."""

    name: ClassVar[str] = "retry"
    task: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class SetDispatch(Command):
    """Pause or resume the start of further tasks; running agents go on."""

    name: ClassVar[str] = "dispatch"
    paused: bool


@dataclass(frozen=True, slots=True)
class SendMessage(Command):
    """Give words to a running agent."""

    name: ClassVar[str] = "message"
    task: str
    text: str
    by: str = "app"


@dataclass(frozen=True, slots=True)
class InterruptAgent(Command):
    """Stop what the agent does now; its session lives on and ends its turn."""

    name: ClassVar[str] = "interrupt"
    task: str


@dataclass(frozen=True, slots=True)
class Land(Command):
    """Merge accepted work into the branch that is checked out; one task, or all of the run."""

    name: ClassVar[str] = "land"
    task: str | None = None


@dataclass(frozen=True, slots=True)
class ShowDiff(Command):
    """Return the unified diff of a task against its base, as it is now."""

    name: ClassVar[str] = "diff"
    task: str


COMMANDS: dict[str, type[Command]] = {
    kind.name: kind
    for kind in (
        AddTasks,
        ResolveBreakpoint,
        CancelTask,
        CancelRun,
        RetryTask,
        SetDispatch,
        SendMessage,
        InterruptAgent,
        Land,
        ShowDiff,
    )
}
"""Word on the control socket → command."""
