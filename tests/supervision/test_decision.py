"""What follows from each kind of evidence, and that worse evidence never ends better."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor_tui.domain.ports.work import CheckResult
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Changes, Completion, DecisionAction, Scope
from conductor_tui.domain.views import FileView
from conductor_tui.supervision.decision import (
    Evidence,
    decide,
    merged_feedback,
    outside_paths,
    stopped_at_gate,
)
from conductor_tui.supervision.judging import Judgement
from conductor_tui.supervision.standing import Quality, fingerprints
from tests.supervision.judged import issue, judgement, requirement

ACCEPT, RETRY, ASK, FAIL = DecisionAction

TASK = Task("a", "Add a", "Add a", checks=("make check",))
GREEN = CheckResult("make check", Scope.WORKSPACE, True, 0, 0.1, "fine")
RED = CheckResult("make check", Scope.WORKSPACE, False, 2, 0.1, "line 1\nerror: no such thing")
STOPPED = replace(RED, exit_code=None, output="")
FILE = FileView("src/a.py", "added", 3, 0)
GOOD = Evidence(True, "completed", (FILE,), (GREEN,), 2)
FINE = judgement()


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
        (
            replace(TASK, checks=(), completion=Completion.EXIT),
            replace(GOOD, checks=()),
            ACCEPT,
            "",
        ),
        (replace(TASK, checks=()), replace(GOOD, checks=(), judgement=FINE), ACCEPT, "judged 90"),
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
requirements = st.lists(st.sampled_from(["met", "not_met", "unclear"]).map(requirement), max_size=3)
issues = st.lists(st.sampled_from(["blocking", "major", "minor"]).map(issue), max_size=2)
judgements = st.builds(
    judgement,
    not_judged=st.sampled_from([(), ("logo.png (binary)",)]),
    requirements=requirements,
    issues=issues,
    score=st.integers(0, 100),
    confidence=st.integers(0, 100),
    feedback=st.sampled_from(["", "Mend it."]),
)
evidences = st.builds(
    Evidence,
    ok=st.booleans(),
    reason=st.sampled_from(["completed", "login", "it was silent"]),
    files=st.sampled_from([(), (FILE,)]),
    checks=checks,
    attempts_left=st.integers(0, 3),
    judgement=st.none() | judgements,
    unjudged=st.sampled_from(["", "", "prose only"]),
    known=st.sampled_from(
        [frozenset(), fingerprints(judgement(issues=[issue("blocking")]).verdict)]
    ),
)
tasks = st.builds(
    replace, st.just(TASK), changes=st.sampled_from(list(Changes)), critical=st.booleans()
)


@given(tasks, evidences)
def test_a_check_that_turns_red_never_helps(task: Task, evidence: Evidence) -> None:
    worse = replace(evidence, checks=(*evidence.checks, RED))
    assert decide(task, worse).action is not ACCEPT


@given(tasks, evidences, judgements)
def test_no_judge_turns_red_into_green(task: Task, evidence: Evidence, said: Judgement) -> None:
    without = replace(evidence, judgement=None, unjudged="")
    judged = replace(without, judgement=said)
    gate = stopped_at_gate(task, without)
    if gate is not None:
        assert decide(task, judged).action is gate.action is not ACCEPT
    if evidence.checks and decide(task, judged).action is ACCEPT:
        assert decide(task, without).action is ACCEPT


@given(tasks, evidences)
def test_nothing_is_accepted_without_proof(task: Task, evidence: Evidence) -> None:
    if decide(task, evidence).action is ACCEPT:
        assert evidence.ok
        assert evidence.checks or (
            evidence.judgement is not None
            and any(one.evidence for one in evidence.judgement.verdict.having("met"))
        )
        assert all(check.ok for check in evidence.checks)


@given(tasks, evidences)
def test_no_attempt_is_made_beyond_the_budget(task: Task, evidence: Evidence) -> None:
    if evidence.attempts_left == 0:
        assert decide(task, evidence).action is not RETRY


@given(tasks, evidences, judgements, st.data())
def test_a_worse_verdict_never_helps(
    task: Task, evidence: Evidence, said: Judgement, data: st.DataObject
) -> None:
    """Accepted work was accepted with the better verdict too."""
    verdict = said.verdict
    worse = verdict.model_copy(
        update={
            "score": data.draw(st.integers(0, verdict.score)),
            "confidence": data.draw(st.integers(0, verdict.confidence)),
            "issues": (*verdict.issues, *judgement(issues=data.draw(issues)).verdict.issues),
            "requirements": tuple(
                one.model_copy(update={"status": data.draw(st.sampled_from(WORSE[one.status]))})
                for one in verdict.requirements
            ),
        }
    )
    missing = (*said.not_judged, *data.draw(st.sampled_from([(), ("b.bin",)])))
    better = replace(evidence, judgement=said)
    after = replace(evidence, judgement=Judgement(worse, (), missing))
    if decide(task, after).action is ACCEPT:
        assert decide(task, better).action is ACCEPT
    assert decide(task, after).score <= decide(task, better).score  # type: ignore[operator]
    assert decide(task, after).confidence <= decide(task, better).confidence  # type: ignore[operator]


WORSE = {
    "met": ["met", "unclear", "not_met"],
    "unclear": ["unclear", "not_met"],
    "not_met": ["not_met"],
}


@given(tasks, evidences)
def test_every_number_is_between_nothing_and_all(task: Task, evidence: Evidence) -> None:
    decision = decide(task, evidence)
    assert 0 <= (decision.score or 0) <= 100
    assert 0 <= (decision.confidence or 0) <= 100
    assert decision.action is not FAIL
    assert decision.reason


# -- the judge ------------------------------------------------------------------------------------

NOT_MET: dict[str, Any] = {
    "requirements": [requirement("met"), requirement("not_met", "marks are stripped")]
}
UNCLEAR: dict[str, Any] = {
    "requirements": [requirement("met"), requirement("unclear", "it is fast")]
}
BLOCKING: dict[str, Any] = {"issues": [issue("blocking", "it fails on an empty text", line=14)]}
MAJOR: dict[str, Any] = {"issues": [issue("major")]}
BARE = replace(TASK, checks=())


@pytest.mark.parametrize(
    ("said", "action", "reason"),
    [
        ({}, ACCEPT, "1 check green, judged 90, 1 file changed"),
        (MAJOR, ACCEPT, "judged 90"),
        ({"score": 78}, ACCEPT, "judged 78"),
        ({"score": 70}, ACCEPT, "judged 70"),
        ({"requirements": []}, ACCEPT, "judged"),
        (NOT_MET, RETRY, "not met: marks are stripped"),
        (NOT_MET | {"score": 5}, RETRY, "not met"),
        (BLOCKING, RETRY, "textkit/slug.py:14: it fails on an empty text"),
        (UNCLEAR, ASK, "cannot tell whether this is met: it is fast"),
        (UNCLEAR | BLOCKING, RETRY, "it fails"),
        ({"score": 69} | MAJOR, RETRY, "the score 69 is below 70: Fine."),
        ({"score": 69, "feedback": "Mend it."}, RETRY, "below 70"),
        ({"score": 60}, ASK, "the score 60 is below 70"),
        ({"score": 49}, RETRY, "the score 49 is below 70"),
        ({"score": 29} | MAJOR, ASK, "the score 29 is below 70"),
        ({"confidence": 29}, ASK, "a confidence of 29 only"),
        ({"confidence": 30}, ACCEPT, "judged"),
    ],
)
def test_each_row_of_a_verdict_on_green_work(
    said: dict[str, Any], action: DecisionAction, reason: str
) -> None:
    decision = decide(TASK, replace(GOOD, judgement=judgement(**said)))
    assert decision.action is action
    assert reason in decision.reason


@pytest.mark.parametrize("said", [NOT_MET, BLOCKING, {"score": 49}])
def test_without_attempts_left_a_red_judge_asks(said: dict[str, Any]) -> None:
    decision = decide(TASK, replace(GOOD, attempts_left=0, judgement=judgement(**said)))
    assert decision.action is ASK
    assert "all 3 attempts are used up" in decision.reason


@pytest.mark.parametrize("said", [NOT_MET, BLOCKING])
def test_the_same_twice_asks(said: dict[str, Any]) -> None:
    known = fingerprints(judgement(**said).verdict)
    decision = decide(TASK, replace(GOOD, judgement=judgement(**said), known=known))
    assert decision.action is ASK
    assert "the same as before" in decision.reason
    other = judgement(issues=[issue("blocking", "something else")])
    assert decide(TASK, replace(GOOD, judgement=other, known=known)).action is RETRY


def test_a_fingerprint_outlives_lines_and_wordings() -> None:
    first = judgement(issues=[issue("blocking", "It fails, on an EMPTY text.", line=14)]).verdict
    again = judgement(issues=[issue("blocking", "it fails on an empty text", line=11)]).verdict
    assert fingerprints(first) == fingerprints(again) != frozenset()
    assert fingerprints(judgement(**MAJOR).verdict) == frozenset()


def test_what_was_not_shown_asks() -> None:
    decision = decide(TASK, replace(GOOD, judgement=judgement(("logo.png (binary)",))))
    assert decision.action is ASK
    assert "not judged: logo.png (binary)" in decision.reason


def test_a_critical_task_needs_a_confident_judge() -> None:
    critical = replace(TASK, critical=True)
    doubtful = replace(GOOD, judgement=judgement(confidence=49))
    assert decide(critical, doubtful).action is ASK
    assert decide(TASK, doubtful).action is ACCEPT
    assert decide(critical, replace(GOOD, judgement=judgement(confidence=50))).action is ACCEPT


def test_thresholds_are_those_of_the_settings() -> None:
    said = replace(GOOD, judgement=judgement(score=80))
    assert decide(TASK, said, Quality(90, 50, 30)).action is ASK
    assert decide(TASK, said, Quality(90, 85, 30)).action is RETRY
    assert decide(TASK, said, Quality(90, 85, 82)).action is ASK
    assert decide(TASK, said, Quality(80, 50, 30)).action is ACCEPT


def test_no_verdict_is_never_a_pass() -> None:
    decision = decide(TASK, replace(GOOD, unjudged="prose only"))
    assert decision.action is ASK
    assert "the judge gave no verdict: prose only" in decision.reason


@pytest.mark.parametrize("said", [{"requirements": []}, {"requirements": [requirement("unclear")]}])
def test_a_judge_alone_has_to_show_evidence(said: dict[str, Any]) -> None:
    decision = decide(BARE, replace(GOOD, checks=(), judgement=judgement(**said)))
    assert decision.action is ASK


def test_red_checks_stay_red_whatever_the_judge_says() -> None:
    decision = decide(TASK, replace(GOOD, checks=(RED,), judgement=judgement(score=100)))
    assert decision.action is RETRY
    assert decision.parts["score"]["tests"] == 0


def test_the_agent_is_told_where() -> None:
    said = NOT_MET | BLOCKING | {"feedback": "Use casefold()."}
    told = decide(TASK, replace(GOOD, judgement=judgement(**said))).feedback
    assert "- textkit/slug.py:14: it fails on an empty text (blocking)" in told
    assert "- not done yet: marks are stripped" in told
    assert "Use casefold()." in told


def test_what_the_judge_wanted_is_not_forgotten_when_a_check_turns_red() -> None:
    told = decide(TASK, replace(GOOD, checks=(RED,), pending="Use casefold().")).feedback
    assert "error: no such thing" in told
    assert "Still to be done from before:\n\nUse casefold()." in told


@pytest.mark.parametrize(
    ("evidence", "score", "confidence"),
    [
        (GOOD, 85, 94),  # no judge: the score is held down
        (replace(GOOD, judgement=FINE), 96, 80),
        (replace(GOOD, judgement=judgement(score=78, confidence=100)), 91.2, 96.5),
        (replace(GOOD, checks=(), judgement=judgement(score=100)), 85, 80),
        (replace(GOOD, checks=()), 60, 84),
        (replace(GOOD, checks=(GREEN, RED)), 66.7, 86.7),
        (replace(GOOD, checks=(), files=()), 0, 60),
        (replace(GOOD, attempts_left=0), 85, 80.7),
        (replace(GOOD, ok=False), 85, 54),
    ],
)
def test_score_and_confidence(evidence: Evidence, score: float, confidence: float) -> None:
    decision = decide(TASK, evidence)
    assert (decision.score, decision.confidence) == (score, confidence)
    assert set(decision.parts["score"]) == {"tests", "judge", "files", "cap"}
