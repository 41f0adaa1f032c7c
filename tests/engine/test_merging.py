"""How accepted work comes to the run's branch, and what happens where it does not fit."""

from __future__ import annotations

import asyncio

import pytest

from conductor_tui.domain.events import MergeConflict, MergeDone, RunFinished
from conductor_tui.domain.values import (
    Answer,
    BreakpointKind,
    BreakpointPolicy,
    Changes,
    Scope,
    TaskStatus,
)
from conductor_tui.engine.tools import Options
from tests.engine.bench import Bench, a_task
from tests.fakes import FINISHED, Until, Write

MERGED = Scope.MERGED


def hold_b(bench: Bench) -> asyncio.Event:
    hold = asyncio.Event()
    bench.agent.scripts["b", 1] = [Until(hold), Write("b.txt", "x"), FINISHED]
    return hold


async def a_before_b(bench: Bench, hold: asyncio.Event) -> None:
    """Let b, which started on the same base, finish after a was merged."""
    await bench.bell.until(lambda: bench.agent.of("b"))
    await bench.until_status("a", TaskStatus.COMPLETED)
    hold.set()


async def test_checks_run_again_on_the_merged_tree_where_the_base_moved(bench: Bench) -> None:
    hold = hold_b(bench)
    async with bench.begun(a_task("a"), a_task("b")):
        await a_before_b(bench, hold)
        await bench.settle()
    on = [(task, scope) for task, _, scope in bench.checker.calls]
    assert on == [("a", Scope.WORKSPACE), ("b", Scope.WORKSPACE), ("b", MERGED)]
    assert set(bench.spaces.commits[bench.spaces.tip]) == {"README.md", "a.txt", "b.txt"}


async def test_red_on_the_merged_tree_is_mended_on_the_new_base(bench: Bench) -> None:
    hold = hold_b(bench)
    bench.checker.outcomes = {("b", MERGED): [False]}
    async with bench.begun(a_task("a"), a_task("b")):
        await a_before_b(bench, hold)
        await bench.settle()
    second = bench.agent.of("b")[1].assignment
    assert "Meanwhile other tasks were merged" in second.prompt
    assert "3 tests failed" in second.prompt
    assert second.resume
    assert "a.txt" in bench.spaces.files["b"]
    assert bench.statuses() == {"a": "completed", "b": "completed"}
    on = [scope for task, _, scope in bench.checker.calls if task == "b"]
    assert on == [Scope.WORKSPACE, MERGED, Scope.WORKSPACE]


async def test_red_on_the_merged_tree_with_no_attempt_left_asks(bench: Bench) -> None:
    hold = hold_b(bench)
    bench.checker.outcomes = {("b", MERGED): [False]}
    async with bench.begun(a_task("a"), a_task("b", attempts=1)):
        await a_before_b(bench, hold)
        point = await bench.until_asked()
        assert list(point.evidence["red"]) == ["make test"]
        await bench.answer("b1", Answer.APPROVE, force=True)
        await bench.settle()
    assert bench.statuses() == {"a": "completed", "b": "completed"}
    assert bench.task("b").forced


CONFLICT_ANSWERS = [
    (Answer.RETRY, {"text": "keep both"}, "completed"),
    (Answer.REJECT, {}, "failed"),
    (Answer.CANCEL, {}, "cancelled"),
]


@pytest.mark.parametrize(("answer", "more", "status"), CONFLICT_ANSWERS)
async def test_what_a_human_answers_to_a_conflict(
    bench: Bench, answer: Answer, more: dict[str, object], status: str
) -> None:
    bench.spaces.conflicts["a"] = [("a.txt",)]
    async with bench.begun(a_task("a")):
        point = await bench.until_asked()
        assert point.kind is BreakpointKind.CONFLICT
        assert "a.txt" in point.reason
        await bench.answer("b1", answer, **more)
        await bench.settle()
    assert bench.statuses() == {"a": status}
    (conflict,) = await bench.of_type(MergeConflict)
    assert conflict.event == MergeConflict(("a.txt",))
    if answer is Answer.RETRY:
        prompt = bench.agent.of("a")[1].assignment.prompt
        assert "conflicts with what other tasks merged" in prompt
        assert "a.txt" in prompt
        assert "keep both" in prompt
        assert bench.spaces.count("rebase", "a") == 1


async def test_a_real_conflict_leaves_markers_for_the_agent(bench: Bench) -> None:
    hold = asyncio.Event()
    bench.agent.scripts["a", 1] = [Write("same.txt", "a"), FINISHED]
    bench.agent.scripts["b", 1] = [Until(hold), Write("same.txt", "b"), FINISHED]
    bench.agent.scripts["b", 2] = [Write("same.txt", "a and b"), FINISHED]
    async with bench.begun(a_task("a"), a_task("b")):
        await a_before_b(bench, hold)
        await bench.until_asked()
        await bench.answer("b1", Answer.RETRY)
        await bench.settle()
    assert bench.spaces.commits[bench.spaces.tip]["same.txt"] == "a and b"
    assert bench.statuses() == {"a": "completed", "b": "completed"}


CONFLICT_POLICIES = [
    (BreakpointPolicy.FAIL, "failed", 1),
    (BreakpointPolicy.ACCEPT, "failed", 1),
    (BreakpointPolicy.SKIP, "waiting", 3),
]


@pytest.mark.parametrize(("policy", "status", "code"), CONFLICT_POLICIES)
async def test_what_a_policy_makes_of_a_conflict(
    bench: Bench, policy: BreakpointPolicy, status: str, code: int
) -> None:
    bench.spaces.conflicts["a"] = [("a.txt",)]
    await bench.ran(a_task("a"), options=Options(on_breakpoint=policy))
    assert bench.statuses() == {"a": status}
    last = (await bench.history())[-1].event
    assert isinstance(last, RunFinished)
    assert last.exit_code == code


async def test_a_branch_that_moves_under_the_merge_is_merged_with_again(bench: Bench) -> None:
    bench.spaces.refusals["a"] = 2
    await bench.ran(a_task("a"))
    assert bench.spaces.count("merge", "a") == 3
    assert len(await bench.of_type(MergeDone)) == 1


async def test_one_merges_at_a_time(bench: Bench) -> None:
    bench.spaces.holds["adopt"] = asyncio.Event()
    async with bench.begun(*(a_task(name) for name in "abc")):
        await bench.bell.until(lambda: [m for m, _ in bench.spaces.calls if m == "adopt"])
        await bench.bell.until(
            lambda: sum(task.phase == "merging" for task in bench.last.tasks.values()) == 3
        )
        assert sum(method == "merge" for method, _ in bench.spaces.calls) == 1
        bench.spaces.holds.pop("adopt").set()
        await bench.settle()
    assert set(bench.statuses().values()) == {"completed"}


async def test_a_task_that_changes_nothing_is_not_merged(bench: Bench) -> None:
    bench.agent.scripts["a", 1] = [FINISHED]
    await bench.ran(a_task("a", changes=Changes.OPTIONAL))
    assert bench.statuses() == {"a": "completed"}
    assert await bench.of_type(MergeDone) == []
