"""What ends or parks an agent by the clock: silence, the wall clock, usage limits."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from conductor_tui.domain.agent_events import AgentLimit, AgentToolCall, AgentToolResult
from conductor_tui.domain.events import TaskWaiting
from conductor_tui.domain.ports.agents import PermissionAsked, TurnEnded
from conductor_tui.domain.values import (
    Answer,
    BreakpointKind,
    BreakpointPolicy,
    TaskStatus,
    WaitReason,
)
from conductor_tui.engine.tools import Options
from tests.engine.bench import Bench, a_task
from tests.fakes import FINISHED, Item, Told, Until, Write

LIMIT = TurnEnded(False, "limit")


def never() -> Item:
    return Until(asyncio.Event())


async def test_a_silent_agent_is_ended(bench: Bench) -> None:
    bench.agent.scripts["a", 1] = [Write("a.txt", "x"), never()]
    await bench.ran(a_task("a", idle_timeout_s=0.05))
    assert bench.agent.of("a")[0].ended
    assert "silent for 0.05 s" in bench.task("a").attempts[0].reason
    assert bench.statuses() == {"a": "completed"}


async def test_an_agent_that_works_too_long_is_ended(bench: Bench) -> None:
    bench.agent.scripts["a", 1] = [AgentToolCall("t1", "Bash", {}), never()]
    await bench.ran(a_task("a", timeout_s=0.1, idle_timeout_s=0.02))
    assert "ran longer than 0.1 s" in bench.task("a").attempts[0].reason
    assert bench.statuses() == {"a": "completed"}


async def test_a_tool_at_work_may_be_silent(bench: Bench) -> None:
    done = asyncio.Event()
    bench.agent.scripts["a", 1] = [
        AgentToolCall("t1", "Bash", {}),
        Until(done),
        AgentToolResult("t1", True, "ok"),
        never(),
    ]
    async with bench.begun(a_task("a", idle_timeout_s=0.05)):
        await bench.bell.until(lambda: bench.agent.of("a"))
        asyncio.get_running_loop().call_later(0.3, done.set)
        await bench.settle()
    assert bench.agent.of("a")[0].position == 40
    assert "silent" in bench.task("a").attempts[0].reason


async def test_a_human_may_think_as_long_as_they_like(bench: Bench) -> None:
    asked = PermissionAsked("r1", "t1", "Bash", {"command": "make x"})
    bench.agent.scripts["a", 1] = [asked, Told("r1"), Write("a.txt", "x"), FINISHED]
    async with bench.begun(a_task("a", idle_timeout_s=0.05, timeout_s=0.2)):
        await bench.until_status("a", TaskStatus.WAITING)
        thought = asyncio.Event()
        asyncio.get_running_loop().call_later(0.4, thought.set)
        await thought.wait()
        await bench.answer("b1", Answer.APPROVE)
        await bench.settle()
    assert len(bench.task("a").attempts) == 1
    assert bench.statuses() == {"a": "completed"}


async def test_a_usage_limit_parks_the_task_until_its_time(bench: Bench) -> None:
    until = (bench.clock() + timedelta(hours=2)).isoformat()
    bench.agent.next_scripts["a"] = [[Write("a.txt", "x"), AgentLimit(until), LIMIT]]
    async with bench.begun(a_task("a", attempts=1), a_task("b")) as conductor:
        await bench.until_status("a", TaskStatus.WAITING)
        assert (bench.task("a").waiting, bench.task("a").until) == (WaitReason.LIMIT, until)
        await bench.until_status("b", TaskStatus.COMPLETED)
        bench.clock.advance(7000)
        conductor.dispatcher.look_again()
        await bench.state.flush()
        assert bench.task("a").status is TaskStatus.WAITING
        bench.clock.advance(200)
        conductor.dispatcher.look_again()
        await bench.settle()
    assert bench.statuses() == {"a": "completed", "b": "completed"}
    first, second = [one for one in bench.agent.assignments if one.task == "a"]
    assert (first.attempt, second.attempt, second.resume) == (1, 1, True)
    assert first.session == second.session


async def test_a_limit_that_is_told_again_on_attaching_is_not_waited_for_twice(
    bench: Bench,
) -> None:
    until = (bench.clock() + timedelta(seconds=60)).isoformat()
    bench.agent.next_scripts["a"] = [[AgentLimit(until), LIMIT]]
    async with bench.begun(a_task("a")) as conductor:
        await bench.until_status("a", TaskStatus.WAITING)
        # A real session tells, when it is attached to, that its program was idle when it ended.
        (session,) = bench.agent.of("a")
        session.script = [LIMIT, LIMIT, LIMIT]
        bench.agent.left[session.assignment.spool] = session
        bench.clock.advance(61)
        conductor.dispatcher.look_again()
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}
    assert len(await bench.of_type(TaskWaiting)) == 1


async def test_a_limit_without_a_time_or_with_one_that_has_passed(bench: Bench) -> None:
    past = (bench.clock() - timedelta(hours=2)).isoformat()
    bench.agent.next_scripts["a"] = [[LIMIT], [AgentLimit(past), LIMIT]]
    async with bench.begun(a_task("a")) as conductor:
        await bench.until_status("a", TaskStatus.WAITING)
        assert bench.task("a").until == (bench.clock() + timedelta(hours=1)).isoformat()
        bench.clock.advance(3601)
        conductor.dispatcher.look_again()
        await bench.bell.until(lambda: len(bench.agent.of("a")) == 2)
        await bench.until_status("a", TaskStatus.WAITING)
        assert bench.task("a").until == (bench.clock() + timedelta(minutes=1)).isoformat()


async def test_a_limit_goes_on_by_itself(bench: Bench) -> None:
    until = (bench.clock() + timedelta(seconds=0.1)).isoformat()
    bench.agent.next_scripts["a"] = [[AgentLimit(until), LIMIT]]
    async with bench.begun(a_task("a"), options=Options(on_breakpoint=BreakpointPolicy.FAIL)):
        await bench.until_status("a", TaskStatus.WAITING)
        bench.clock.advance(0.2)
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}


async def test_a_limit_is_parked_where_breakpoints_are_skipped(bench: Bench) -> None:
    until = (bench.clock() + timedelta(hours=2)).isoformat()
    bench.agent.next_scripts["a"] = [[AgentLimit(until), LIMIT]]
    skip = Options(on_breakpoint=BreakpointPolicy.SKIP)
    async with bench.begun(a_task("a", attempts=1), a_task("b"), options=skip):
        point = await bench.until_asked()
        await bench.settle()
        assert bench.statuses() == {"a": "waiting", "b": "completed"}
        assert (point.kind, point.evidence["until"]) == (BreakpointKind.LIMIT, until)
        await bench.answer(point.id, Answer.APPROVE)
        await bench.settle()
    assert bench.statuses() == {"a": "completed", "b": "completed"}
    assert len(bench.task("a").attempts) == 1
