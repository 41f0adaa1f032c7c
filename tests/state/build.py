"""Small things the tests of the state are built from."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from conductor_tui.domain.agent_events import AgentText
from conductor_tui.domain.events import (
    AttemptStarted,
    BreakpointRaised,
    BreakpointResolved,
    Draft,
    Event,
    Recorded,
    RunStarted,
    TaskQueued,
    TaskStarted,
)
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import ANSWERS, Answer, BreakpointKind
from conductor_tui.domain.views import Snapshot, TaskView
from conductor_tui.state.snapshot import reduce

RUN = "20261120-100000-aaaa"
OTHER_RUN = "20261121-100000-bbbb"


class ManualClock:
    """A clock that goes on by a second with every look, or where the test puts it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def begin(*tasks: str) -> list[Draft]:
    """The drafts that open a run with these tasks."""
    return [Draft(RunStarted(tasks, {"max_agents": 4}, {"provider": "none"}))] + [
        queue(task) for task in tasks
    ]


def queue(task: str, cause: str = "new") -> Draft:
    spec = Task(id=task, title=task.title(), prompt=f"do {task}") if cause == "new" else None
    return Draft(TaskQueued(title=task.title(), cause=cause, spec=spec), task)


def at_work(task: str, attempt: int = 1) -> list[Draft]:
    """The drafts by which a queued task gets an agent."""
    return [
        Draft(TaskStarted(f"ws/{task}", "base0"), task),
        Draft(AttemptStarted("claude", "s1", 7, spool="spool1"), task, attempt),
    ]


def raised(point: str, kind: BreakpointKind, **evidence: object) -> BreakpointRaised:
    options = tuple(answer.value for answer in ANSWERS[kind])
    return BreakpointRaised(point, kind, "why", "what", options, evidence)


def resolved(
    point: str,
    answer: Answer,
    text: str | None = None,
    changed: dict[str, object] | None = None,
    force: bool = False,
) -> BreakpointResolved:
    return BreakpointResolved(point, answer, text, "cli", changed, force)


def stamp(seq: int) -> str:
    return f"2026-11-20T10:00:00.{seq:06d}Z"


def record(drafts: Iterable[Draft | Event], start: int = 1, run: str = RUN) -> list[Recorded]:
    """Number drafts as the state would; a bare event is one of task ``a``, attempt 1."""
    numbered = []
    for seq, item in enumerate(drafts, start):
        draft = item if isinstance(item, Draft) else Draft(item, "a", 1)
        numbered.append(
            Recorded(seq, stamp(seq), run, draft.task, draft.attempt, draft.event, draft.position)
        )
    return numbered


def fold(*drafts: Draft | Event) -> Snapshot:
    """The picture of a run with task ``a`` at work, after further events."""
    return reduce(Snapshot(), record([*begin("a"), *at_work("a"), *drafts]))


def task_after(*drafts: Draft | Event) -> TaskView:
    """Task ``a`` of :func:`fold`."""
    return fold(*drafts).tasks["a"]


AT_WORK = 4
"""The ``seq`` of the last event before those given to :func:`fold`."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file's write lock as another process would: our commits fail."""
    other = sqlite3.connect(path, isolation_level=None, timeout=0.0)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


def texts(recorded: Sequence[Recorded]) -> list[str]:
    return [each.event.text for each in recorded if isinstance(each.event, AgentText)]
