from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from conductor_tui.domain.agent_events import AgentText
from conductor_tui.domain.events import Draft, Notice, Recorded
from conductor_tui.domain.views import Snapshot
from conductor_tui.state import live
from conductor_tui.state.manager import StateManager
from tests.state.build import OTHER_RUN, RUN, at_work, begin

HELLO = Draft(Notice("info", "hello"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".conductor" / "state.db"


def line(number: int) -> Draft:
    return Draft(AgentText(str(number)), "a", 1, number)


async def take(events: AsyncIterator[Recorded], count: int) -> list[tuple[str, int]]:
    """The next events of a stream, as run and seq."""
    return [((one := await anext(events)).run, one.seq) for _ in range(count)]


def expected(run: str, first: int, last: int) -> list[tuple[str, int]]:
    return [(run, seq) for seq in range(first, last + 1)]


async def all_of(events: AsyncIterator[Recorded]) -> list[tuple[str, int]]:
    return [(one.run, one.seq) async for one in events]


# -- follow ------------------------------------------------------------------------------------


async def test_the_newest_picture_comes_at_once_then_each_change(path: Path) -> None:
    async with StateManager.open(path) as state:
        pictures = state.follow()
        assert await anext(pictures) == Snapshot()
        await state.begin(RUN, begin("a"))
        assert await anext(pictures) is state.snapshot
        await state.record(HELLO)
        await state.record(HELLO)
        assert (await anext(pictures)).seq == 4


async def test_nothing_comes_while_nothing_changes(path: Path) -> None:
    async with StateManager.open(path) as state, asyncio.TaskGroup() as group:
        await state.begin(RUN, begin("a"))
        pictures = state.follow()
        await anext(pictures)
        waiting = group.create_task(next_of(pictures))
        await state.flush()
        await state.flush()
        assert not waiting.done()
        await state.record(HELLO)
        assert (await waiting).seq == 3


async def next_of(pictures: AsyncIterator[Snapshot]) -> Snapshot:
    return await anext(pictures)


async def test_pictures_never_come_faster_than_asked_for_and_the_last_one_comes(
    path: Path,
) -> None:
    interval = 0.05
    loop = asyncio.get_running_loop()
    shown: list[tuple[float, int]] = []
    async with StateManager.open(path) as state, asyncio.TaskGroup() as group:
        await state.begin(RUN, begin("a"))

        async def watch() -> None:
            async for snapshot in state.follow(interval):
                shown.append((loop.time(), snapshot.seq))
                if snapshot.seq == 202:
                    return

        group.create_task(watch())
        for _ in range(200):
            await state.record(HELLO)
    times = [time for time, _ in shown]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert shown[-1][1] == 202
    assert min(gaps) >= interval * 0.99
    assert len(shown) <= (times[-1] - times[0]) / interval + 1.01
    assert len(shown) < 200


async def test_closing_ends_every_follower_with_the_last_picture(path: Path) -> None:
    seen: list[list[int]] = [[], [], []]

    async def watch(state: StateManager, into: list[int], interval: float) -> None:
        into.extend([snapshot.seq async for snapshot in state.follow(interval)])

    opening = StateManager.open(path, note_delay_s=3600)
    async with asyncio.TaskGroup() as group, opening as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        for into, interval in zip(seen, (0.0, 0.01, 3600.0), strict=True):
            group.create_task(watch(state, into, interval))
        await asyncio.sleep(0)
        await state.note(line(1))
    assert seen == [[4, 5]] * 3


# -- events ------------------------------------------------------------------------------------


@pytest.mark.parametrize("since", [0, 3, 4])
async def test_events_come_from_where_asked_then_live(path: Path, since: int) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        events = state.events(since)
        assert await take(events, 4 - since) == expected(RUN, since + 1, 4)
        await state.record(HELLO, HELLO)
        assert await take(events, 2) == expected(RUN, 5, 6)


async def test_events_of_an_earlier_process_come_from_the_file(path: Path) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        await state.note(*[line(n) for n in range(600)])
    async with StateManager.open(path) as state:
        events = state.events()
        assert await take(events, 100) == expected(RUN, 1, 100)
        await state.record(HELLO)
        assert await take(events, 505) == expected(RUN, 101, 605)


async def test_a_slow_reader_misses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "TAIL_EVENTS", 10)
    monkeypatch.setattr(live, "STRETCH", 7)
    async with StateManager.open(path) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        events = state.events()
        assert await take(events, 2) == expected(RUN, 1, 2)
        for number in range(100):
            await state.record(line(number))
        assert await take(events, 95) == expected(RUN, 3, 97)
        for number in range(5):
            await state.record(line(number))
        assert await take(events, 12) == expected(RUN, 98, 109)


@pytest.mark.parametrize("behind", range(1, 16))
async def test_memory_and_file_meet_without_a_seam(
    path: Path, monkeypatch: pytest.MonkeyPatch, behind: int
) -> None:
    monkeypatch.setattr(live, "TAIL_EVENTS", 10)
    async with StateManager.open(path) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        events = state.events()
        await take(events, 4)
        for number in range(behind):
            await state.record(line(number))
        assert await take(events, behind) == expected(RUN, 5, 4 + behind)


async def test_large_events_do_not_stay_in_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "TAIL_BYTES", 5000)
    async with StateManager.open(path) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        events = state.events(4)
        for _ in range(10):
            await state.record(Draft(AgentText("x" * 2000), "a", 1))
        assert await take(events, 10) == expected(RUN, 5, 14)


@pytest.mark.parametrize("behind", [0, 2])
async def test_events_go_on_with_the_next_run(path: Path, behind: int) -> None:
    async with StateManager.open(path) as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        events = state.events()
        assert await take(events, 4 - behind) == expected(RUN, 1, 4 - behind)
        await state.begin(OTHER_RUN, begin("b"))
        await state.record(HELLO)
        assert await take(events, behind) == expected(RUN, 5 - behind, 4)
        assert await take(events, 3) == expected(OTHER_RUN, 1, 3)


async def test_events_before_any_run_are_those_of_the_first(path: Path) -> None:
    async with StateManager.open(path) as state, asyncio.TaskGroup() as group:
        reading = group.create_task(take(state.events(), 3))
        await asyncio.sleep(0)
        await state.begin(RUN, begin("a"))
        await state.record(HELLO)
        assert await reading == expected(RUN, 1, 3)


async def test_closing_ends_the_events_after_the_last_one(path: Path) -> None:
    opening = StateManager.open(path, note_delay_s=3600)
    async with asyncio.TaskGroup() as group, opening as state:
        await state.begin(RUN, [*begin("a"), *at_work("a")])
        readers = [group.create_task(all_of(state.events(n))) for n in (0, 4)]
        late = state.events()
        await asyncio.sleep(0)
        await state.note(line(1), line(2))
    assert await readers[0] == expected(RUN, 1, 6)
    assert await readers[1] == expected(RUN, 5, 6)
    assert await all_of(late) == expected(RUN, 1, 6)


async def test_many_readers_while_many_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "TAIL_EVENTS", 16)

    async def write(state: StateManager, task: str) -> None:
        for number in range(60):
            await state.note(Draft(AgentText("x"), task, 1, number))
            if number % 7 == 0:
                await state.record(HELLO)

    async def read(state: StateManager, pause: int) -> Sequence[tuple[str, int]]:
        found = []
        async for one in state.events():
            found.append((one.run, one.seq))
            for _ in range(pause):
                await asyncio.sleep(0)
        return found

    async with asyncio.TaskGroup() as group, StateManager.open(path) as state:
        await state.begin(RUN, [*begin("a", "b"), *at_work("a"), *at_work("b")])
        readers = [group.create_task(read(state, pause)) for pause in (0, 1, 5)]
        async with asyncio.TaskGroup() as writers:
            writers.create_task(write(state, "a"))
            writers.create_task(write(state, "b"))
        await state.flush()
        last = state.snapshot.seq
    assert last == 7 + 120 + 18
    for reader in readers:
        found = await reader
        # A reader that is behind when the state closes misses the rest, but never a part of it.
        assert found == expected(RUN, 1, len(found))
    assert len(await readers[0]) == last
