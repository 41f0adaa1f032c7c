"""What faces draw and the engine decides on: frozen pictures of runs, tasks and breakpoints.

They are folds of events; :mod:`conductor_tui.state.snapshot` makes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from conductor_tui.domain.task import Task
from conductor_tui.domain.values import (
    ACTIVE,
    Answer,
    BreakpointKind,
    DecisionAction,
    Outcome,
    Phase,
    RunStatus,
    Scope,
    TaskStatus,
    Usage,
    WaitReason,
)


class Step(StrEnum):
    """What is to be done next on a task, whatever process does it.

    It follows from the events alone, so a task goes on at the same step after any crash.
    """

    WORK = "work"
    """Let the agent work: a new attempt, or on with the one that has not finished."""
    CHECK = "check"
    """The agent has finished its attempt: gather evidence and decide."""
    MERGE = "merge"
    """The work is accepted: bring it to the run's branch."""
    NOTHING = "nothing"
    """The task has ended, or waits for an answer."""


@dataclass(frozen=True, slots=True)
class CheckView:
    """One run of one check; ``ok`` is None while it runs."""

    check: str
    on: Scope
    ok: bool | None = None
    exit_code: int | None = None
    duration_s: float = 0.0
    output: str = ""


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A decision with its reason."""

    action: DecisionAction
    reason: str
    score: float | None = None
    confidence: float | None = None
    parts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt of an agent at a task."""

    n: int
    agent: str
    session: str | None
    pid: int | None = None
    spool: str = ""
    position: int = 0
    """Bytes of the agent's stream whose events are recorded: where an attach goes on."""
    err_position: int = 0
    """The same of its standard error."""
    opened: bool = False
    """The agent has spoken: its session exists, also for a later program."""
    started_at: str = ""
    ended_at: str | None = None
    ok: bool | None = None
    reason: str = ""
    detail: str = ""
    """What the agent's program said where it ended badly."""
    commit: str = ""
    """What the agent left, fixed before it was proved."""
    usage: Usage = Usage()
    files_changed: int = 0
    checks: tuple[CheckView, ...] = ()
    verdict: Mapping[str, Any] | None = None
    decision: DecisionView | None = None


@dataclass(frozen=True, slots=True)
class FileView:
    """How one file of a task differs from its base."""

    path: str
    change: str
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class Grant:
    """An answer given to a permission request that the agent has not been told yet."""

    breakpoint: str
    tool: str
    input: Mapping[str, Any]
    answer: Answer
    text: str | None = None
    changed: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class BreakpointView:
    """A question to a human, and its answer when there is one."""

    id: str
    task: str | None
    attempt: int | None
    kind: BreakpointKind
    reason: str
    ask: str
    options: tuple[str, ...]
    ts: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    suggestions: tuple[str, ...] = ()
    answer: Answer | None = None
    text: str | None = None
    by: str | None = None
    resolved_at: str | None = None

    @property
    def open(self) -> bool:
        """Whether nobody has answered yet."""
        return self.answer is None


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as it stands."""

    spec: Task
    order: int
    """Place in the plan, from 0."""
    status: TaskStatus = TaskStatus.QUEUED
    phase: Phase | None = None
    step: Step = Step.WORK
    attempts: tuple[AttemptView, ...] = ()
    budget_from: int = 0
    """How many attempts were made before the present budget of attempts began."""
    feedback: str | None = None
    """What the next attempt is told about the last one."""
    forced: bool = False
    """A human accepted the work although a check was red."""
    grants: tuple[Grant, ...] = ()
    waiting: WaitReason | None = None
    until: str | None = None
    blocked_by: str | None = None
    outcome: Outcome | None = None
    reason: str = ""
    workspace: str = ""
    branch: str = ""
    base: str = ""
    commit: str = ""
    merged: bool = False
    """The work is on the run's branch."""
    usage: Usage = Usage()
    files: Mapping[str, FileView] = field(default_factory=dict)
    queued_at: str = ""
    started_at: str | None = None
    ended_at: str | None = None
    updated_at: str = ""

    @property
    def id(self) -> str:
        """The task's id."""
        return self.spec.id

    @property
    def attempt(self) -> AttemptView | None:
        """The newest attempt."""
        return self.attempts[-1] if self.attempts else None

    @property
    def attempts_left(self) -> int:
        """How many attempts the present budget still allows."""
        return max(0, self.spec.attempts - (len(self.attempts) - self.budget_from))

    @property
    def resumable(self) -> AttemptView | None:
        """The attempt an agent was at when its process ended, if there is one."""
        last = self.attempt
        return last if last is not None and last.ended_at is None else None


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as it stands."""

    id: str
    status: RunStatus
    plan: tuple[str, ...]
    settings: Mapping[str, Any]
    judge: Mapping[str, Any]
    base: str
    branch: str
    rules: tuple[str, ...] = ()
    """Permission rules that answers of ``always`` made, for this run only."""
    paused: bool = False
    """No further task is started until a human says so."""
    landed: str = ""
    """The branch all accepted work was landed on; empty while some of it was not."""
    not_landed: str = ""
    """Why it could not be landed when that was last tried."""
    started_at: str = ""
    ended_at: str | None = None
    exit_code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is known of one run at one ``seq``."""

    run: RunView | None = None
    tasks: Mapping[str, TaskView] = field(default_factory=dict)
    breakpoints: Mapping[str, BreakpointView] = field(default_factory=dict)
    seq: int = 0

    @property
    def open_breakpoints(self) -> tuple[BreakpointView, ...]:
        """The unanswered breakpoints, oldest first."""
        return tuple(point for point in self.breakpoints.values() if point.open)

    @property
    def active(self) -> bool:
        """Whether anything in the run is queued, running or waiting."""
        return any(task.status in ACTIVE for task in self.tasks.values())

    @property
    def usage(self) -> Usage:
        """What all tasks of the run used together."""
        return sum((task.usage for task in self.tasks.values()), Usage())

    def in_order(self) -> tuple[TaskView, ...]:
        """Return the tasks in the plan's order."""
        return tuple(sorted(self.tasks.values(), key=lambda task: task.order))
