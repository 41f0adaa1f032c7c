"""What a judge's verdict does to a task, and what its absence does not."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing

import pytest

from conductor_tui.domain.agent_events import AgentText
from conductor_tui.domain.errors import JudgeUnavailable
from conductor_tui.domain.events import DecisionMade, RunFinished, TaskPhase
from conductor_tui.domain.judge_events import JudgeAway, JudgeVerdict
from conductor_tui.domain.values import (
    Answer,
    BreakpointPolicy,
    DecisionAction,
    Phase,
    Scope,
    TaskStatus,
    WaitReason,
)
from conductor_tui.engine.asking import Judge
from conductor_tui.engine.judging import ROUNDS
from conductor_tui.engine.tools import Options
from conductor_tui.supervision.judging import JudgePrompts
from tests.engine.bench import Bench, a_task
from tests.fake_judge import AWAY, FakeJudge
from tests.fakes import FINISHED, Write
from tests.supervision.judged import issue, requirement, text

BAD = text(requirements=[requirement("not_met", "marks are stripped")], feedback="Strip them.")
GOOD = text(requirements=[])
PROMPTS = JudgePrompts()  # it reads files, which a loop may not wait for
SAME = text(issues=[issue("blocking", "It fails.")])


@pytest.fixture
def judge(bench: Bench) -> FakeJudge:
    return judge_of(bench)


def judge_of(bench: Bench) -> FakeJudge:
    """Give the bench a judge that accepts."""
    fake = FakeJudge(bench.bell)
    fake.usual = lambda question: GOOD
    bench.judging = Judge(fake, PROMPTS, sleep=fake.sleep)
    return fake


def red(*outcomes: bool) -> dict[tuple[str, Scope], list[bool]]:
    return {("a", Scope.WORKSPACE): list(outcomes)}


async def actions(bench: Bench) -> list[DecisionAction]:
    made = await bench.of_type(DecisionMade)
    return [one.event.action for one in made]  # type: ignore[attr-defined]


async def test_green_work_is_judged_and_accepted(bench: Bench, judge: FakeJudge) -> None:
    bench.agent.scripts["a", 1] = [Write("a.txt", "x"), AgentText("All done, trust me."), FINISHED]
    await bench.ran(a_task("a"))
    assert bench.statuses() == {"a": "completed"}
    phases = [one.event.phase for one in await bench.of_type(TaskPhase)]  # type: ignore[attr-defined]
    assert phases[2:] == [Phase.CHECKING, Phase.JUDGING, Phase.MERGING]
    (said,) = await bench.of_type(JudgeVerdict)
    assert isinstance(said.event, JudgeVerdict)
    assert (said.attempt, said.event.model, said.event.duration_s) == (1, "fake:7b", 0.25)
    verdict = (bench.task("a").attempts[0]).verdict
    assert verdict is not None
    assert (verdict["score"], verdict["model"]) == (90, "fake:7b")
    (asked,) = judge.asked
    assert "| Do a" in asked.prompt
    assert "| All done, trust me." in asked.prompt
    run = bench.last.run
    assert run is not None
    kept = await asyncio.to_thread(
        (bench.folder / "runs" / run.id / "a" / "1" / "judge.md").read_text
    )
    assert asked.system in kept
    assert asked.prompt in kept
    decision = bench.task("a").attempts[0].decision
    assert decision is not None
    assert (decision.score, decision.confidence) == (96.0, 80.0)


async def test_a_red_judge_sends_green_work_back_with_its_words(
    bench: Bench, judge: FakeJudge
) -> None:
    judge.answers = [BAD]
    await bench.ran(a_task("a"))
    assert bench.statuses() == {"a": "completed"}
    assert await actions(bench) == [DecisionAction.RETRY, DecisionAction.ACCEPT]
    first, second = bench.agent.assignments
    assert "Strip them." in second.prompt
    assert "not done yet: marks are stripped" in second.prompt
    assert first.session == second.session
    assert "| Strip them." in judge.asked[1].prompt


async def test_red_checks_are_not_put_before_a_judge(bench: Bench, judge: FakeJudge) -> None:
    bench.checker.outcomes = red(False, False, True)
    await bench.ran(a_task("a"))
    assert len(judge.asked) == 1
    assert [one.attempt for one in await bench.of_type(JudgeVerdict)] == [3]


async def test_a_green_judge_does_not_help_red_checks(bench: Bench, judge: FakeJudge) -> None:
    bench.checker.outcomes = red(*[False] * 9)
    await bench.ran(a_task("a"), options=Options(on_breakpoint=BreakpointPolicy.ACCEPT))
    assert bench.statuses() == {"a": "failed"}
    assert judge.asked == []


async def test_the_same_issue_twice_asks(bench: Bench, judge: FakeJudge) -> None:
    judge.usual = lambda question: SAME
    async with bench.begun(a_task("a", attempts=5)):
        point = await bench.until_asked()
        assert "the same as before" in point.reason
        assert "It fails." in str(point.evidence["findings"])
        assert len(bench.agent.assignments) == 2
        judge.usual = lambda question: GOOD
        await bench.answer(point.id, Answer.RETRY, text="look again")
        await bench.settle()
    assert "| look again" in judge.asked[-1].prompt
    assert bench.statuses() == {"a": "completed"}


async def test_what_a_judge_wanted_is_told_again_when_a_check_turns_red(
    bench: Bench, judge: FakeJudge
) -> None:
    judge.answers = [BAD]
    bench.checker.outcomes = red(True, False, True)
    await bench.ran(a_task("a"))
    third = bench.agent.assignments[2].prompt
    assert "3 tests failed" in third
    assert "Strip them." in third


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        (BreakpointPolicy.FAIL, "failed"),
        (BreakpointPolicy.SKIP, "waiting"),
        (BreakpointPolicy.ACCEPT, "completed"),
    ],
)
async def test_a_doubt_goes_by_the_policy(
    bench: Bench, judge: FakeJudge, policy: BreakpointPolicy, status: str
) -> None:
    judge.usual = lambda question: text(requirements=[requirement("unclear")])
    await bench.ran(a_task("a"), options=Options(on_breakpoint=policy))
    assert bench.statuses() == {"a": status}
    assert await actions(bench) == [DecisionAction.ASK]


async def test_a_judge_alone_accepts_only_what_it_can_show(bench: Bench, judge: FakeJudge) -> None:
    async with bench.begun(a_task("a", checks=())):
        point = await bench.until_asked()
        assert "nothing proves the work" in point.reason


async def test_without_a_judge_nothing_is_judged(bench: Bench) -> None:
    await bench.ran(a_task("a"))
    assert await bench.of_type(JudgeVerdict) == []
    assert bench.statuses() == {"a": "completed"}


# -- outages --------------------------------------------------------------------------------------


async def test_an_outage_parks_and_drains_by_itself(bench: Bench, judge: FakeJudge) -> None:
    judge.up = False
    async with bench.begun(a_task("a"), a_task("b"), options=Options(max_agents=1)):
        await bench.until_status("a", TaskStatus.WAITING)
        await bench.until_status("b", TaskStatus.WAITING)  # so the slot was free
        assert bench.task("a").waiting is WaitReason.JUDGE
        assert AWAY in bench.task("a").reason
        for number in range(1, 8):
            await bench.until(lambda n=number: len(judge.sleeps) >= n)
            assert not bench.conductor.dispatcher.settled.is_set()
            judge.tick()
        await bench.until(lambda: len(judge.sleeps) == 8)
        assert judge.sleeps == [2, 4, 8, 16, 30, 30, 30, 30]
        judge.up = True
        judge.tick()
        await bench.settle()
    assert bench.statuses() == {"a": "completed", "b": "completed"}
    assert [len(bench.task(name).attempts) for name in "ab"] == [1, 1]
    assert [call for call in bench.checker.calls if call[0] == "a"][:1] == [
        ("a", "make test", Scope.WORKSPACE)
    ]
    assert bench.checker.calls.count(("a", "make test", Scope.WORKSPACE)) == 1
    assert len(judge.asked) == 2
    assert len(await bench.of_type(JudgeAway, "a")) == 1  # it was not tried while it was away


async def test_an_outage_in_the_middle_of_a_judgement(bench: Bench, judge: FakeJudge) -> None:
    judge.answers = [JudgeUnavailable("cut off after 12 characters", "see its log")]
    async with bench.begun(a_task("a")):
        await bench.until_status("a", TaskStatus.WAITING)
        judge.tick()
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}
    (away,) = await bench.of_type(JudgeAway)
    assert away.event == JudgeAway("cut off after 12 characters; see its log")


async def test_a_verdict_makes_the_pause_short_again(bench: Bench, judge: FakeJudge) -> None:
    gone = JudgeUnavailable("slow")
    judge.answers = [gone, gone, GOOD, gone, GOOD]
    async with bench.begun(a_task("a"), a_task("b", "a")):
        for number in range(1, 4):
            await bench.until(lambda n=number: len(judge.sleeps) >= n)
            judge.tick()
        await bench.settle()
    assert judge.sleeps == [2, 4, 2]
    assert bench.statuses() == {"a": "completed", "b": "completed"}


@pytest.mark.parametrize("policy", [BreakpointPolicy.FAIL, BreakpointPolicy.ACCEPT])
async def test_nobody_there_the_run_waits_for_its_judge(
    bench: Bench, judge: FakeJudge, policy: BreakpointPolicy
) -> None:
    judge.up = False
    async with bench.begun(a_task("a"), options=Options(on_breakpoint=policy)):
        await bench.until(lambda: len(judge.sleeps) == 1)
        assert not bench.conductor.dispatcher.settled.is_set()
        judge.up = True
        judge.tick()
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}


async def test_with_skip_the_run_ends_and_another_process_goes_on(
    bench: Bench, judge: FakeJudge
) -> None:
    judge.up = False
    skip = Options(on_breakpoint=BreakpointPolicy.SKIP)
    await bench.ran(a_task("a"), options=skip)
    last = (await bench.history())[-1].event
    assert isinstance(last, RunFinished)
    assert last.exit_code == 3
    again = judge_of(bench)
    async with bench.resumed(skip):
        await bench.until(lambda: bench.task("a").status is not TaskStatus.WAITING or again.sleeps)
        again.tick()
        await bench.until_status("a", TaskStatus.COMPLETED)
    assert bench.checker.calls.count(("a", "make test", Scope.WORKSPACE)) == 1
    assert len(bench.agent.assignments) == 1


async def test_a_restart_in_the_middle_of_judging_asks_again(
    bench: Bench, judge: FakeJudge
) -> None:
    judge.hold = asyncio.Event()
    async with bench.begun(a_task("a")):
        await bench.until(lambda: judge.asked)
    assert bench.statuses() == {"a": "queued"}
    judge_of(bench)
    async with bench.resumed():
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}
    assert bench.checker.calls.count(("a", "make test", Scope.WORKSPACE)) == 1
    assert len(bench.agent.assignments) == 1


async def test_a_run_that_is_resumed_without_a_judge_waits_for_none(
    bench: Bench, judge: FakeJudge
) -> None:
    judge.up = False
    async with bench.begun(a_task("a")):
        await bench.until_status("a", TaskStatus.WAITING)
    bench.judging = None
    async with bench.resumed():
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}
    assert bench.checker.calls.count(("a", "make test", Scope.WORKSPACE)) == 2


async def test_a_task_that_waits_for_the_judge_can_be_cancelled(
    bench: Bench, judge: FakeJudge
) -> None:
    judge.up = False
    async with bench.begun(a_task("a")):
        await bench.until(lambda: judge.sleeps)
        await bench.conductor.dispatcher.cancel("a", "enough")
        judge.up = True
        judge.tick()
        await bench.settle()
    assert bench.statuses() == {"a": "cancelled"}


# -- answers that are none ------------------------------------------------------------------------


async def test_a_malformed_answer_is_repaired_once(bench: Bench, judge: FakeJudge) -> None:
    judge.answers = ["It looks fine to me!", GOOD]
    await bench.ran(a_task("a"))
    assert bench.statuses() == {"a": "completed"}
    first, second = judge.asked
    assert second.prompt.startswith(first.prompt.strip())
    assert "no JSON object" in second.prompt
    assert "| It looks fine to me!" in second.prompt


async def test_no_verdict_waits_and_then_asks_but_never_passes(
    bench: Bench, judge: FakeJudge
) -> None:
    judge.usual = lambda question: "I accept it."
    async with bench.begun(a_task("a")):
        for number in range(1, ROUNDS):
            await bench.until(lambda n=number: len(judge.sleeps) >= n)
            assert bench.task("a").waiting is WaitReason.JUDGE
            judge.tick()
        point = await bench.until_asked()
        assert "the judge gave no verdict" in point.reason
    assert len(judge.asked) == 2 * ROUNDS
    assert len(bench.agent.assignments) == 1
    assert await actions(bench) == [DecisionAction.ASK]


async def test_identical_input_is_not_asked_twice(bench: Bench, judge: FakeJudge) -> None:
    """A crash between the verdict and the decision."""
    bench.spaces.holds["merge"] = asyncio.Event()
    async with bench.begun(a_task("a")):
        await bench.until(lambda: ("merge", "a") in bench.spaces.calls)
    await forget_the_decision(bench)
    again = judge_of(bench)
    del bench.spaces.holds["merge"]
    async with bench.resumed():
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}
    assert (len(judge.asked), len(again.asked)) == (1, 0)
    told = [one.event for one in await bench.of_type(JudgeVerdict)]
    assert [one.cached for one in told] == [False, True]  # type: ignore[attr-defined]


async def forget_the_decision(bench: Bench) -> None:
    """Put the task back to where it was before its last decision was written."""
    path = bench.folder / "state.db"

    def put_back() -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            ((data,),) = connection.execute("SELECT data FROM tasks WHERE id = 'a'").fetchall()
            task = json.loads(data)
            assert task["step"] == "merge"
            task["step"], task["attempts"][0]["decision"] = "check", None
            connection.execute("UPDATE tasks SET data = ? WHERE id = 'a'", (json.dumps(task),))

    await asyncio.to_thread(put_back)
