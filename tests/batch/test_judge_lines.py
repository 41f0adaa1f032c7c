"""What people without a screen read of the judge."""

from __future__ import annotations

from dataclasses import replace

from conductor_tui.batch.printers import describe
from conductor_tui.batch.report import render
from conductor_tui.domain.events import (
    AttemptFinished,
    DecisionMade,
    TaskCompleted,
    TaskWaiting,
)
from conductor_tui.domain.judge_events import JudgeAway, JudgeVerdict
from conductor_tui.domain.values import DecisionAction, Outcome, Usage, WaitReason
from conductor_tui.domain.views import Snapshot
from tests.state.build import fold

FINISHED = AttemptFinished(True, "completed", Usage(), None, 1)
VERDICT = JudgeVerdict({"score": 92, "confidence": 45, "summary": "Fine."}, "qwen3-coder:30b", 1.5)
STRUCK = {"cited": "a.py:9", "for": "x", "why": "no hunk"}
ACCEPTED = (
    DecisionMade(DecisionAction.ACCEPT, 96, 45, {}, "judged 92"),
    TaskCompleted(Outcome.SUCCESS, "c0ffee"),
)


def of_the_demo(*events: object) -> str:
    snapshot: Snapshot = fold(FINISHED, *events)  # type: ignore[arg-type]
    return render(snapshot)


def test_a_verdict_is_one_line() -> None:
    told = describe(VERDICT)
    assert told is not None
    assert told[2] == "92 by qwen3-coder:30b, confidence 45: Fine."
    told = describe(replace(VERDICT, struck=(STRUCK,), not_judged=("logo.png",)))
    assert told is not None
    assert "1 citation struck, not shown: logo.png" in told[2]


def test_an_outage_says_why() -> None:
    assert describe(JudgeAway("nobody answers")) == ("judge away", "yellow", "nobody answers")


def test_the_report_names_who_judged() -> None:
    report = of_the_demo(VERDICT, *ACCEPTED)
    assert "judged 92 by qwen3-coder:30b" in report
    # The task has no check, so the judge's word is all there is.
    assert "a: it has no check (accepted on the word of qwen3-coder:30b)" in report


def test_the_report_says_what_waits_for_a_judge() -> None:
    report = of_the_demo(JudgeAway("nobody answers"), TaskWaiting(WaitReason.JUDGE))
    assert "a  waiting: judge (nobody answers)" in report
