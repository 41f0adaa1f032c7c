from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from conductor_tui.domain.agent_events import AgentText
from conductor_tui.domain.errors import StateError
from conductor_tui.domain.events import (
    Draft,
    Notice,
)
from conductor_tui.state import rows, writer
from conductor_tui.state.manager import StateManager
from tests.state.build import RUN, at_work, begin, locked

LINE = Draft(AgentText("hello"), "a", 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".conductor" / "state.db"


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


async def test_a_fault_of_the_writer_reaches_everybody_who_waits(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tasks of other groups are not cancelled with the block: they must not wait for ever."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async def ask(state: StateManager) -> str:
        with pytest.raises(StateError) as caught:
            await state.record(Draft(Notice("info", "x")))
        return caught.value.message

    async def break_it(others: asyncio.TaskGroup) -> None:
        async with StateManager.open(path) as state:
            await state.begin(RUN, begin("a"))
            monkeypatch.setattr(rows, "changed_rows", broken)
            asked.append(others.create_task(ask(state)))
            await asyncio.sleep(0)
            asked.append(others.create_task(ask(state)))
            await asyncio.Event().wait()

    asked: list[asyncio.Task[str]] = []
    async with asyncio.TaskGroup() as others:
        with pytest.raises(BaseExceptionGroup):
            await break_it(others)
    assert [await task for task in asked] == ["the state is closed"] * 2


async def test_a_line_that_waits_for_room_when_the_state_closes_is_refused(path: Path) -> None:
    async with asyncio.TaskGroup() as others, StateManager.open(path) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        with locked(path):
            await state.note(*[LINE] * writer.QUEUE_ROWS)  # the writer is stuck with these
            await state.note(*[LINE] * writer.QUEUE_ROWS)
            waiting = others.create_task(late(state))
            await asyncio.sleep(0)
    assert await waiting == "the state is closed"
    async with StateManager.open(path) as state:
        assert state.snapshot.seq == 4 + 2 * writer.QUEUE_ROWS


async def late(state: StateManager) -> str:
    with pytest.raises(StateError) as caught:
        await state.note(LINE)
    return caught.value.message
