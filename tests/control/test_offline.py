"""Commands while no conductor runs: done at once, or recorded for the next start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from conductor_tui.control.offline import LATER, NOW, OfflineCommands
from conductor_tui.domain.agent_events import AgentText
from conductor_tui.domain.commands import (
    AddTasks,
    CancelRun,
    CancelTask,
    Command,
    InterruptAgent,
    Land,
    ResolveBreakpoint,
    RetryTask,
    SendMessage,
    SetDispatch,
    ShowDiff,
)
from conductor_tui.domain.errors import NotFound, Refused
from conductor_tui.domain.ports.agents import PermissionAsked
from conductor_tui.domain.values import Answer, BreakpointPolicy, Scope
from conductor_tui.engine.tools import Options
from tests.engine.bench import Bench, a_task
from tests.fakes import FINISHED, Told, Until, Write

FAIL = Options(on_breakpoint=BreakpointPolicy.FAIL)
SKIP = Options(on_breakpoint=BreakpointPolicy.SKIP)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "state")


@asynccontextmanager
async def offline(bench: Bench) -> AsyncIterator[OfflineCommands]:
    async with bench.opened():
        yield OfflineCommands(bench.state, bench.spaces, bench.host, bench.clock, bench.random)


async def send(bench: Bench, command: Command) -> Any:
    async with offline(bench) as sink:
        return await sink.send(command)


async def parked(bench: Bench, *tasks: str) -> None:
    """Leave tasks parked at a result that nobody judged."""
    bench.checker.outcomes = {(task, Scope.WORKSPACE): [False] for task in tasks}
    await bench.ran(*(a_task(task, attempts=1) for task in tasks), options=SKIP)


async def stopped(bench: Bench) -> None:
    """Leave a task that was stopped at work."""
    bench.agent.next_scripts["a"] = [[AgentText("hm"), Until(asyncio.Event())]]
    async with bench.begun(a_task("a"), a_task("b", "a")):
        await bench.bell.until(lambda: bench.task("a").attempts)


async def go_on(bench: Bench, options: Options = FAIL) -> None:
    async with bench.resumed(options):
        await bench.settle()


async def test_a_task_is_queued_in_a_new_run_for_the_next_start(bench: Bench) -> None:
    told = await send(bench, AddTasks((a_task("a"),)))
    assert told["when"] == LATER
    assert told["tasks"] == ["a"]
    async with bench.opened() as conductor:
        assert conductor.has_open_run
    await go_on(bench)
    assert bench.statuses() == {"a": "completed"}
    assert bench.last.run is not None
    assert bench.last.run.id == told["run"]


async def test_a_task_joins_the_open_run(bench: Bench) -> None:
    await stopped(bench)
    told = await send(bench, AddTasks((a_task("a"), a_task("c", "b"))))
    assert told["tasks"] == ["a-2", "c"]
    await go_on(bench)
    assert bench.statuses() == dict.fromkeys(["a", "b", "a-2", "c"], "completed")


async def test_a_closed_run_is_not_joined(bench: Bench) -> None:
    await bench.ran(a_task("a"))
    assert bench.last.run is not None
    first = bench.last.run.id
    told = await send(bench, AddTasks((a_task("a"),)))
    assert (told["tasks"], told["run"] != first) == (["a"], True)


RESULT_ANSWERS = [
    (Answer.APPROVE, {"force": True}, LATER, "completed"),
    (Answer.RETRY, {"text": "again"}, LATER, "completed"),
    (Answer.REJECT, {}, NOW, "failed"),
    (Answer.CANCEL, {}, NOW, "cancelled"),
]


@pytest.mark.parametrize(("answer", "more", "when", "status"), RESULT_ANSWERS)
async def test_a_breakpoint_is_answered(
    bench: Bench, answer: Answer, more: dict[str, Any], when: str, status: str
) -> None:
    await parked(bench, "a")
    told = await send(bench, ResolveBreakpoint("b1", answer, by="cli", **more))
    assert told["when"] == when
    assert told["task"] == "a"
    assert bench.last.run is not None
    if when == NOW:
        assert bench.statuses() == {"a": status}
        assert (bench.last.run.status, bench.last.run.exit_code) == ("failed", 1)
    else:
        assert bench.statuses() == {"a": "queued"}
        await go_on(bench)
        assert bench.statuses() == {"a": status}


async def test_taking_over_tells_the_workspace_and_stays_open(bench: Bench) -> None:
    await parked(bench, "a")
    told = await send(bench, ResolveBreakpoint("b1", Answer.TAKE_OVER, by="cli"))
    assert told["workspace"] == "/ws/a"
    assert bench.last.open_breakpoints


async def test_one_of_two_is_answered_and_the_run_stays_open(bench: Bench) -> None:
    await parked(bench, "a", "b")
    first = bench.last.open_breakpoints[0]
    await send(bench, ResolveBreakpoint(first.id, Answer.REJECT, by="cli"))
    async with bench.opened() as conductor:
        assert conductor.has_open_run
    (second,) = bench.last.open_breakpoints
    await send(bench, ResolveBreakpoint(second.id, Answer.APPROVE, force=True, by="cli"))
    await go_on(bench)
    assert sorted(bench.statuses().values()) == ["completed", "failed"]


async def test_a_permission_is_given_for_the_next_start(bench: Bench) -> None:
    asked = PermissionAsked("r1", "t1", "Bash", {"command": "make x"})
    bench.agent.scripts["a", 1] = [AgentText("hm"), asked, Told("r1"), Write("a", "x"), FINISHED]
    await bench.ran(a_task("a"), options=SKIP)
    await send(bench, ResolveBreakpoint("b1", Answer.ALWAYS, by="cli"))
    await go_on(bench)
    assert bench.statuses() == {"a": "completed"}
    assert bench.agent.of("a")[1].permits[0][1].decision == "allow"
    assert len(bench.last.breakpoints) == 1


async def test_a_task_is_cancelled_and_what_was_left_of_it_ended(bench: Bench) -> None:
    await stopped(bench)
    told = await send(bench, CancelTask("a", "enough"))
    assert (told["status"], told["when"]) == ("cancelled", NOW)
    assert bench.host.sweeps[-1]["CONDUCTOR_TASK_ID"] == "a"
    assert bench.statuses() == {"a": "cancelled", "b": "queued"}
    with pytest.raises(BaseExceptionGroup) as raised:
        await send(bench, CancelTask("a"))
    assert raised.group_contains(Refused)
    await go_on(bench)
    assert bench.statuses() == {"a": "cancelled", "b": "blocked"}


async def test_the_last_cancel_closes_the_run(bench: Bench) -> None:
    await stopped(bench)
    await send(bench, CancelTask("a"))
    await send(bench, CancelTask("b"))
    assert bench.last.run is not None
    assert (bench.last.run.status, bench.last.run.exit_code) == ("failed", 1)


async def test_the_run_is_cancelled(bench: Bench) -> None:
    await stopped(bench)
    told = await send(bench, CancelRun())
    assert (told["cancelled"], told["when"]) == (["a", "b"], NOW)
    async with bench.opened() as conductor:
        assert not conductor.has_open_run
    assert (await bench.types())[-1] == "run.finished"


async def test_a_retry_is_left_to_the_next_start(bench: Bench) -> None:
    bench.checker.outcomes = {("a", Scope.WORKSPACE): [False]}
    await bench.ran(a_task("a", attempts=1), a_task("b", "a"), options=FAIL)
    told = await send(bench, RetryTask("a", "with care"))
    assert told == {"task": "a", "status": "queued", "when": LATER}
    async with bench.opened() as conductor:
        assert conductor.has_open_run
    await go_on(bench)
    assert bench.statuses() == {"a": "completed", "b": "completed"}
    assert "with care" in bench.agent.assignments[-2].prompt


async def test_landing_and_the_diff_need_no_conductor(bench: Bench) -> None:
    await bench.ran(a_task("a"))
    assert (await send(bench, Land()))["commit"] == "landed"
    assert (await bench.types())[-1] == "land.done"
    assert (await send(bench, ShowDiff("a")))["diff"] == "diff a.txt\n"


async def test_a_task_that_has_no_workspace_has_no_diff(bench: Bench) -> None:
    await stopped(bench)
    assert (await send(bench, ShowDiff("b")))["diff"] == ""


@pytest.mark.parametrize(
    "command", [SetDispatch(True), SendMessage("a", "hurry"), InterruptAgent("a")]
)
async def test_what_needs_a_conductor_is_refused(bench: Bench, command: Command) -> None:
    await stopped(bench)
    async with offline(bench) as sink:
        with pytest.raises(Refused, match="no conductor runs"):
            await sink.send(command)


@pytest.mark.parametrize(
    "command",
    [CancelRun(), CancelTask("a"), RetryTask("a"), ResolveBreakpoint("b1", Answer.REJECT)],
)
async def test_without_any_run_nothing_is_found(bench: Bench, command: Command) -> None:
    async with offline(bench) as sink:
        with pytest.raises(NotFound):
            await sink.send(command)


async def test_a_run_with_a_failure_and_a_parked_task_is_joined(bench: Bench) -> None:
    await parked(bench, "a", "b")
    async with bench.resumed(SKIP):
        await bench.answer("b1", Answer.REJECT)
        await bench.settle()
    assert bench.last.run is not None
    run = bench.last.run
    assert run.status == "failed"
    assert (await send(bench, AddTasks((a_task("c"),))))["run"] == run.id
