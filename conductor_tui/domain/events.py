"""Everything that happens to runs and tasks, as frozen records (contract, section 6).

An event knows only its own data. Which run, task and attempt it belongs to, its ``seq`` and its
time stand on the envelope, :class:`Recorded`. What agents do is in ``agent_events``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from conductor_tui.domain.task import Task
from conductor_tui.domain.values import (
    Answer,
    BreakpointKind,
    DecisionAction,
    Outcome,
    Phase,
    Scope,
    Usage,
    WaitReason,
)

REGISTRY: dict[str, type[Event]] = {}
"""Event type name → class; filled while the modules of events are imported."""


@dataclass(frozen=True, slots=True)
class Event:
    """The base of all events; ``type`` is the name in the JSON lines."""

    type: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Enter the class in the registry (slots build each class twice: the last one counts)."""
        super(Event, cls).__init_subclass__(**kwargs)
        if cls.type:
            REGISTRY[cls.type] = cls


@dataclass(frozen=True, slots=True)
class Draft:
    """An event on its way into the state, not yet numbered."""

    event: Event
    task: str | None = None
    attempt: int | None = None
    position: int | None = None
    """How many bytes of the agent's stream are consumed once this event is recorded."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as the state holds it."""

    seq: int
    ts: str
    """UTC, ISO 8601 with microseconds and ``Z``."""
    run: str
    task: str | None
    attempt: int | None
    event: Event
    position: int | None = None


@dataclass(frozen=True, slots=True)
class UnknownEvent(Event):
    """An event of a newer version: kept as it came, never acted upon."""

    name: str
    data: Mapping[str, Any]


# -- runs ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A run begins; recorded together with its whole plan before any git."""

    type: ClassVar[str] = "run.started"
    plan: tuple[str, ...]
    settings: Mapping[str, Any]
    judge: Mapping[str, Any]
    base: str = ""
    """The commit HEAD pointed to."""
    branch: str = ""
    """The integration branch."""


@dataclass(frozen=True, slots=True)
class RunResumed(Event):
    """A run goes on in a new process; tasks that were running are queued again."""

    type: ClassVar[str] = "run.resumed"
    plan: tuple[str, ...]
    settings: Mapping[str, Any]
    judge: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunInterrupted(Event):
    """The process ends before the plan does."""

    type: ClassVar[str] = "run.interrupted"
    exit_code: int
    reason: str
    tasks: Mapping[str, Any] = field(default_factory=dict)
    breakpoints: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """Nothing in the run is left to do by itself."""

    type: ClassVar[str] = "run.finished"
    exit_code: int
    reason: str
    tasks: Mapping[str, Any] = field(default_factory=dict)
    breakpoints: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class DispatchChanged(Event):
    """The start of further tasks was paused or resumed."""

    type: ClassVar[str] = "run.dispatch"
    paused: bool


# -- tasks -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TaskQueued(Event):
    """A task may be started; ``spec`` is given when it is new."""

    type: ClassVar[str] = "task.queued"
    title: str
    depends_on: tuple[str, ...] = ()
    priority: int = 5
    agent: str = ""
    cause: str = "new"
    """``new``, ``answered``, ``retry``, ``unblocked``, ``ready`` (what it waited for is back)."""
    spec: Task | None = None
    feedback: str | None = None
    """What a human who retries the task wants the next attempt to be told."""


@dataclass(frozen=True, slots=True)
class TaskStarted(Event):
    """A task has a slot and a workspace."""

    type: ClassVar[str] = "task.started"
    workspace: str
    base: str


@dataclass(frozen=True, slots=True)
class TaskPhase(Event):
    """A running task goes on to another phase."""

    type: ClassVar[str] = "task.phase"
    phase: Phase


@dataclass(frozen=True, slots=True)
class TaskWaiting(Event):
    """A task waits; its slot is free."""

    type: ClassVar[str] = "task.waiting"
    reason: WaitReason
    until: str | None = None


@dataclass(frozen=True, slots=True)
class TaskBlocked(Event):
    """A task cannot start, because a task it depends on failed, was cancelled or is blocked."""

    type: ClassVar[str] = "task.blocked"
    by: str
    reason: str = "dependency"


@dataclass(frozen=True, slots=True)
class TaskCompleted(Event):
    """A task's work was accepted and lies on the run's branch."""

    type: ClassVar[str] = "task.completed"
    outcome: Outcome
    commit: str
    """The commit on the run's branch that brought the work in; the branch's tip if nothing did."""


@dataclass(frozen=True, slots=True)
class TaskFailed(Event):
    """A task ended without accepted work."""

    type: ClassVar[str] = "task.failed"
    reason: str
    outcome: Outcome = Outcome.FAILED


@dataclass(frozen=True, slots=True)
class TaskCancelled(Event):
    """A human ended a task; its processes were dead before this was written."""

    type: ClassVar[str] = "task.cancelled"
    reason: str


# -- attempts, checks, decisions ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AttemptStarted(Event):
    """An agent begins, or goes on with, one attempt."""

    type: ClassVar[str] = "attempt.started"
    agent: str
    session: str | None
    pid: int | None
    resumed: bool = False
    spool: str = ""
    """The folder of the runner that owns the agent."""


@dataclass(frozen=True, slots=True)
class AttemptFinished(Event):
    """The agent's part is over: ``detail`` says of a bad end, ``commit`` holds what it left."""

    type: ClassVar[str] = "attempt.finished"
    ok: bool
    reason: str
    usage: Usage
    cost_usd: float | None
    files_changed: int
    detail: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class FileChanged(Event):
    """A file of the task's workspace differs from the task's base in another way than before."""

    type: ClassVar[str] = "file.changed"
    path: str
    change: str
    """``added``, ``modified``, ``deleted``, or ``reverted``: as in the base again."""
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class CheckStarted(Event):
    """A check is run."""

    type: ClassVar[str] = "check.started"
    check: str
    on: Scope


@dataclass(frozen=True, slots=True)
class CheckFinished(Event):
    """A check ended; ``exit_code`` is None where it was stopped or could not start."""

    type: ClassVar[str] = "check.finished"
    check: str
    on: Scope
    exit_code: int | None
    ok: bool
    duration_s: float
    output: str
    """The tail of what it printed."""


@dataclass(frozen=True, slots=True)
class DecisionMade(Event):
    """What follows from an attempt's evidence, and why."""

    type: ClassVar[str] = "decision.made"
    action: DecisionAction
    score: float | None
    confidence: float | None
    parts: Mapping[str, Any]
    reason: str


# -- breakpoints -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BreakpointRaised(Event):
    """A human is asked."""

    type: ClassVar[str] = "breakpoint.raised"
    id: str
    kind: BreakpointKind
    reason: str
    """Why: one sentence."""
    ask: str
    """What exactly is asked: the command, the question, the decision in question."""
    options: tuple[str, ...]
    """The answers it takes."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BreakpointResolved(Event):
    """A human, or the policy for an absent one, answered."""

    type: ClassVar[str] = "breakpoint.resolved"
    id: str
    answer: Answer
    text: str | None
    by: str
    """``app``, ``cli``, ``policy:NAME``, ``rule:NAME`` …"""
    input: Mapping[str, Any] | None = None
    """The changed input of an ``edit``."""
    force: bool = False


# -- merging and landing -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MergeDone(Event):
    """A task's work is on the run's branch."""

    type: ClassVar[str] = "merge.done"
    commit: str
    branch: str = ""


@dataclass(frozen=True, slots=True)
class MergeConflict(Event):
    """A task's work does not merge into the run's branch."""

    type: ClassVar[str] = "merge.conflict"
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LandDone(Event):
    """Accepted work was merged into the branch that is checked out."""

    type: ClassVar[str] = "land.done"
    commit: str
    branch: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LandRefused(Event):
    """Accepted work could not be merged into the branch that is checked out."""

    type: ClassVar[str] = "land.refused"
    reason: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RescueCreated(Event):
    """Bytes that an operation would have lost were saved first."""

    type: ClassVar[str] = "rescue.created"
    id: str
    ref: str
    tree: str


@dataclass(frozen=True, slots=True)
class BudgetWarning(Event):
    """Four fifths of a budget are used."""

    type: ClassVar[str] = "budget.warning"
    scope: str
    used: float
    limit: float


@dataclass(frozen=True, slots=True)
class BudgetExceeded(Event):
    """A budget is used up."""

    type: ClassVar[str] = "budget.exceeded"
    scope: str
    used: float
    limit: float


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """Something a human should know; ``level`` is ``info``, ``warning`` or ``error``."""

    type: ClassVar[str] = "notice"
    level: str
    text: str
