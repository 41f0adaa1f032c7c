"""A run that is stopped, killed, left alone and taken up again goes on where it was."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from conductor_tui.domain.agent_events import AgentText
from conductor_tui.domain.commands import RetryTask
from conductor_tui.domain.errors import NotFound
from conductor_tui.domain.events import (
    AttemptFinished,
    AttemptStarted,
    CheckFinished,
    TaskCompleted,
)
from conductor_tui.domain.ports.agents import PermissionAsked
from conductor_tui.domain.values import Answer, BreakpointPolicy, Phase, Scope, TaskStatus
from conductor_tui.engine.tools import Options
from tests.engine.bench import Bench, a_task
from tests.fakes import FINISHED, Told, Until, Write

HELLO = AgentText("hello")


def at_work(bench: Bench) -> Callable[[], object]:
    bench.agent.scripts["a", 1] = [HELLO, Until(asyncio.Event()), Write("a.txt", "x"), FINISHED]
    bench.agent.next_scripts["a"] = [bench.agent.scripts["a", 1]]
    bench.agent.scripts["a", 1] = [Write("a.txt", "x"), FINISHED]
    return lambda: bench.task("a").attempts and bench.task("a").attempts[0].position


def asked(bench: Bench) -> Callable[[], object]:
    point = PermissionAsked("r1", "t1", "Bash", {"command": "make x"})
    bench.agent.scripts["a", 1] = [HELLO, point, Told("r1"), Write("a.txt", "x"), FINISHED]
    return lambda: bench.task("a").status is TaskStatus.WAITING


def checking(bench: Bench) -> Callable[[], object]:
    bench.checker.holds["a"] = asyncio.Event()
    return lambda: bench.checker.calls


def held(method: str) -> Callable[[Bench], Callable[[], object]]:
    def hold(bench: Bench) -> Callable[[], object]:
        bench.spaces.holds[method] = asyncio.Event()
        return lambda: bench.spaces.count(method, "a")

    hold.__name__ = method
    return hold


MOMENTS = [
    at_work,
    asked,
    checking,
    *map(held, ("locate", "open", "changes", "commit", "merged", "merge", "adopt")),
]


def let_go(bench: Bench) -> None:
    bench.spaces.holds.clear()
    bench.checker.holds.clear()


async def goes_on(bench: Bench, moment: Callable[[Bench], object]) -> None:
    async with bench.resumed():
        if moment is asked:
            assert bench.task("a").status is TaskStatus.WAITING
            await bench.answer("b1", Answer.APPROVE)
        await bench.settle()
    assert bench.statuses() == {"a": "completed", "b": "completed"}
    assert len(bench.task("a").attempts) == 1
    for name in "ab":
        assert len(await bench.of_type(TaskCompleted, name)) == 1
    assert len(await bench.of_type(AttemptFinished, "a")) == 1
    assert set(bench.spaces.commits[bench.spaces.tip]) == {"README.md", "a.txt", "b.txt"}
    assert not bench.agent.alive


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__)
async def test_stopped_at_any_moment_it_goes_on(
    bench: Bench, moment: Callable[[Bench], Callable[[], object]]
) -> None:
    reached = moment(bench)
    async with bench.begun(a_task("a"), a_task("b", "a")):
        await bench.bell.until(reached)
    assert not bench.agent.alive
    assert (await bench.types())[-1] in ("run.interrupted", "run.finished")
    let_go(bench)
    await goes_on(bench, moment)


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__)
async def test_killed_at_any_moment_it_goes_on(
    bench: Bench, moment: Callable[[Bench], Callable[[], object]], tmp_path: Path
) -> None:
    reached = moment(bench)
    async with bench.begun(a_task("a"), a_task("b", "a")):
        await bench.bell.until(reached)
        await asyncio.to_thread(_copy, bench.folder, tmp_path / "after")
    let_go(bench)
    bench.folder = tmp_path / "after"
    await goes_on(bench, moment)
    assert "run.interrupted" not in await bench.types()


def _copy(old: Path, new: Path) -> None:
    """Take the state as a crash would leave it."""
    new.mkdir()
    with sqlite3.connect(old / "state.db") as source, sqlite3.connect(new / "state.db") as target:
        source.backup(target)
    source.close()
    target.close()


async def test_merged_work_is_not_merged_twice_after_a_crash(bench: Bench, tmp_path: Path) -> None:
    async with bench.begun(a_task("a")):
        bench.spaces.holds["adopt"] = asyncio.Event()
        await bench.bell.until(lambda: bench.spaces.count("adopt", "a"))
        await asyncio.to_thread(_copy, bench.folder, tmp_path / "after")
        bench.spaces.holds.pop("adopt").set()
        await bench.settle()
    bench.folder, tip = tmp_path / "after", bench.spaces.tip
    async with bench.resumed():
        await bench.settle()
    assert bench.spaces.tip == tip == bench.task("a").commit
    assert bench.spaces.count("adopt", "a") == 1


async def test_killed_while_the_merged_tree_is_proved_it_is_proved_again(
    bench: Bench, tmp_path: Path
) -> None:
    hold, proving = asyncio.Event(), asyncio.Event()
    bench.agent.scripts["b", 1] = [Until(hold), Write("b.txt", "x"), FINISHED]
    async with bench.begun(a_task("a"), a_task("b")):
        await bench.bell.until(lambda: bench.agent.of("b"))
        await bench.until_status("a", TaskStatus.COMPLETED)
        hold.set()
        await bench.bell.until(lambda: bench.task("b").phase is Phase.CHECKING)
        await bench.bell.until(lambda: bench.task("b").phase is Phase.MERGING)
        await bench.bell.until(lambda: bench.spaces.count("put", "b"))
        bench.checker.holds["b"] = proving
        await asyncio.to_thread(_copy, bench.folder, tmp_path / "after")
    bench.folder = tmp_path / "after"
    bench.checker.holds.clear()
    bench.checker.outcomes = {("b", Scope.MERGED): [False]}
    async with bench.resumed():
        await bench.settle()
    red = [one.event for one in await bench.of_type(CheckFinished, "b")]
    assert False in [event.ok for event in red if isinstance(event, CheckFinished)]
    assert bench.statuses() == {"a": "completed", "b": "completed"}
    assert len(bench.task("b").attempts) == 2


async def test_detached_agents_go_on_and_are_attached_to(bench: Bench) -> None:
    hold = asyncio.Event()
    bench.agent.scripts["a", 1] = [HELLO, Until(hold), Write("a.txt", "x"), FINISHED]
    detach = Options(detach=True)
    async with bench.begun(a_task("a"), options=detach):
        await bench.bell.until(lambda: bench.task("a").attempts)
        await bench.bell.until(lambda: bench.task("a").attempts[0].position)
    (first,) = bench.agent.of("a")
    assert (first.released, first.ended) == (True, False)
    assert bench.host.sweeps == []
    hold.set()
    async with bench.resumed(detach):
        await bench.settle()
    assert bench.agent.attached[0][1] == 10
    assert len(bench.agent.assignments) == 1
    assert len(await bench.of_type(AttemptStarted)) == 1
    assert [one.event for one in await bench.of_type(AgentText)] == [HELLO]
    assert bench.statuses() == {"a": "completed"}


async def test_a_program_that_is_attached_to_and_dead_is_started_again(bench: Bench) -> None:
    bench.agent.scripts["a", 1] = [HELLO, Until(asyncio.Event())]
    async with bench.begun(a_task("a")):
        await bench.bell.until(lambda: bench.task("a").attempts)
        await bench.bell.until(lambda: bench.task("a").attempts[0].position)
    (first,) = bench.agent.of("a")
    first.script = [HELLO]
    bench.agent.left[first.assignment.spool] = first
    bench.agent.next_scripts["a"] = [[Write("a.txt", "x"), FINISHED]]
    async with bench.resumed():
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}
    assert [one.resume for one in bench.agent.assignments] == [False, True]
    assert "stopped in the middle" in bench.agent.assignments[1].prompt


async def test_nothing_to_resume(bench: Bench) -> None:
    async with bench.opened() as conductor:
        assert not conductor.has_open_run
        with pytest.raises(NotFound):
            await conductor.resume()


async def test_what_an_earlier_process_left_is_swept(bench: Bench) -> None:
    bench.checker.holds["a"] = asyncio.Event()
    async with bench.begun(a_task("a")):
        await bench.bell.until(lambda: bench.checker.calls)
    let_go(bench)
    async with bench.resumed():
        assert [marks["CONDUCTOR_TASK_ID"] for marks in bench.host.sweeps] == ["a"]
        await bench.settle()


async def test_a_task_of_a_closed_run_is_retried_by_a_new_process(bench: Bench) -> None:
    bench.checker.outcomes = {("a", Scope.WORKSPACE): [False]}
    fail = Options(on_breakpoint=BreakpointPolicy.FAIL)
    await bench.ran(a_task("a", attempts=1), options=fail)
    async with bench.opened(fail) as conductor, conductor.running():
        assert not conductor.has_open_run
        await bench.send(RetryTask("a"))
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}


async def test_parked_by_skip_and_answered_later(bench: Bench) -> None:
    asked(bench)
    skip = Options(on_breakpoint=BreakpointPolicy.SKIP)
    await bench.ran(a_task("a"), a_task("b", "a"), a_task("c"), options=skip)
    assert bench.statuses() == {"a": "waiting", "b": "queued", "c": "completed"}
    assert bench.last.run is not None
    assert (bench.last.run.status, bench.last.run.exit_code) == ("parked", 3)
    async with bench.resumed(skip):
        await bench.settle()
        await bench.answer("b1", Answer.REJECT, text="no")
        await bench.settle()
    assert bench.statuses() == {"a": "completed", "b": "completed", "c": "completed"}
    assert bench.agent.of("a")[1].permits[0][1].message == "no"
