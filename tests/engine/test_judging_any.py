"""Whatever judge and checks say, with outages and restarts between, the same things hold."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conductor_tui.domain.errors import JudgeUnavailable
from conductor_tui.domain.events import AttemptStarted, CheckFinished, DecisionMade
from conductor_tui.domain.judge_events import JudgeVerdict
from conductor_tui.domain.ports.judging import JudgeAnswer, JudgeQuestion
from conductor_tui.domain.values import BreakpointPolicy, DecisionAction, Scope, TaskStatus
from conductor_tui.engine.asking import Judge
from conductor_tui.engine.tools import Options
from conductor_tui.supervision.judging import JudgePrompts
from tests.engine.bench import Bench, a_task
from tests.fake_judge import FakeJudge
from tests.supervision.judged import issue, requirement, text

PROMPTS = JudgePrompts()
ATTEMPTS = 3

SAYINGS: dict[str, str | Exception] = {
    "good": text(requirements=[]),
    "not met": text(requirements=[requirement("not_met", "a")]),
    "other": text(requirements=[requirement("not_met", "b")]),
    "blocking": text(issues=[issue("blocking")]),
    "unclear": text(requirements=[requirement("unclear")]),
    "low": text(requirements=[], score=40),
    "prose": "I accept it.",
    "away": JudgeUnavailable("gone"),
}


class Killer(FakeJudge):
    """A judge at whose nth question the process is stopped."""

    def __init__(self, bench: Bench, stops: set[int]) -> None:
        super().__init__(bench.bell)
        self.stops = stops
        self.stop = asyncio.Event()

    async def ask(self, question: JudgeQuestion, progress: object = None) -> JudgeAnswer:
        del progress
        if len(self.asked) in self.stops:
            self.stops.discard(len(self.asked))
            self.stop.set()
            await asyncio.Event().wait()
        return await super().ask(question)

    async def sleep(self, seconds: float) -> None:
        del seconds
        await asyncio.sleep(0)


async def play(
    bench: Bench, sayings: list[str], checks: list[bool], stops: set[int], policy: BreakpointPolicy
) -> None:
    judge = Killer(bench, stops)
    judge.answers = [SAYINGS[name] for name in sayings]
    judge.usual = lambda question: text(requirements=[])
    bench.judging = Judge(judge, PROMPTS, sleep=judge.sleep)
    bench.checker.outcomes = {("a", Scope.WORKSPACE): checks}
    options = Options(on_breakpoint=policy)
    task = a_task("a", attempts=ATTEMPTS)
    opened = bench.begun(task, options=options)
    while True:
        judge.stop.clear()
        async with opened, asyncio.TaskGroup() as group:
            ends = [group.create_task(bench.settle()), group.create_task(judge.stop.wait())]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            over = ends[0].done()
            for end in ends:
                end.cancel()
        if over:
            return
        opened = bench.resumed(options)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sayings=st.lists(st.sampled_from(sorted(SAYINGS)), max_size=8),
    checks=st.lists(st.booleans(), max_size=6),
    stops=st.sets(st.integers(0, 6), max_size=3),
    policy=st.sampled_from([BreakpointPolicy.FAIL, BreakpointPolicy.ACCEPT]),
)
def test_any_course_of_events(
    sayings: list[str], checks: list[bool], stops: set[int], policy: BreakpointPolicy
) -> None:
    async def run(bench: Bench) -> None:
        await play(bench, sayings, list(checks), stops, policy)
        view = bench.task("a")
        assert view.status in (TaskStatus.COMPLETED, TaskStatus.FAILED)
        started = await bench.of_type(AttemptStarted)
        assert len({one.attempt for one in started}) == len(view.attempts) <= ATTEMPTS
        assert len(started) == len(view.attempts)  # no agent was started for an outage
        decisions = {one.attempt: one.event for one in await bench.of_type(DecisionMade)}
        last = decisions[view.attempts[-1].n]
        assert isinstance(last, DecisionMade)
        ended = view.attempts[-1]
        ran = [one.event for one in await bench.of_type(CheckFinished) if one.attempt == ended.n]
        if view.status is TaskStatus.COMPLETED:
            assert all(event.ok for event in ran if isinstance(event, CheckFinished))
            if policy is BreakpointPolicy.FAIL:
                assert last.action is DecisionAction.ACCEPT
                assert ended.verdict is not None
        for verdict in await bench.of_type(JudgeVerdict):
            red = [
                one
                for one in await bench.of_type(CheckFinished)
                if one.attempt == verdict.attempt and not getattr(one.event, "ok", True)
            ]
            assert not red  # red work is not even put before a judge

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Bench(Path(folder) / "state")))
