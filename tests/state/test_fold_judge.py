"""What a judge's events change in the picture of a task."""

from __future__ import annotations

import pytest

from conductor_tui.domain.codec import from_line, to_line
from conductor_tui.domain.events import AttemptFinished, Draft, Event, TaskWaiting
from conductor_tui.domain.judge_events import JudgeAway, JudgeVerdict
from conductor_tui.domain.values import TaskStatus, Usage, WaitReason
from conductor_tui.domain.views import Step
from conductor_tui.state.rows import task_of, task_row
from tests.state.build import queue, record, task_after

FINISHED = AttemptFinished(True, "completed", Usage(), None, 1)
VERDICT = JudgeVerdict(
    {"requirements": [], "issues": [], "score": 90, "confidence": 80, "summary": "Fine."},
    "qwen3-coder:30b",
    1.5,
    ({"cited": "a.py:9", "for": "it works", "why": "no hunk of the diff holds this line"},),
    ("logo.png (binary)",),
    "c0ffee",
)
AWAY = JudgeAway("nobody answers")


def test_a_verdict_stands_on_its_attempt_with_who_gave_it() -> None:
    task = task_after(FINISHED, VERDICT)
    assert task.attempt is not None
    assert task.attempt.verdict == {
        **VERDICT.verdict,
        "model": "qwen3-coder:30b",
        "duration_s": 1.5,
        "struck": [dict(VERDICT.struck[0])],
        "not_judged": ["logo.png (binary)"],
        "key": "c0ffee",
        "cached": False,
    }
    assert task.step is Step.CHECK


def test_an_outage_says_why_and_leaves_the_step() -> None:
    task = task_after(FINISHED, AWAY, TaskWaiting(WaitReason.JUDGE))
    assert (task.status, task.waiting) == (TaskStatus.WAITING, WaitReason.JUDGE)
    assert (task.step, task.reason, task.attempts_left) == (Step.CHECK, "nobody answers", 2)
    back = task_after(FINISHED, AWAY, TaskWaiting(WaitReason.JUDGE), queue("a", "ready"))
    assert (back.status, back.step, back.waiting) == (TaskStatus.QUEUED, Step.CHECK, None)


def test_a_verdict_after_an_outage_forgets_it() -> None:
    assert task_after(FINISHED, AWAY, VERDICT).reason == ""


def test_a_verdict_of_an_attempt_that_is_not_known_changes_nothing() -> None:
    task = task_after(FINISHED, Draft(VERDICT, "a", 7))
    assert [attempt.verdict for attempt in task.attempts] == [None]


@pytest.mark.parametrize("event", [VERDICT, AWAY])
def test_they_come_back_from_the_disk(event: Event) -> None:
    (recorded,) = record([event])
    assert from_line(to_line(recorded)).event == event
    task = task_after(FINISHED, event)
    assert task_of(task_row(task)) == task
