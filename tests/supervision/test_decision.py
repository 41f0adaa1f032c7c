"""What follows from each kind of evidence, and that worse evidence never ends better."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.domain.ports.work import CheckResult
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Changes, DecisionAction, Scope
from conductor_tui.domain.views import FileView
from conductor_tui.supervision.decision import Evidence, decide, merged_feedback, outside_paths

ACCEPT, RETRY, ASK, FAIL = DecisionAction

TASK = Task("a", "Add a", "Add a", checks=("make check",))
GREEN = CheckResult("make check", Scope.WORKSPACE, True, 0, 0.1, "fine")
RED = CheckResult("make check", Scope.WORKSPACE, False, 2, 0.1, "line 1\nerror: no such thing")
STOPPED = replace(RED, exit_code=None, output="")
FILE = FileView("src/a.py", "added", 3, 0)
GOOD = Evidence(True, "completed", (FILE,), (GREEN,), 2)


@pytest.mark.parametrize(
    ("task", "evidence", "action", "reason"),
    [
        (TASK, GOOD, ACCEPT, "1 check green, 1 file changed"),
        (TASK, replace(GOOD, checks=(RED,)), RETRY, "`make check` exited with 2"),
        (TASK, replace(GOOD, checks=(STOPPED,)), RETRY, "`make check` was stopped"),
        (TASK, replace(GOOD, checks=(RED,), attempts_left=0), ASK, "all 3 attempts are used up"),
        (TASK, replace(GOOD, files=()), RETRY, "no file was changed"),
        (TASK, replace(GOOD, ok=False, reason="it was silent"), RETRY, "it was silent"),
        (TASK, replace(GOOD, ok=False, reason="login"), ASK, "cannot work: login"),
        (replace(TASK, paths=("docs/**",)), GOOD, ASK, "src/a.py"),
        (replace(TASK, paths=("src/*.py",)), GOOD, ACCEPT, "green"),
        (replace(TASK, changes=Changes.NONE), GOOD, RETRY, "must not change any"),
        (replace(TASK, changes=Changes.NONE), replace(GOOD, files=()), ACCEPT, "green"),
        (replace(TASK, changes=Changes.OPTIONAL), replace(GOOD, files=()), ACCEPT, "green"),
        (replace(TASK, checks=()), replace(GOOD, checks=()), ASK, "nothing proves the work"),
        (replace(TASK, checks=()), replace(GOOD, checks=(), judged=True), ACCEPT, "judged"),
    ],
)
def test_each_row(task: Task, evidence: Evidence, action: DecisionAction, reason: str) -> None:
    decision = decide(task, evidence)
    assert decision.action is action
    assert reason in decision.reason


def test_the_agent_is_told_what_failed_and_how() -> None:
    told = decide(TASK, replace(GOOD, checks=(RED,))).feedback
    assert "`make check` exited with 2" in told
    assert "error: no such thing" in told


def test_of_a_long_output_the_end_is_told() -> None:
    long = replace(RED, output="\n".join(f"line {n}" for n in range(1000)))
    told = decide(TASK, replace(GOOD, checks=(long,))).feedback
    assert "line 999" in told
    assert "line 1\n" not in told


def test_after_a_merge_the_agent_is_told_that_others_changed_things() -> None:
    assert "other tasks were merged" in merged_feedback([RED])
    assert merged_feedback([GREEN]) == ""


@pytest.mark.parametrize(
    ("globs", "path", "outside"),
    [
        (("textkit/**",), "textkit/slug.py", False),
        (("textkit/**",), "tests/test_slug.py", True),
        (("*.md",), "docs/deep/page.md", False),
        (("/README.md",), "docs/README.md", True),
        ((), "anything", False),
    ],
)
def test_paths_are_gitignore_globs(globs: tuple[str, ...], path: str, outside: bool) -> None:
    task = replace(TASK, paths=globs)
    assert outside_paths(task, [FileView(path, "modified", 1, 1)]) == ([path] if outside else [])


checks = st.lists(st.sampled_from([GREEN, RED, STOPPED]), max_size=3).map(tuple)
evidences = st.builds(
    Evidence,
    ok=st.booleans(),
    reason=st.sampled_from(["completed", "login", "it was silent"]),
    files=st.sampled_from([(), (FILE,)]),
    checks=checks,
    attempts_left=st.integers(0, 3),
    judged=st.booleans(),
)
tasks = st.builds(replace, st.just(TASK), changes=st.sampled_from(list(Changes)))


@given(tasks, evidences)
def test_a_check_that_turns_red_never_helps(task: Task, evidence: Evidence) -> None:
    worse = replace(evidence, checks=(*evidence.checks, RED))
    assert decide(task, worse).action is not ACCEPT


@given(tasks, evidences)
def test_nothing_is_accepted_without_proof(task: Task, evidence: Evidence) -> None:
    if decide(task, evidence).action is ACCEPT:
        assert evidence.ok
        assert evidence.checks or evidence.judged
        assert all(check.ok for check in evidence.checks)


@given(tasks, evidences)
def test_no_attempt_is_made_beyond_the_budget(task: Task, evidence: Evidence) -> None:
    if evidence.attempts_left == 0:
        assert decide(task, evidence).action is not RETRY
