from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from conductor_tui.domain.agent_events import AgentLog, AgentText
from conductor_tui.domain.events import (
    Draft,
    TaskPhase,
)
from conductor_tui.domain.values import Phase
from conductor_tui.state import writer
from conductor_tui.state.manager import StateManager
from tests.state.build import RUN, at_work, begin, locked, texts

LINE = Draft(AgentText("hello"), "a", 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".conductor" / "state.db"


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
