"""Random lists of events that the states allow, for the property tests."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from conductor_tui.domain.agent_events import (
    AgentLog,
    AgentPermission,
    AgentQuestion,
    AgentText,
    AgentToolCall,
    AgentUsage,
)
from conductor_tui.domain.errors import IllegalTransition
from conductor_tui.domain.events import (
    AttemptFinished,
    AttemptStarted,
    CheckFinished,
    CheckStarted,
    DecisionMade,
    DispatchChanged,
    Draft,
    Event,
    FileChanged,
    LandDone,
    MergeConflict,
    MergeDone,
    Notice,
    RunFinished,
    RunInterrupted,
    RunResumed,
    TaskBlocked,
    TaskCancelled,
    TaskCompleted,
    TaskFailed,
    TaskPhase,
    TaskQueued,
    TaskStarted,
    TaskWaiting,
    UnknownEvent,
)
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
from conductor_tui.domain.views import Snapshot
from conductor_tui.state.legality import check
from conductor_tui.state.snapshot import Fold, reduce
from tests.state.build import at_work, begin, raised, record, resolved

TASKS = ("a", "b", "later")

COMMAND = {"command": "ls"}

OF_A_TASK: tuple[Event, ...] = (
    TaskStarted("ws", "base"),
    *(TaskPhase(phase) for phase in Phase),
    TaskWaiting(WaitReason.LIMIT, "2026-11-20T12:00:00Z"),
    TaskWaiting(WaitReason.BREAKPOINT),
    TaskBlocked("a"),
    TaskCompleted(Outcome.SUCCESS, "c1"),
    TaskFailed("broke"),
    TaskCancelled("stop"),
    *(TaskQueued("T", cause=cause) for cause in ("answered", "ready", "unblocked")),
    TaskQueued("T", cause="retry", feedback="harder"),
    AttemptStarted("claude", "s1", 7, spool="one"),
    AttemptStarted("claude", "s1", 8, resumed=True, spool="one"),
    AttemptStarted("claude", "s1", 9, resumed=True, spool="two"),
    AttemptFinished(True, "completed", Usage(5, 5, 0.5), 0.5, 2),
    AttemptFinished(False, "api_error", Usage(), None, 0),
    AgentText("hello"),
    AgentLog("warning", 15),
    AgentLog("warning"),
    AgentToolCall("t", "Bash", COMMAND),
    AgentUsage(3, 1, 0.25),
    AgentUsage(3, 1, None),
    AgentPermission("t", "Bash", COMMAND, "allow", "breakpoint"),
    AgentQuestion("colour?", "blue"),
    FileChanged("x.py", "modified", 1, 1),
    FileChanged("caf\udce9", "added", 1, 0),
    FileChanged("x.py", "reverted", 0, 0),
    CheckStarted("pytest", Scope.WORKSPACE),
    CheckFinished("pytest", Scope.WORKSPACE, 1, False, 0.5, "red"),
    CheckFinished("pytest", Scope.MERGED, 0, True, 0.5, "green"),
    *(DecisionMade(action, 50.0, None, {"feedback": "more"}, "r") for action in DecisionAction),
    MergeDone("c0ffee"),
    MergeConflict(("x.py",)),
    UnknownEvent("agent.dance", {"steps": [1, 2]}),
    *(
        raised(f"{kind}", kind, tool="Bash", input=COMMAND, rule="Bash(ls)", files=["x.py"])
        for kind in BreakpointKind
    ),
    *(
        resolved(f"{kind}", answer, "text", changed={"command": "ls -l"}, force=True)
        for kind in BreakpointKind
        for answer in Answer
    ),
)

OF_THE_RUN: tuple[Event, ...] = (
    Notice("info", "hello"),
    DispatchChanged(True),
    DispatchChanged(False),
    RunInterrupted(130, "SIGINT", {"a": {"status": "queued"}}),
    RunResumed(TASKS, {"max_agents": 2}, {}),
    RunFinished(1, "failed"),
    LandDone("c0ffee", "main", ("x.py",)),
)


def _task_drafts() -> st.SearchStrategy[Draft]:
    return st.builds(
        Draft,
        event=st.sampled_from(OF_A_TASK),
        task=st.sampled_from(TASKS),
        attempt=st.sampled_from((None, 1, 2)),
        position=st.sampled_from((None, 10, 20, 5000)),
    )


def _new_tasks() -> st.SearchStrategy[Draft]:
    return st.builds(
        lambda name: Draft(TaskQueued(name, spec=Task(id=name, title=name, prompt="p")), name),
        st.sampled_from(TASKS),
    )


any_drafts = st.one_of(
    _task_drafts(), _task_drafts(), st.builds(Draft, st.sampled_from(OF_THE_RUN)), _new_tasks()
)
"""Any draft at all, legal or not."""


def legal(drafts: Sequence[Draft]) -> list[Draft]:
    """Begin a run with ``a`` at work and ``b``, and let in what is allowed where it comes."""
    kept = [*begin("a", "b"), *at_work("a")]
    snapshot = reduce(Snapshot(), record(kept))
    for draft in drafts:
        try:
            check(Fold(snapshot), [draft], begins=False)
        except IllegalTransition:
            continue
        snapshot = reduce(snapshot, record([draft], len(kept) + 1))
        kept.append(draft)
    return kept


legal_lists = st.lists(any_drafts, min_size=20, max_size=60).map(legal)
