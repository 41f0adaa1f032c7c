"""Who works when: slots, dependencies, priorities, pauses, cancelling, retrying, landing."""

from __future__ import annotations

import asyncio

import pytest

from conductor_tui.domain.agent_events import AgentText, AgentUsage
from conductor_tui.domain.commands import (
    AddTasks,
    CancelRun,
    CancelTask,
    InterruptAgent,
    Land,
    RetryTask,
    SendMessage,
    SetDispatch,
    ShowDiff,
)
from conductor_tui.domain.errors import GitError, NotFound, Refused, UsageError
from conductor_tui.domain.events import (
    AttemptFinished,
    Draft,
    LandRefused,
    Notice,
    RunFinished,
    TaskCancelled,
)
from conductor_tui.domain.ports.agents import PermissionAsked
from conductor_tui.domain.ports.work import Landing
from conductor_tui.domain.values import Answer, BreakpointPolicy, Scope, TaskStatus
from conductor_tui.engine.commands import Commands
from conductor_tui.engine.tools import Options
from tests.engine.bench import Bench, a_task
from tests.fakes import FINISHED, Item, Script, Told, Until, Write

FAIL = BreakpointPolicy.FAIL


def held(event: asyncio.Event) -> Script:
    return [Until(event), Write("x.txt", "x"), FINISHED]


async def test_four_at_once_and_no_more(bench: Bench) -> None:
    hold = asyncio.Event()
    for name in "abcdef":
        bench.agent.scripts[name, 1] = [Until(hold), Write(f"{name}.txt", "x"), FINISHED]
    async with bench.begun(*(a_task(name) for name in "abcdef")):
        await bench.bell.until(lambda: len(bench.agent.alive) == 4)
        hold.set()
        await bench.settle()
    assert bench.agent.most == 4
    assert set(bench.statuses().values()) == {"completed"}


async def test_dependencies_are_merged_before_their_dependent_starts(bench: Bench) -> None:
    await bench.ran(a_task("a"), a_task("b"), a_task("c", "a", "b"))
    (third,) = bench.agent.of("c")
    assert set(bench.spaces.files["c"]) == {"README.md", "a.txt", "b.txt", "c.txt"}
    assert "a.txt" in third.assignment.prompt
    assert "B (b)" in third.assignment.prompt


async def test_the_most_urgent_goes_first(bench: Bench) -> None:
    tasks = [a_task("a"), a_task("b", priority=9), a_task("c", "a", priority=10)]
    await bench.ran(*tasks, options=Options(max_agents=1))
    assert [one.task for one in bench.agent.assignments] == ["b", "a", "c"]


async def test_a_failure_blocks_the_chain_and_a_retry_frees_it(bench: Bench) -> None:
    bench.checker.outcomes = {("a", Scope.WORKSPACE): [False]}
    tasks = [a_task("a", attempts=1), a_task("b", "a"), a_task("c", "b")]
    async with bench.begun(*tasks, a_task("d"), options=Options(on_breakpoint=FAIL)):
        await bench.settle()
        assert bench.statuses() == {"a": "failed", "b": "blocked", "c": "blocked", "d": "completed"}
        assert bench.task("c").blocked_by == "b"
        assert bench.last.run is not None
        assert bench.last.run.exit_code == 1
        await bench.send(RetryTask("a", "with care"))
        await bench.settle()
    assert set(bench.statuses().values()) == {"completed"}
    assert "with care" in bench.agent.of("a")[1].assignment.prompt
    assert [one.n for one in bench.task("a").attempts] == [1, 2]
    names = await bench.types()
    assert names == ["run.started", "run.finished", "run.resumed", "run.finished"]


async def test_fail_fast_cancels_the_rest(bench: Bench) -> None:
    bench.checker.outcomes = {("a", Scope.WORKSPACE): [False]}
    bench.agent.scripts["b", 1] = held(asyncio.Event())
    options = Options(on_breakpoint=FAIL, keep_going=False, max_agents=2)
    await bench.ran(a_task("a", attempts=1), a_task("b"), a_task("c", "b"), options=options)
    assert bench.statuses() == {"a": "failed", "b": "cancelled", "c": "cancelled"}
    assert "a failed" in bench.task("b").reason
    assert bench.agent.of("b")[0].ended


async def test_a_paused_run_starts_nothing_until_it_goes_on(bench: Bench) -> None:
    hold = asyncio.Event()
    bench.agent.scripts["a", 1] = held(hold)
    async with bench.begun(a_task("a"), a_task("b", "a")):
        await bench.bell.until(lambda: bench.agent.alive)
        await bench.send(SetDispatch(True))
        hold.set()
        await bench.until_status("a", TaskStatus.COMPLETED)
        await bench.state.flush()
        assert bench.statuses()["b"] == "queued"
        await bench.send(SetDispatch(False))
        await bench.settle()
    assert bench.statuses() == {"a": "completed", "b": "completed"}


async def test_cancel_a_task_at_work(bench: Bench) -> None:
    bench.agent.scripts["a", 1] = [AgentText("hm"), *held(asyncio.Event())]
    bench.host.on_sweep = lambda: seen.append(
        (bench.agent.of("a")[0].ended, bench.task("a").status)
    )
    seen: list[tuple[bool, TaskStatus]] = []
    async with bench.begun(a_task("a"), a_task("b", "a"), a_task("c")):
        await bench.bell.until(lambda: bench.task("a").attempts)
        await bench.send(CancelTask("a", "not needed"))
        assert seen == [(True, TaskStatus.RUNNING)]
        assert bench.task("a").status is TaskStatus.CANCELLED
        await bench.state.note(Draft(AgentText("late"), "a", 1))
        await bench.state.flush()
        assert bench.task("a").status is TaskStatus.CANCELLED
        with pytest.raises(Refused):
            await bench.send(CancelTask("a"))
        await bench.settle()
    assert bench.statuses() == {"a": "cancelled", "b": "blocked", "c": "completed"}
    assert (await bench.of_type(AttemptFinished, "a"))[0].event.ok is False  # type: ignore[attr-defined]
    assert bench.host.sweeps[0]["CONDUCTOR_TASK_ID"] == "a"


async def test_cancel_a_task_that_is_queued_and_one_that_waits(bench: Bench) -> None:
    asked = PermissionAsked("r1", "t1", "Bash", {"command": "make x"})
    bench.agent.scripts["a", 1] = [asked, Told("r1"), FINISHED]
    async with bench.begun(a_task("a"), a_task("b", "a")):
        await bench.until_status("a", TaskStatus.WAITING)
        await bench.send(CancelTask("b"))
        await bench.answer("b1", Answer.CANCEL, text="enough")
        await bench.settle()
    assert bench.statuses() == {"a": "cancelled", "b": "cancelled"}
    assert not bench.last.open_breakpoints
    assert bench.agent.of("a")[0].ended
    assert bench.task("a").reason == "enough"


async def test_cancel_a_task_whose_answer_waits_for_a_slot(bench: Bench) -> None:
    asked = PermissionAsked("r1", "t1", "Bash", {"command": "make x"})
    hold = asyncio.Event()
    bench.agent.scripts["a", 1] = [asked, Told("r1"), FINISHED]
    bench.agent.scripts["b", 1] = held(hold)
    async with bench.begun(a_task("a"), a_task("b"), options=Options(max_agents=1)):
        await bench.until_status("a", TaskStatus.WAITING)
        await bench.bell.until(lambda: bench.agent.of("b"))
        await bench.answer("b1", Answer.APPROVE)
        await bench.send(CancelTask("a"))
        hold.set()
        await bench.settle()
    assert bench.statuses() == {"a": "cancelled", "b": "completed"}
    assert bench.agent.of("a")[0].permits == []


async def test_a_task_that_is_being_cancelled_is_not_started_again(bench: Bench) -> None:
    bench.spaces.holds["locate"] = asyncio.Event()
    async with bench.begun(a_task("a")) as conductor:
        await bench.bell.until(lambda: bench.spaces.count("locate", "a"))
        del bench.spaces.holds["locate"]
        bench.host.on_sweep = conductor.dispatcher.look_again
        await bench.send(CancelTask("a"))
        await bench.settle()
    assert bench.statuses() == {"a": "cancelled"}
    assert bench.agent.assignments == []


async def test_a_task_that_completes_while_it_is_cancelled_stays_completed(bench: Bench) -> None:
    async with bench.begun(a_task("a")):
        await bench.settle()
        with pytest.raises(Refused, match="completed already"):
            await bench.send(CancelTask("a"))
    with pytest.raises(NotFound):
        await bench.send(CancelTask("zz"))


async def test_cancel_the_run(bench: Bench) -> None:
    for name in "ab":
        bench.agent.scripts[name, 1] = held(asyncio.Event())
    async with bench.begun(*(a_task(name) for name in "abcd"), options=Options(max_agents=2)):
        await bench.bell.until(lambda: len(bench.agent.alive) == 2)
        await bench.send(CancelRun("enough"))
        await bench.settle()
    assert set(bench.statuses().values()) == {"cancelled"}
    assert len(bench.agent.assignments) == 2
    assert len(await bench.of_type(TaskCancelled)) == 4
    assert (await bench.types())[-1] == "run.finished"


async def test_a_cancelled_task_can_be_retried(bench: Bench) -> None:
    bench.agent.scripts["a", 1] = held(asyncio.Event())
    async with bench.begun(a_task("a", attempts=1)):
        await bench.bell.until(lambda: bench.task("a").attempts)
        await bench.send(CancelTask("a"))
        await bench.settle()
        with pytest.raises(NotFound):
            await bench.send(RetryTask("b"))
        await bench.send(RetryTask("a"))
        await bench.until_status("a", TaskStatus.COMPLETED)
        with pytest.raises(Refused):
            await bench.send(RetryTask("a"))
        await bench.settle()
    assert [one.attempt for one in bench.agent.assignments] == [1, 2]


@pytest.mark.parametrize("broken", [False, True])
async def test_a_completed_run_lands_when_it_is_wanted(bench: Bench, broken: bool) -> None:
    if broken:
        bench.spaces.errors["land"] = [GitError("index.lock exists")]
    await bench.ran(a_task("a"), options=Options(land=True))
    names = await bench.types()
    assert names[-2:] == ["land.refused" if broken else "land.done", "run.finished"]


async def test_a_run_with_a_failure_does_not_land(bench: Bench) -> None:
    bench.checker.outcomes = {("a", Scope.WORKSPACE): [False]}
    await bench.ran(a_task("a", attempts=1), options=Options(land=True, on_breakpoint=FAIL))
    assert ("land", "") not in bench.spaces.calls


async def test_landing_by_hand(bench: Bench) -> None:
    async with bench.begun(a_task("a")) as conductor:
        await bench.settle()
        commands = Commands(conductor)
        assert (await commands.send(Land()))["commit"] == "landed"
        bench.spaces.landing = Landing(None, "main", ("a.txt",), "a.txt is dirty", "commit it")
        assert (await commands.send(Land("a")))["refused"] == "a.txt is dirty"
        with pytest.raises(NotFound):
            await commands.send(Land("zz"))
    (refused,) = await bench.of_type(LandRefused)
    assert refused.task == "a"


async def test_words_to_an_agent_at_work(bench: Bench) -> None:
    hold = asyncio.Event()
    bench.agent.scripts["a", 1] = held(hold)
    async with bench.begun(a_task("a"), a_task("b", "a")) as conductor:
        await bench.bell.until(lambda: bench.task("a").attempts)
        await bench.send(SendMessage("a", "hurry", "cli"))
        await bench.send(InterruptAgent("a"))
        (session,) = bench.agent.of("a")
        assert (session.said, session.interrupted) == (["hurry"], True)
        with pytest.raises(Refused):
            await bench.send(SendMessage("b", "hurry"))
        assert (await Commands(conductor).send(ShowDiff("b")))["diff"] == ""
        hold.set()
        await bench.settle()
        assert (await Commands(conductor).send(ShowDiff("a")))["diff"] == "diff x.txt\n"
    assert "message.sent" in await bench.types("a")


async def test_tasks_join_the_open_run(bench: Bench) -> None:
    hold = asyncio.Event()
    bench.agent.scripts["a", 1] = held(hold)
    async with bench.begun(a_task("a")) as conductor:
        commands = Commands(conductor)
        added = await commands.send(AddTasks((a_task("a"), a_task("b", "a"))))
        assert added["tasks"] == ["a-2", "b"]
        assert bench.task("b").spec.depends_on == ("a-2",)
        assert (await commands.send(AddTasks((a_task("a"),), known="skip")))["tasks"] == []
        with pytest.raises(UsageError, match="zz"):
            await commands.send(AddTasks((a_task("c", "zz"),)))
        hold.set()
        await bench.settle()
        first = bench.last.run
        added = await commands.send(AddTasks((a_task("a"),)))
        assert first is not None
        assert added["run"] != first.id
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}


async def test_the_runs_budget_ends_it(bench: Bench) -> None:
    from_agent: list[Item] = [Write("a.txt", "x"), FINISHED]
    bench.agent.scripts["a", 1] = [usage_of(2.0), *from_agent]
    async with bench.begun(
        a_task("a"), a_task("b", "a"), options=Options(budget_usd=1.0)
    ) as conductor:
        await bench.settle()
        assert "$1.00" in conductor.dispatcher.over_budget
    assert "budget.exceeded" in await bench.types()
    assert bench.statuses()["b"] == "queued"


def usage_of(cost: float) -> Item:
    return AgentUsage(1, 1, cost)


async def test_notices_are_recorded_at_the_start(bench: Bench) -> None:
    bench.notices = ("no judge",)
    await bench.ran(a_task("a"))
    (notice,) = await bench.of_type(Notice)
    assert notice.event == Notice("warning", "no judge")


async def test_an_end_that_is_told_before_the_start_is_not_forgotten(bench: Bench) -> None:
    bench.agent.scripts["a", 1] = held(asyncio.Event())
    async with bench.opened() as conductor, conductor.running():
        conductor.end_with(143, "interrupted by SIGTERM")
        await conductor.begin([a_task("a")])
        await bench.settle()
    last = (await bench.history())[-1].event
    assert not isinstance(last, RunFinished)
    assert last.exit_code == 143  # type: ignore[attr-defined]
