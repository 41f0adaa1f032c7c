"""What follows from an attempt: a retry with feedback, a question to a human, a policy's answer."""

from __future__ import annotations

import pytest

from conductor_tui.domain.agent_events import AgentExited, AgentText, AgentUsage
from conductor_tui.domain.errors import AgentError, CheckError, GitError, UsageError
from conductor_tui.domain.events import (
    AttemptFinished,
    AttemptStarted,
    BreakpointResolved,
    RunFinished,
    TaskCompleted,
)
from conductor_tui.domain.ports.agents import TurnEnded
from conductor_tui.domain.values import (
    Answer,
    BreakpointKind,
    BreakpointPolicy,
    Changes,
    Outcome,
    Scope,
    TaskStatus,
)
from conductor_tui.engine.tools import Options
from tests.engine.bench import Bench, a_task
from tests.fakes import FINISHED, Break, Exit, Item, Write


def checks_of_a(*outcomes: bool) -> dict[tuple[str, Scope], list[bool]]:
    return {("a", Scope.WORKSPACE): list(outcomes)}


RED = (False,) * 9


async def test_a_red_check_is_told_to_the_same_session_in_the_same_workspace(bench: Bench) -> None:
    bench.checker.outcomes = checks_of_a(False, True)
    bench.agent.scripts["a", 1] = [Write("one.txt", "1"), AgentUsage(10, 5, 0.25), FINISHED]
    await bench.ran(a_task("a"))
    first, second = bench.agent.assignments
    assert bench.statuses() == {"a": "completed"}
    assert (first.resume, second.resume) == (False, True)
    assert first.session == second.session
    assert first.workspace == second.workspace
    assert "3 tests failed" in second.prompt
    assert "3 tests failed" not in first.prompt
    assert second.booked.cost_usd == 0.25
    assert set(bench.spaces.commits[bench.spaces.tip]) == {"README.md", "one.txt", "a.txt"}
    files = bench.folder / "runs" / first.run / "a"
    assert (files / "1" / "prompt.md").read_text() == first.prompt
    assert (files / "2" / "prompt.md").read_text() == second.prompt


async def test_the_last_bookings_stand_in_the_attempts_end(bench: Bench) -> None:
    usage: list[Item] = [AgentUsage(1, 1, 0.5) for _ in range(3)]
    bench.agent.scripts["a", 1] = [*usage, FINISHED]
    await bench.ran(a_task("a", changes=Changes.OPTIONAL))
    (finished,) = await bench.of_type(AttemptFinished)
    assert isinstance(finished.event, AttemptFinished)
    assert finished.event.cost_usd == 1.5
    assert bench.last.usage.cost_usd == 1.5


async def test_all_attempts_used_up_asks(bench: Bench) -> None:
    bench.checker.outcomes = checks_of_a(*RED)
    async with bench.begun(a_task("a", attempts=2)):
        point = await bench.until_asked()
        assert point.kind is BreakpointKind.RESULT
        assert "all 2 attempts are used up" in point.reason
        assert point.evidence["red"] == ("make test",) or point.evidence["red"] == ["make test"]
        assert len(bench.agent.assignments) == 2
        await bench.until_status("a", TaskStatus.WAITING)


RESULT_ANSWERS = [
    (Answer.APPROVE, {"force": True}, "completed", 2),
    (Answer.RETRY, {"text": "look at line 7"}, "completed", 3),
    (Answer.REJECT, {"text": "no"}, "failed", 2),
    (Answer.CANCEL, {}, "cancelled", 2),
]


@pytest.mark.parametrize(("answer", "more", "status", "attempts"), RESULT_ANSWERS)
async def test_what_a_human_answers_to_red_checks(
    bench: Bench, answer: Answer, more: dict[str, object], status: str, attempts: int
) -> None:
    bench.checker.outcomes = checks_of_a(False, False)
    async with bench.begun(a_task("a", attempts=2)):
        await bench.until_asked()
        await bench.answer("b1", answer, **more)
        await bench.settle()
    assert bench.statuses() == {"a": status}
    assert len(bench.agent.assignments) == attempts
    if answer is Answer.RETRY:
        assert "look at line 7" in bench.agent.assignments[-1].prompt
        assert bench.task("a").attempts_left == 1


RESULT_POLICIES = [
    (BreakpointPolicy.FAIL, False, "failed", 1),
    (BreakpointPolicy.FAIL, True, "failed", 1),
    (BreakpointPolicy.SKIP, False, "waiting", 3),
    (BreakpointPolicy.SKIP, True, "waiting", 3),
    (BreakpointPolicy.ACCEPT, False, "failed", 1),
    (BreakpointPolicy.ACCEPT, True, "completed", 0),
]


@pytest.mark.parametrize(("policy", "green", "status", "code"), RESULT_POLICIES)
async def test_what_a_policy_makes_of_a_result(
    bench: Bench, policy: BreakpointPolicy, green: bool, status: str, code: int
) -> None:
    if not green:
        bench.checker.outcomes = checks_of_a(*RED)
    task = a_task("a", attempts=1, paths=("elsewhere/**",))
    await bench.ran(task, a_task("b"), options=Options(on_breakpoint=policy))
    assert bench.statuses() == {"a": status, "b": "completed"}
    last = (await bench.history())[-1].event
    assert isinstance(last, RunFinished)
    assert last.exit_code == code
    assert len(last.breakpoints) == (1 if policy is BreakpointPolicy.SKIP else 0)
    resolved = await bench.of_type(BreakpointResolved)
    if policy is not BreakpointPolicy.SKIP:
        assert [one.event.by for one in resolved] == [f"policy:{policy}"]  # type: ignore[attr-defined]


async def test_parked_and_failed_ends_with_one_and_can_go_on(bench: Bench) -> None:
    bench.checker.outcomes = {(name, Scope.WORKSPACE): [False] for name in "ab"}
    skip = Options(on_breakpoint=BreakpointPolicy.SKIP)
    async with bench.begun(a_task("a", attempts=1), a_task("b", attempts=1), options=skip):
        point = await bench.until_asked(2)
        assert point.task is not None
        await bench.answer(point.id, Answer.REJECT)
        await bench.settle()
    last = (await bench.history())[-1].event
    assert isinstance(last, RunFinished)
    assert (last.exit_code, len(last.breakpoints)) == (1, 1)
    async with bench.opened(skip) as conductor:
        assert conductor.has_open_run
    async with bench.resumed(skip):
        await bench.answer("b1", Answer.APPROVE, force=True)
        await bench.settle()
    assert sorted(bench.statuses().values()) == ["completed", "failed"]


async def test_an_agent_that_is_missing_asks_with_the_mend(bench: Bench) -> None:
    async with bench.begun(a_task("a", agent="nobody")):
        point = await bench.until_asked()
        assert "no agent called 'nobody'" in point.reason
        assert "conductor.yaml" in point.ask
        assert "fake" in point.ask
        assert "approve" not in point.options
        with pytest.raises(UsageError, match="--approve"):
            await bench.answer("b1", Answer.APPROVE)
        await bench.answer("b1", Answer.REJECT)
        await bench.settle()
    assert bench.statuses() == {"a": "failed"}


async def test_a_program_that_cannot_be_started_fails_by_policy(bench: Bench) -> None:
    bench.agent.errors["a"] = AgentError("claude is not installed", "npm install it")
    await bench.ran(a_task("a"), a_task("b"), options=Options(on_breakpoint=BreakpointPolicy.FAIL))
    assert bench.statuses() == {"a": "failed", "b": "completed"}
    assert bench.task("a").reason == "claude is not installed"


@pytest.mark.parametrize("method", ["locate", "open", "changes", "commit", "merge", "adopt"])
async def test_a_fault_of_git_stops_its_task_only(bench: Bench, method: str) -> None:
    async with bench.begun(a_task("a")):
        bench.spaces.errors[method] = [GitError("fatal: no space left")]
        point = await bench.until_asked()
        assert "no space left" in point.reason
        await bench.until_status("a", TaskStatus.WAITING)
        await bench.until(lambda: not bench.agent.alive)
        await bench.add(a_task("b"))
        await bench.until_status("b", TaskStatus.COMPLETED)
        await bench.answer("b1", Answer.RETRY)
        await bench.settle()
    assert bench.statuses() == {"a": "completed", "b": "completed"}


async def test_a_check_that_cannot_run_asks(bench: Bench) -> None:
    bench.checker.errors["a"] = [CheckError("no shell")]
    async with bench.begun(a_task("a")):
        point = await bench.until_asked()
        assert "no shell" in point.reason


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([Write("a.txt", "x"), Exit(7)], "exit code 7"),
        ([Write("a.txt", "x"), Exit(None)], "exit code unknown"),
        ([Write("a.txt", "x"), TurnEnded(False, "max_turns")], "max_turns"),
        ([FINISHED], "no file was changed"),
    ],
    ids=["dies", "killed", "gives up", "does nothing"],
)
async def test_an_attempt_that_did_not_finish_is_made_again(
    bench: Bench, script: list[Item], reason: str
) -> None:
    bench.agent.scripts["a", 1] = script
    await bench.ran(a_task("a"))
    assert bench.statuses() == {"a": "completed"}
    assert len(bench.task("a").attempts) == 2
    decision = bench.task("a").attempts[0].decision
    assert decision is not None
    assert reason in decision.reason
    assert (await bench.of_type(TaskCompleted))[0].event.outcome is Outcome.SUCCESS  # type: ignore[attr-defined]


async def test_a_session_that_breaks_is_ended_and_asked_about(bench: Bench) -> None:
    bench.agent.scripts["a", 1] = [AgentText("hm"), Break(AgentError("bad line"))]
    async with bench.begun(a_task("a"), a_task("b")):
        point = await bench.until_asked()
        assert point.reason == "bad line"
        (session,) = bench.agent.of("a")
        assert session.ended
        await bench.until_status("b", TaskStatus.COMPLETED)


async def test_a_fault_of_ours_is_not_hidden(bench: Bench) -> None:
    bench.agent.scripts["a", 1] = [Break(ZeroDivisionError("ours"))]
    with pytest.raises(BaseExceptionGroup) as raised:
        await bench.ran(a_task("a"))
    assert raised.group_contains(ZeroDivisionError, match="ours")
    assert not bench.agent.alive


async def test_a_session_nobody_knows_is_made_anew_in_the_same_attempt(bench: Bench) -> None:
    bench.checker.outcomes = checks_of_a(False, True)
    bench.agent.next_scripts["a"] = [
        [AgentText("hello"), Write("a.txt", "x"), FINISHED],
        [TurnEnded(False, "unknown_session")],
    ]
    await bench.ran(a_task("a"))
    assert [one.attempt for one in bench.agent.assignments] == [1, 2, 2]
    first, second, third = bench.agent.assignments
    assert second.session == first.session != third.session
    assert (second.resume, third.resume) == (True, False)
    assert "3 tests failed" in third.prompt
    assert bench.statuses() == {"a": "completed"}
    started = await bench.of_type(AttemptStarted)
    assert [one.event.resumed for one in started] == [False, False, True]  # type: ignore[attr-defined]
    assert [one.event.code for one in await bench.of_type(AgentExited)] == [0, 0, 0]  # type: ignore[attr-defined]


async def test_a_task_without_checks_is_never_accepted_by_itself(bench: Bench) -> None:
    async with bench.begun(a_task("a", checks=())):
        point = await bench.until_asked()
        assert "nothing proves the work" in point.reason
        await bench.answer("b1", Answer.APPROVE)
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}


async def test_a_decision_to_ask_and_what_is_asked_are_recorded_at_once(bench: Bench) -> None:
    """A crash between the two left a task at work with nothing to be done for it."""
    bench.checker.outcomes = checks_of_a(False)
    async with bench.begun(a_task("a", attempts=1)):
        await bench.bell.until(lambda: bench.task("a").attempts)
        await bench.bell.until(lambda: bench.task("a").attempts[0].decision)
        assert bench.last.open_breakpoints
        assert bench.task("a").status is TaskStatus.WAITING
