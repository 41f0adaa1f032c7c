from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from conductor_tui.domain.agent_events import AgentLog, AgentText
from conductor_tui.domain.errors import IllegalTransition, StateError
from conductor_tui.domain.events import (
    AttemptFinished,
    BreakpointRaised,
    Draft,
    FileChanged,
    Notice,
    Recorded,
    RunFinished,
    RunInterrupted,
    RunStarted,
    TaskCancelled,
    TaskPhase,
    TaskQueued,
    TaskWaiting,
)
from conductor_tui.domain.values import Answer, BreakpointKind, Phase, TaskStatus, Usage, WaitReason
from conductor_tui.domain.views import Snapshot
from conductor_tui.state import rows, writer
from conductor_tui.state.manager import StateManager
from conductor_tui.state.snapshot import reduce
from tests.state.build import OTHER_RUN, RUN, ManualClock, at_work, begin, queue, raised, resolved

LINE = Draft(AgentText("hello"), "a", 1)
WAITING = Draft(TaskWaiting(WaitReason.LIMIT), "a")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".conductor" / "state.db"


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


async def test_lines_are_written_in_order_with_the_next_record(path: Path) -> None:
    async with StateManager.open(path, note_delay_s=3600) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        for number in range(10):
            await state.note(Draft(AgentText(str(number)), "a", 1, number))
        assert state.snapshot.seq == 4
        (recorded,) = await state.record(Draft(TaskPhase(Phase.WORKING), "a"))
        assert recorded.seq == 15
        told = await state.history(RUN, since=4)
        assert texts(told) == [str(number) for number in range(10)]
        assert [each.seq for each in told] == list(range(5, 16))


async def test_lines_are_written_without_any_record(path: Path) -> None:
    async with StateManager.open(path, note_delay_s=0.01) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        await state.note(LINE)
        async for snapshot in state.follow():
            if snapshot.seq == 5:
                break
        assert texts(await state.history(RUN)) == ["hello"]


async def test_many_lines_do_not_wait_for_the_delay(path: Path) -> None:
    async with StateManager.open(path, note_delay_s=3600) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        for _ in range(writer.NOTE_ROWS):
            await state.note(LINE)
        async for snapshot in state.follow():
            if snapshot.seq == 4 + writer.NOTE_ROWS:
                break


@pytest.mark.parametrize("how", ["flush", "close"])
async def test_lines_are_flushed(path: Path, how: str) -> None:
    async with StateManager.open(path, note_delay_s=3600) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        await state.note(LINE, LINE)
        if how == "flush":
            await state.flush()
            assert state.snapshot.seq == 6
    async with StateManager.open(path) as state:
        assert state.snapshot.seq == 6


async def test_illegal_lines_are_dropped_and_counted(path: Path) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        await state.note(LINE)
        await state.note(Draft(AgentText("who?"), "nobody", 1))
        await state.note(LINE, Draft(TaskPhase(Phase.WORKING), "nobody"))
        await state.note(LINE)
        await state.flush()
        assert (state.dropped, state.snapshot.seq) == (2, 6)


async def test_what_json_cannot_hold_is_the_caller_s_error(path: Path) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, begin("a"))
        bad = Draft(BreakpointRaised("b", BreakpointKind.DISK, "", "", (), {"x": object()}))
        with pytest.raises(TypeError):
            await state.record(bad)
        with pytest.raises(TypeError):
            await state.note(bad)
        assert (await state.record(Draft(Notice("info", "x"))))[0].seq == 3


async def test_a_full_queue_makes_lines_wait_but_not_records(path: Path) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        async with asyncio.TaskGroup() as group:
            with locked(path):
                await state.note(*[LINE] * writer.QUEUE_ROWS)  # the writer is stuck with these
                await state.note(*[LINE] * writer.QUEUE_ROWS)
                more = [group.create_task(state.note(LINE)) for _ in range(5)]
                await asyncio.sleep(0)
                assert not any(task.done() for task in more)
                asked = group.create_task(state.record(Draft(TaskPhase(Phase.WORKING), "a")))
                await asyncio.sleep(0)
        (recorded,) = await asked
        assert recorded.seq == 5 + 2 * writer.QUEUE_ROWS
        await state.flush()
        assert state.snapshot.seq == 10 + 2 * writer.QUEUE_ROWS


async def test_large_lines_fill_the_queue_too(path: Path) -> None:
    huge = Draft(AgentLog("x" * writer.QUEUE_BYTES), "a", 1)
    async with StateManager.open(path, note_delay_s=3600) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        await state.note(huge)
        async with asyncio.TaskGroup() as group:
            more = group.create_task(state.note(LINE))
            await asyncio.sleep(0)
            assert not more.done()
            await state.flush()
        await state.flush()
        assert state.snapshot.seq == 6


async def test_a_failed_commit_is_told_and_can_be_repeated(path: Path) -> None:
    async with StateManager.open(path, busy_timeout_s=0.01, note_delay_s=3600) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        before = state.snapshot
        for text in ("one", "two", "three"):
            await state.note(Draft(AgentText(text), "a", 1))
        with locked(path):
            with pytest.raises(StateError, match="locked") as caught:
                await state.record(Draft(TaskPhase(Phase.WORKING), "a"))
            assert "try again" in caught.value.mend
            for _ in range(2):
                with pytest.raises(StateError, match="locked"):
                    await state.flush()
            assert state.snapshot is before
        (recorded,) = await state.record(Draft(TaskPhase(Phase.WORKING), "a"))
        assert recorded.seq == 8
        assert texts(await state.history(RUN)) == ["one", "two", "three"]


async def test_lines_that_could_not_be_written_are_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "RETRY_S", 0.02)
    async with StateManager.open(path, busy_timeout_s=0.01, note_delay_s=0.01) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        with locked(path):
            await state.note(*[LINE] * writer.QUEUE_ROWS)
            with pytest.raises(StateError, match="locked"):
                await fill(state)
        async for snapshot in state.follow():
            if snapshot.seq >= 4 + writer.QUEUE_ROWS:
                break
        await state.note(LINE)


async def fill(state: StateManager) -> None:
    """Bring lines for ever: they wait for room, until the disk is known to take nothing."""
    while True:
        await state.note(LINE)
        await asyncio.sleep(0)


async def test_lines_have_a_last_chance_at_the_end(path: Path) -> None:
    async with StateManager.open(path, busy_timeout_s=0.01, note_delay_s=3600) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        await state.note(LINE)
        with locked(path), pytest.raises(StateError, match="locked"):
            await state.flush()
    async with StateManager.open(path) as state:
        assert texts(await state.history(RUN)) == ["hello"]


async def test_lines_that_are_lost_at_the_end_are_told(path: Path) -> None:
    async def lose() -> None:
        async with StateManager.open(path, busy_timeout_s=0.01, note_delay_s=3600) as state:
            await state.begin(RUN, [*begin("a"), *at_work("a")])
            for _ in range(3):
                await state.note(LINE)
            keep_locked(path)

    with pytest.raises(StateError, match=r"3 output lines were not kept: .*locked"):
        await lose()


def keep_locked(path: Path) -> None:
    """Lock the file until the test is over."""
    other = sqlite3.connect(path, isolation_level=None, timeout=0.0)
    other.execute("BEGIN IMMEDIATE")
    KEPT.append(other)


KEPT: list[sqlite3.Connection] = []


@pytest.fixture(autouse=True)
def let_go() -> Iterator[None]:
    yield
    while KEPT:
        KEPT.pop().close()


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


async def test_an_error_of_the_block_comes_out_as_it_is(path: Path) -> None:
    async def fail() -> None:
        async with StateManager.open(path) as state:
            await state.begin(RUN, begin("a"))
            await state.record(*at_work("a"))
            await state.note(LINE)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await fail()
    async with StateManager.open(path) as state:
        assert state.snapshot.seq == 5


async def test_a_cancelled_block_is_cancelled_and_flushed(path: Path) -> None:
    inside = asyncio.Event()

    async def block() -> None:
        async with StateManager.open(path, note_delay_s=3600) as state:
            await state.begin(RUN, [*begin("a"), *at_work("a")])
            await state.note(LINE)
            inside.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(block())
        await inside.wait()
        task.cancel()
    assert task.cancelled()
    async with StateManager.open(path) as state:
        assert state.snapshot.seq == 5


async def test_a_closed_state_says_so(path: Path) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, begin("a"))
    with pytest.raises(StateError, match="closed"):
        await state.record(Draft(Notice("info", "x")))
    with pytest.raises(StateError, match="closed"):
        await state.note(Draft(Notice("info", "x")))
    with pytest.raises(StateError, match="closed"):
        await state.history(RUN)
    assert state.snapshot.seq == 2


async def test_a_fault_of_the_writer_itself_ends_the_block(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def break_it() -> None:
        async with StateManager.open(path) as state:
            await state.begin(RUN, begin("a"))
            monkeypatch.setattr(rows, "changed_rows", broken)
            await state.record(Draft(Notice("info", "x")))

    with pytest.raises(BaseExceptionGroup) as caught:
        await break_it()
    assert caught.group_contains(ZeroDivisionError)
    monkeypatch.undo()
    async with StateManager.open(path) as state:
        assert state.snapshot.seq == 2


async def test_history_is_filtered(path: Path) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, begin("a", "b"))
        await state.record(*at_work("a"))
        await state.record(*at_work("b"))
        await state.record(Draft(AttemptFinished(True, "ok", Usage(), None, 0), "b", 1))

        assert seqs(await state.history(RUN)) == list(range(1, 9))
        assert seqs(await state.history(RUN, since=5)) == [6, 7, 8]
        assert seqs(await state.history(RUN, task="b")) == [3, 6, 7, 8]
        some = ["attempt.started", "task.queued"]
        assert seqs(await state.history(RUN, types=some)) == [2, 3, 5, 7]
        assert seqs(await state.history(RUN, types=[])) == []
        assert seqs(await state.history(RUN, limit=2)) == [1, 2]
        assert seqs(await state.history(RUN, limit=0)) == []
        assert seqs(await state.history(RUN, since=3, task="b", types=some, limit=5)) == [7]
        assert await state.history("no-such-run") == []


def seqs(recorded: Sequence[Recorded]) -> list[int]:
    return [each.seq for each in recorded]


async def test_a_long_history_is_read_whole(path: Path) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        await state.note(*[LINE] * 1000)
        await state.flush()
        told = await state.history(RUN)
        assert [each.seq for each in told] == list(range(1, 1005))
        assert len(await state.history(RUN, since=100, limit=700)) == 700
