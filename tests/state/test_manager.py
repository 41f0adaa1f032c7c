from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from conductor_tui.domain.agent_events import AgentText
from conductor_tui.domain.errors import IllegalTransition, StateError
from conductor_tui.domain.events import (
    BreakpointRaised,
    Draft,
    FileChanged,
    Notice,
    RunFinished,
    RunInterrupted,
    RunStarted,
    TaskCancelled,
    TaskPhase,
    TaskQueued,
    TaskWaiting,
)
from conductor_tui.domain.values import Answer, BreakpointKind, Phase, TaskStatus, WaitReason
from conductor_tui.domain.views import Snapshot
from conductor_tui.state.manager import StateManager
from conductor_tui.state.snapshot import reduce
from tests.state.build import OTHER_RUN, RUN, ManualClock, at_work, begin, queue, raised, resolved

LINE = Draft(AgentText("hello"), "a", 1)
WAITING = Draft(TaskWaiting(WaitReason.LIMIT), "a")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".conductor" / "state.db"


async def test_the_state_is_empty_before_any_run(path: Path) -> None:
    async with StateManager.open(path) as state:
        assert state.snapshot == Snapshot()
        assert await state.runs() == []
        with pytest.raises(IllegalTransition, match="needs a run"):
            await state.record(queue("a"))


async def test_a_run_begins_with_its_whole_plan(path: Path) -> None:
    async with StateManager.open(path, clock=ManualClock()) as state:
        recorded = await state.begin(RUN, begin("a", "b"))
        assert [each.seq for each in recorded] == [1, 2, 3]
        assert {each.run for each in recorded} == {RUN}
        assert {each.ts for each in recorded} == {"2026-11-20T10:00:01.000000Z"}
        assert state.snapshot == reduce(Snapshot(), recorded)
        assert await state.history(RUN) == recorded


async def test_what_was_recorded_is_there_after_reopening(path: Path) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, begin("a", "b"))
        await state.record(*at_work("a"))
        await state.record(
            Draft(raised("p", BreakpointKind.PERMISSION, tool="Bash", rule="Bash"), "a", 1),
            Draft(raised("d", BreakpointKind.DISK)),
            Draft(resolved("p", Answer.ALWAYS), "a", 1),
            Draft(FileChanged("caf\udce9.py", "added", 1, 0), "a", 1),
            Draft(AgentText("nul \0 \ud800 [/bold] \x1b[31m \U0001f600"), "a", 1, 90),
        )
        before = state.snapshot
        told = await state.history(RUN)
    async with StateManager.open(path) as state:
        assert state.snapshot == before
        assert list(state.snapshot.breakpoints) == ["p", "d"]
        assert await state.history(RUN) == told
        assert reduce(Snapshot(), told) == before
        recorded = await state.record(Draft(Notice("info", "back")))
        assert [each.seq for each in recorded] == [len(told) + 1]


async def test_the_second_run_starts_from_nothing(path: Path) -> None:
    async with StateManager.open(path, clock=ManualClock()) as state:
        await state.begin(RUN, begin("a"))
        await state.record(Draft(RunFinished(1, "failed")))
        first = state.snapshot
        recorded = await state.begin(OTHER_RUN, begin("a", "b"))
        assert [each.seq for each in recorded] == [1, 2, 3]
        assert set(state.snapshot.tasks) == {"a", "b"}
        assert [run.id for run in await state.runs()] == [OTHER_RUN, RUN]
        assert await state.load(RUN) == first
    async with StateManager.open(path) as state:
        assert state.snapshot.run is not None
        assert state.snapshot.run.id == OTHER_RUN


async def test_a_large_plan_is_one_operation(path: Path) -> None:
    names = [f"task-{number}" for number in range(300)]
    async with StateManager.open(path) as state:
        recorded = await state.begin(RUN, begin(*names))
        assert [each.seq for each in recorded] == list(range(1, 302))
        before = state.snapshot
    async with StateManager.open(path) as state:
        assert state.snapshot == before
        assert [task.id for task in state.snapshot.in_order()] == names


async def test_a_second_run_like_the_first_is_written_too(path: Path) -> None:
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    async with StateManager.open(path, clock=lambda: moment) as state:
        await state.begin(RUN, [*begin("a"), Draft(raised("d", BreakpointKind.DISK))])
        async with asyncio.TaskGroup() as group:  # both in the queue before either is written
            group.create_task(state.record(Draft(Notice("info", "x"))))
            group.create_task(
                state.begin(OTHER_RUN, [*begin("a"), Draft(raised("d", BreakpointKind.DISK))])
            )
        assert set(state.snapshot.tasks) == {"a"}
        assert await state.load(OTHER_RUN) == state.snapshot
        assert (await state.load(RUN)).seq == 4


@pytest.mark.parametrize(
    ("run", "drafts", "why"),
    [
        (OTHER_RUN, [queue("a")], "begins with run.started"),
        (OTHER_RUN, [], "begins with run.started"),
        (OTHER_RUN, [*begin("a"), *begin("b")], "only first"),
        (OTHER_RUN, [*begin("a"), at_work("b")[0]], "unknown"),
        (RUN, begin("b"), "begun before"),
    ],
)
async def test_a_run_that_begins_wrongly_is_refused(
    path: Path, run: str, drafts: list[Draft], why: str
) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, begin("a"))
        before = state.snapshot
        with pytest.raises(IllegalTransition, match=why):
            await state.begin(run, drafts)
        assert state.snapshot is before
        assert len(await state.runs()) == 1


@pytest.mark.parametrize(
    ("drafts", "why"),
    [
        ([Draft(TaskPhase(Phase.WORKING), "b")], "task.phase"),
        ([Draft(TaskPhase(Phase.WORKING), "nobody")], "unknown"),
        ([LINE, Draft(TaskCancelled("x"), "a"), Draft(TaskCancelled("x"), "a")], "cancelled"),
        ([Draft(TaskQueued("C"), "c")], "description"),
        ([Draft(queue("d").event, "c")], "description"),
        ([queue("a")], "task.queued"),
        ([Draft(RunStarted((), {}, {}))], "run.started"),
        ([Draft(resolved("nobody", Answer.APPROVE))], "no breakpoint nobody"),
        ([Draft(raised("b", BreakpointKind.DISK))] * 2, "raised before"),
        (
            [Draft(raised("b", BreakpointKind.DISK))] + [Draft(resolved("b", Answer.REJECT))] * 2,
            "answered before",
        ),
        ([Draft(RunInterrupted(1, "x")), Draft(TaskPhase(Phase.WORKING), "a")], "queued"),
    ],
)
async def test_an_illegal_operation_leaves_no_trace(
    path: Path, drafts: list[Draft], why: str
) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, begin("a", "b"))
        await state.record(*at_work("a"))
        before = state.snapshot
        with pytest.raises(IllegalTransition, match=why):
            await state.record(*drafts)
        assert state.snapshot is before
        (next_one,) = await state.record(Draft(Notice("info", "still here")))
        assert next_one.seq == before.seq + 1


async def test_taking_over_twice_is_no_second_answer(path: Path) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, begin("a"))
        await state.record(*at_work("a"))
        await state.record(
            Draft(raised("b", BreakpointKind.RESULT), "a", 1),
            Draft(resolved("b", Answer.TAKE_OVER), "a", 1),
            Draft(resolved("b", Answer.TAKE_OVER), "a", 1),
        )
        await state.record(Draft(resolved("b", Answer.APPROVE), "a", 1))
        assert state.snapshot.open_breakpoints == ()


async def test_operations_that_wait_together_are_judged_one_by_one(path: Path) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, begin("a"))
        await state.record(*at_work("a"))
        async with asyncio.TaskGroup() as group:
            first = group.create_task(state.record(WAITING))
            second = group.create_task(fails(state, WAITING))
            third = group.create_task(state.record(queue("a", "ready")))
        assert [each.seq for each in (*await first, *await third)] == [5, 6]
        assert "cannot follow" in await second
        assert state.snapshot.tasks["a"].status is TaskStatus.QUEUED


async def fails(state: StateManager, *drafts: Draft) -> str:
    with pytest.raises(StateError) as caught:
        await state.record(*drafts)
    return caught.value.message


async def test_nobody_is_told_before_it_is_true(path: Path) -> None:
    """Order: committed, published, followers woken, callers answered."""
    seen: list[str] = []
    async with StateManager.open(path) as state, asyncio.TaskGroup() as group:
        await state.begin(RUN, begin("a"))
        ready = asyncio.Event()

        async def watch() -> None:
            async for snapshot in state.follow():
                if snapshot.seq == 3:
                    on_disk = sqlite3.connect(path)
                    (count,) = on_disk.execute("SELECT max(seq) FROM events").fetchone()
                    on_disk.close()
                    seen.append(f"follower, {count} on disk")
                    return
                ready.set()

        async def ask() -> None:
            await state.record(Draft(Notice("info", "x")))
            seen.append(f"caller, snapshot {state.snapshot.seq}")

        group.create_task(watch())
        await ready.wait()
        group.create_task(ask())
    assert seen == ["follower, 3 on disk", "caller, snapshot 3"]


async def test_a_cancelled_caller_loses_nothing(path: Path) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, begin("a"))
        async with asyncio.TaskGroup() as group:
            callers = [
                group.create_task(state.record(Draft(Notice("info", str(n))))) for n in range(20)
            ]
            await asyncio.sleep(0)
            for caller in callers[::2]:
                caller.cancel()
        await state.flush()
        told = await state.history(RUN, types=["notice"])
        assert [each.event for each in told] == [Notice("info", str(n)) for n in range(20)]


async def test_a_cancelled_caller_of_something_illegal_is_no_trouble(path: Path) -> None:
    trouble: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: trouble.append(context))
    async with StateManager.open(path) as state:
        await state.begin(RUN, begin("a"))
        async with asyncio.TaskGroup() as group:
            caller = group.create_task(state.record(Draft(TaskPhase(Phase.WORKING), "a")))
            await asyncio.sleep(0)
            caller.cancel()
        await state.record(Draft(Notice("info", "x")))
    assert trouble == []


async def test_what_json_cannot_hold_is_the_caller_s_error(path: Path) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, begin("a"))
        bad = Draft(BreakpointRaised("b", BreakpointKind.DISK, "", "", (), {"x": object()}))
        with pytest.raises(TypeError):
            await state.record(bad)
        with pytest.raises(TypeError):
            await state.note(bad)
        assert (await state.record(Draft(Notice("info", "x"))))[0].seq == 3


async def test_time_never_goes_back_within_a_run(path: Path) -> None:
    clock = ManualClock()
    async with StateManager.open(path, clock=clock) as state:
        await state.begin(RUN, begin("a"))
        clock.now -= timedelta(hours=1)
        await state.record(Draft(Notice("info", "an hour before")))
    clock.now -= timedelta(days=1)
    async with StateManager.open(path, clock=clock) as state:
        await state.record(Draft(Notice("info", "a day before")))
        times = [each.ts for each in await state.history(RUN)]
        assert times == ["2026-11-20T10:00:01.000000Z"] * 4


async def test_times_are_utc_with_microseconds(path: Path) -> None:
    there = timezone(timedelta(hours=-5))
    moment = datetime(2026, 11, 20, 5, 0, 0, 12, tzinfo=there)
    async with StateManager.open(path, clock=lambda: moment) as state:
        (first, _) = await state.begin(RUN, begin("a"))
        assert first.ts == "2026-11-20T10:00:00.000012Z"
        assert datetime.fromisoformat(first.ts) == moment.astimezone(UTC)
