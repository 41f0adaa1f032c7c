from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from conductor_tui.domain.agent_events import AgentText
from conductor_tui.domain.errors import StateError
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
