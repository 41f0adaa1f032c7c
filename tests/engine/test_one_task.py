"""The way of one task, event by event, as the contract's sections 6 and 7 have it."""

from __future__ import annotations

from conductor_tui.domain.events import RunFinished
from conductor_tui.domain.values import TaskStatus
from tests.engine.bench import Bench, a_task, without


async def test_one_task_goes_its_way(bench: Bench) -> None:
    last = await bench.ran(a_task("a"))
    assert bench.statuses() == {"a": "completed"}
    names = await bench.types("a")
    assert names.index("file.changed") < names.index("attempt.finished")
    assert without(names, "file.changed", "agent.exited") == [
        "task.queued",
        "task.started",
        "task.phase",
        "task.phase",
        "attempt.started",
        "attempt.finished",
        "task.phase",
        "check.started",
        "check.finished",
        "decision.made",
        "task.phase",
        "merge.done",
        "task.completed",
    ]
    assert await bench.types() == ["run.started", "run.finished"]
    events = await bench.history()
    assert isinstance(events[-1].event, RunFinished)
    assert events[-1].event.exit_code == 0
    assert last.tasks["a"].status is TaskStatus.COMPLETED
