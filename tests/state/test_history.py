from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from conductor_tui.domain.agent_events import AgentText
from conductor_tui.domain.events import (
    AttemptFinished,
    Draft,
    Recorded,
)
from conductor_tui.domain.values import Usage
from conductor_tui.state.manager import StateManager
from tests.state.build import RUN, at_work, begin

LINE = Draft(AgentText("hello"), "a", 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".conductor" / "state.db"


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
