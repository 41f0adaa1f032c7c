"""A headless run: what it prints, what it refuses, and with which code it ends."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from conductor_tui.batch.printers import JsonPrinter, LinePrinter
from conductor_tui.batch.runner import BatchRequest, run_batch
from conductor_tui.domain.agent_events import AgentText, AgentUsage
from conductor_tui.domain.errors import RepositoryError, UsageError
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Answer, BreakpointPolicy, Scope, TaskStatus
from conductor_tui.engine.tools import Options
from tests.engine.bench import Bench, a_task
from tests.fakes import FINISHED, Item, Script, Until, Write

FAIL = Options(on_breakpoint=BreakpointPolicy.FAIL)
SKIP = Options(on_breakpoint=BreakpointPolicy.SKIP)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "state")


def never() -> Script:
    return [AgentText("hm"), Until(asyncio.Event())]


async def batch(
    bench: Bench,
    tasks: list[Task] | None,
    options: Options = FAIL,
    *,
    resume: bool = False,
    timeout_s: float | None = None,
) -> tuple[int, list[dict[str, Any]]]:
    """Run headless; return the exit code and the lines, seen to be gapless."""
    out = io.StringIO()
    async with bench.opened(options) as conductor:
        code = await run_batch(conductor, BatchRequest(tasks, resume, timeout_s), JsonPrinter(out))
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    if len(lines) > 1:
        first, last = lines[0], lines[-1]
        assert [line["seq"] for line in lines] == list(range(first["seq"], last["seq"] + 1))
        assert first["type"] in ("run.started", "run.resumed")
        assert last["type"] in ("run.finished", "run.interrupted")
        assert last["data"]["exit_code"] == code
    return code, lines


async def refused(bench: Bench, request: BatchRequest) -> UsageError:
    async with bench.opened() as conductor:
        with pytest.raises(UsageError) as raised:
            await run_batch(conductor, request, JsonPrinter(io.StringIO()))
    return raised.value


def red(*tasks: str) -> dict[tuple[str, Scope], list[bool]]:
    return {(task, Scope.WORKSPACE): [False] for task in tasks}


async def test_a_plan_that_completes(bench: Bench) -> None:
    code, lines = await batch(bench, [a_task("a"), a_task("b", "a")])
    assert code == 0
    assert [line["v"] for line in lines] == [1] * len(lines)
    assert (lines[0]["type"], lines[0]["seq"]) == ("run.started", 1)
    assert lines[0]["data"]["plan"] == ["a", "b"]
    last = lines[-1]["data"]
    assert last["tasks"]["a"]["status"] == "completed"
    assert last["tasks"]["b"]["attempts"] == 1
    assert last["breakpoints"] == []


async def test_a_task_that_fails(bench: Bench) -> None:
    bench.checker.outcomes = red("a")
    code, lines = await batch(bench, [a_task("a", attempts=1), a_task("b", "a")])
    assert code == 1
    assert lines[-1]["data"]["tasks"]["b"]["status"] == "blocked"


async def test_a_task_that_is_parked(bench: Bench) -> None:
    bench.checker.outcomes = red("a")
    code, lines = await batch(bench, [a_task("a", attempts=1)], SKIP)
    assert (code, lines[-1]["type"]) == (3, "run.finished")
    assert lines[-1]["data"]["breakpoints"][0]["id"] == "b1"


async def test_the_runs_time_limit(bench: Bench) -> None:
    bench.agent.scripts["a", 1] = never()
    code, lines = await batch(bench, [a_task("a")], timeout_s=0.3)
    assert (code, lines[-1]["type"]) == (4, "run.interrupted")
    assert "time limit" in lines[-1]["data"]["reason"]
    assert not bench.agent.alive


async def test_the_runs_budget(bench: Bench) -> None:
    spent: list[Item] = [AgentUsage(1, 1, 9.0), Write("a.txt", "x"), FINISHED]
    bench.agent.scripts["a", 1] = spent
    options = Options(on_breakpoint=BreakpointPolicy.FAIL, budget_usd=1.0)
    code, lines = await batch(bench, [a_task("a"), a_task("b", "a")], options)
    assert (code, lines[-1]["type"]) == (4, "run.interrupted")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
async def test_a_signal_ends_it_in_order(bench: Bench, number: signal.Signals, code: int) -> None:
    bench.agent.scripts["a", 1] = never()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(batch(bench, [a_task("a")]))
        await bench.bell.until(lambda: bench.agent.alive)
        os.kill(os.getpid(), number)
        ended, lines = await running
    assert ended == code
    assert lines[-1]["type"] == "run.interrupted"
    assert number.name in lines[-1]["data"]["reason"]
    assert bench.agent.of("a")[0].ended


async def test_resume_goes_on_with_the_open_run(bench: Bench) -> None:
    bench.agent.next_scripts["a"] = [never()]
    code, first = await batch(bench, [a_task("a"), a_task("b", "a")], timeout_s=0.3)
    assert code == 4
    code, second = await batch(bench, None, resume=True)
    assert code == 0
    assert second[0]["type"] == "run.resumed"
    assert second[0]["seq"] == first[-1]["seq"] + 1
    assert second[0]["run"] == first[0]["run"]


async def test_resume_keeps_parked_breakpoints_open(bench: Bench) -> None:
    bench.checker.outcomes = red("a")
    await batch(bench, [a_task("a", attempts=1)], SKIP)
    code, lines = await batch(bench, None, FAIL, resume=True)
    assert code == 3
    assert lines[0]["type"] == "run.resumed"
    assert bench.task("a").status is TaskStatus.WAITING
    async with bench.resumed(FAIL):
        await bench.answer("b1", Answer.APPROVE, force=True)
        await bench.settle()
    assert bench.statuses() == {"a": "completed"}


async def test_resume_without_a_run_is_refused(bench: Bench) -> None:
    assert "no run to resume" in (await refused(bench, BatchRequest(None, resume=True))).message
    assert "needs a PLAN" in (await refused(bench, BatchRequest(None))).message


async def test_resume_of_a_closed_run_tells_its_code(bench: Bench) -> None:
    bench.checker.outcomes = red("a")
    _, lines = await batch(bench, [a_task("a", attempts=1)])
    assert await batch(bench, None, resume=True) == (1, lines[-1:])


async def test_a_second_plan_is_refused_while_a_run_is_open(bench: Bench) -> None:
    bench.agent.next_scripts["a"] = [never()]
    await batch(bench, [a_task("a")], timeout_s=0.3)
    error = await refused(bench, BatchRequest([a_task("b")]))
    assert "--resume" in error.mend
    assert "cancel --run" in error.mend
    assert error.exit_code == 2


async def test_resume_with_a_plan_adds_what_is_new(bench: Bench) -> None:
    bench.agent.next_scripts["a"] = [never()]
    await batch(bench, [a_task("a")], timeout_s=0.3)
    code, lines = await batch(bench, [a_task("a"), a_task("b")], resume=True)
    assert code == 0
    assert set(lines[-1]["data"]["tasks"]) == {"a", "b"}


async def test_resume_with_a_plan_and_no_open_run_opens_one(bench: Bench) -> None:
    _, first = await batch(bench, [a_task("a")])
    code, second = await batch(bench, [a_task("a")], resume=True)
    assert (code, second[0]["type"], second[0]["seq"]) == (0, "run.started", 1)
    assert second[0]["run"] != first[0]["run"]


async def test_a_repository_that_cannot_be_worked_on(bench: Bench) -> None:
    bench.spaces.errors["preflight"] = [RepositoryError("mid-merge", "git merge --abort")]
    with pytest.raises(BaseExceptionGroup) as raised:
        await batch(bench, [a_task("a")])
    assert raised.group_contains(RepositoryError, match="mid-merge")
    assert bench.last.run is None


async def test_lines_for_people(bench: Bench) -> None:
    bench.checker.outcomes = {("a", Scope.WORKSPACE): [False, True], **red("b")}
    out = io.StringIO()
    tasks = [a_task("a"), a_task("b", attempts=1), a_task("c", "b")]
    async with bench.opened(FAIL) as conductor:
        printer = LinePrinter(out, lambda text, colour: f"<{colour}>{text.strip()}")
        code = await run_batch(conductor, BatchRequest(tasks), printer)
    assert code == 1
    text = out.getvalue()
    for words in (
        "<cyan>working",
        "<red>check make test, exit code 1 (0.0 s)",
        "a #2",
        "<magenta>retry",
        "<green>completed merged as",
        "<yellow>asks [b1] result",
        "<yellow>answered [b1] reject by policy:fail",
        "<red>failed",
        "<red>blocked depends on b",
    ):
        assert words in text, words
