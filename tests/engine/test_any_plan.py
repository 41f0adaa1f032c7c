"""Any plan, with any outcomes, stopped at any time: each task completes once or has its reason."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conductor_tui.domain.events import AttemptStarted, TaskCompleted
from conductor_tui.domain.values import BreakpointPolicy, Scope, TaskStatus
from conductor_tui.engine.conductor import Conductor
from conductor_tui.engine.tools import Options
from tests.engine.bench import Bench, a_task

BUDGET = 2

DEAD = frozenset({TaskStatus.FAILED, TaskStatus.BLOCKED})


@dataclass(frozen=True)
class Case:
    """A plan and what is to happen to it."""

    after: tuple[tuple[int, ...], ...]
    """For each task, the tasks it depends on."""
    reds: tuple[int, ...]
    """For each task, how many of its attempts end red."""
    slots: int
    stops: tuple[int, ...]
    """How many events to see before the process ends, one number for each process."""

    def fails(self, task: int) -> bool:
        return self.reds[task] >= BUDGET

    def ends(self) -> dict[str, TaskStatus]:
        """How each task has to end."""
        ends: dict[str, TaskStatus] = {}
        for task, after in enumerate(self.after):
            if any(ends[f"t{name}"] in DEAD for name in after):
                ends[f"t{task}"] = TaskStatus.BLOCKED
            else:
                ends[f"t{task}"] = TaskStatus.FAILED if self.fails(task) else TaskStatus.COMPLETED
        return ends


@st.composite
def cases(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 6))
    after = [
        tuple(sorted(draw(st.sets(st.integers(0, task - 1), max_size=2)))) if task else ()
        for task in range(count)
    ]
    reds = [draw(st.sampled_from([0, 0, 0, 1, BUDGET])) for _ in range(count)]
    stops = draw(st.lists(st.integers(1, 40), max_size=3))
    return Case(tuple(after), tuple(reds), draw(st.integers(1, 4)), tuple(stops))


async def seen(bench: Bench, conductor: Conductor, events: int) -> None:
    """Wait until so many further events are recorded, or nothing goes on any more."""
    goal = bench.last.seq + events
    await bench.bell.until(lambda: bench.last.seq >= goal or conductor.dispatcher.settled.is_set())


async def carried_through(bench: Bench, case: Case) -> None:
    options = Options(max_agents=case.slots, on_breakpoint=BreakpointPolicy.FAIL)
    tasks = [
        a_task(f"t{task}", *(f"t{name}" for name in after), attempts=BUDGET)
        for task, after in enumerate(case.after)
    ]
    for task, reds in enumerate(case.reds):
        bench.checker.outcomes[f"t{task}", Scope.WORKSPACE] = _Reds(bench, f"t{task}", reds)
    begun = False
    for stop in (*case.stops, None):
        async with bench.opened(options) as conductor, conductor.running():
            await (conductor.resume() if begun else conductor.begin(tasks))
            begun = True
            if stop is None:
                await bench.settle()
            else:
                await seen(bench, conductor, stop)
        assert not bench.agent.alive
    await everything_holds(bench, case)


class _Reds(list[bool]):
    """The outcomes of a task's checks by its attempt, however often a check is run again."""

    def __init__(self, bench: Bench, task: str, reds: int) -> None:
        super().__init__([True])
        self._bench, self._task, self._reds = bench, task, reds

    def pop(self, index: object = -1) -> bool:
        return len(self._bench.task(self._task).attempts) > self._reds


async def everything_holds(bench: Bench, case: Case) -> None:
    assert {task.id: task.status for task in bench.last.in_order()} == case.ends()
    completed = [one.task for one in await bench.of_type(TaskCompleted)]
    assert sorted(map(str, completed)) == sorted(
        name for name, end in case.ends().items() if end is TaskStatus.COMPLETED
    )
    assert bench.agent.most <= case.slots
    for task in bench.last.tasks.values():
        assert len(task.attempts) <= BUDGET
    started = {one.task for one in await bench.of_type(AttemptStarted)}
    assert started == {name for name, end in case.ends().items() if end is not TaskStatus.BLOCKED}
    for name, end in case.ends().items():
        assert (f"{name}.txt" in bench.spaces.commits[bench.spaces.tip]) is (
            end is TaskStatus.COMPLETED
        )


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases())
def test_any_plan_comes_to_its_end(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(carried_through(Bench(Path(folder)), case))
