"""What follows from the evidence of one attempt: a pure function, gates first.

Deterministic evidence decides. A judge can turn green into another attempt or a question to a
human, never red into green. Without any proof (no check, no judge) a human is asked, because an
agent's own word that it is done proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pathspec import GitIgnoreSpec

from conductor_tui.domain.ports.work import CheckResult
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Changes, Completion, DecisionAction
from conductor_tui.domain.views import FileView
from conductor_tui.supervision.judging import Judgement
from conductor_tui.supervision.scoring import Course, Score, files_part, score_of, tests_part
from conductor_tui.supervision.standing import (
    DEFAULT_QUALITY,
    Quality,
    judge_feedback,
    judged_gap,
)

FEEDBACK_LINES = 80
"""How many lines of a failed check's output the agent is shown; the end is where errors stand."""

_UNUSABLE = frozenset({"login", "billing", "unknown_agent", "budget"})
"""Ends of a turn that no further attempt mends."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one finished attempt."""

    ok: bool
    """The agent ended its turn by itself, without an error."""
    reason: str
    """Why it ended."""
    files: tuple[FileView, ...]
    checks: tuple[CheckResult, ...]
    attempts_left: int
    judgement: Judgement | None = None
    """What a judge found; None where none was asked."""
    unjudged: str = ""
    """Why a judge that was asked gave no verdict; empty where it did, or none was asked."""
    known: frozenset[str] = frozenset()
    """Fingerprints of what was held against earlier attempts of this budget."""
    pending: str = ""
    """What a judge wanted mended in the attempt before, which had no verdict since."""
    detail: str = ""
    """What the agent's program said where it ended badly."""


@dataclass(frozen=True, slots=True)
class Decision:
    """An action, its reason for humans, and the feedback for the agent."""

    action: DecisionAction
    reason: str
    feedback: str = ""
    parts: dict[str, Any] = field(default_factory=dict)
    score: float | None = None
    confidence: float | None = None


def decide(task: Task, evidence: Evidence, quality: Quality = DEFAULT_QUALITY) -> Decision:
    """Return what is to be done with a task after an attempt.

    Args:
        task: the task.
        evidence: all that is known of the attempt.
        quality: the scores at which a judge's verdict passes, is tried again or asked about.
    """
    score = grade(task, evidence)
    decision = (
        stopped_at_gate(task, evidence)
        or _after_judging(task, evidence, quality, score)
        or Decision(DecisionAction.ACCEPT, _praise(evidence))
    )
    return replace(
        decision,
        parts=_parts(evidence, score),
        score=score.score,
        confidence=score.confidence,
    )


def stopped_at_gate(task: Task, evidence: Evidence) -> Decision | None:
    """Return the decision that needs no judge: the answer, the changes, the checks, the paths."""
    if not evidence.ok and evidence.reason in _UNUSABLE:
        return _ask(f"the agent cannot work: {evidence.detail or evidence.reason}")
    gap = _response_gap(evidence) or _changes_gap(task, evidence) or _checks_gap(evidence.checks)
    if gap is not None:
        reason, feedback = gap
        if evidence.pending:
            feedback += f"\n\nStill to be done from before:\n\n{evidence.pending}"
        return _again(task, evidence, reason, feedback)
    outside = outside_paths(task, evidence.files)
    if outside:
        names = ", ".join(outside[:5]) + (" …" if len(outside) > 5 else "")
        return _ask(f"files outside the task's paths were changed: {names}")
    return None


def _after_judging(
    task: Task, evidence: Evidence, quality: Quality, score: Score
) -> Decision | None:
    """Return what a judge's verdict, or the want of one, has against green work."""
    if evidence.unjudged:
        return _ask(f"the judge gave no verdict: {evidence.unjudged}")
    judgement = evidence.judgement
    if judgement is None:
        taken = evidence.checks or task.completion is Completion.EXIT
        return None if taken else _ask("nothing proves the work: the task has no check")
    gap = judged_gap(judgement, quality, score, evidence.known, critical=task.critical)
    if gap is None:
        if evidence.checks or any(one.evidence for one in judgement.verdict.having("met")):
            return None
        return _ask("nothing proves the work: no check, and the judge shows no evidence")
    told = judge_feedback(judgement)
    if gap.mendable:
        return _again(task, evidence, gap.reason, told)
    return replace(_ask(gap.reason), feedback=told)


def _ask(reason: str) -> Decision:
    return Decision(DecisionAction.ASK, reason)


def _again(task: Task, evidence: Evidence, reason: str, feedback: str) -> Decision:
    if evidence.attempts_left > 0:
        return Decision(DecisionAction.RETRY, reason, feedback)
    used_up = f"{reason}; all {task.attempts} attempts are used up"
    return Decision(DecisionAction.ASK, used_up, feedback)


def grade(task: Task, evidence: Evidence) -> Score:
    """Return score and confidence of an attempt (checklist, part 3)."""
    verdict = evidence.judgement.verdict if evidence.judgement is not None else None
    return score_of(
        tests_part(evidence.checks),
        None if verdict is None else float(verdict.score),
        files_part(
            len(evidence.files),
            len(outside_paths(task, evidence.files)),
            task.changes is Changes.REQUIRED,
            task.changes is Changes.NONE,
        ),
        Course(
            finished=evidence.ok,
            answered=evidence.ok,
            before=max(0, task.attempts - evidence.attempts_left - 1),
            budget=task.attempts,
        ),
        None if verdict is None else float(verdict.confidence),
    )


def outside_paths(task: Task, files: Sequence[FileView]) -> list[str]:
    """Return the changed files that the task's ``paths`` (gitignore globs) do not name."""
    if not task.paths:
        return []
    expected = GitIgnoreSpec.from_lines(task.paths)
    return [file.path for file in files if not expected.match_file(file.path)]


def merged_feedback(checks: Sequence[CheckResult]) -> str:
    """Return what the agent is told when its work fails only together with the others'."""
    gap = _checks_gap(checks)
    if gap is None:
        return ""
    return (
        "Meanwhile other tasks were merged. Their changes are now in your working tree, together "
        f"with yours, and the result is not right yet.\n\n{gap[1]}"
    )


def _response_gap(evidence: Evidence) -> tuple[str, str] | None:
    if evidence.ok:
        return None
    said = f" ({evidence.detail})" if evidence.detail else ""
    return (
        f"the agent did not finish: {evidence.reason}{said}",
        f"The last attempt did not finish ({evidence.reason}). Go on and finish the task.",
    )


def _changes_gap(task: Task, evidence: Evidence) -> tuple[str, str] | None:
    if task.changes is Changes.REQUIRED and not evidence.files:
        return (
            "no file was changed",
            "No file was changed, but the task needs a change on disk. Make it now.",
        )
    if task.changes is Changes.NONE and evidence.files:
        names = ", ".join(file.path for file in evidence.files[:20])
        return (
            "files were changed, but the task must not change any",
            f"This task must not change any file. Undo your changes of: {names}",
        )
    return None


def _checks_gap(checks: Sequence[CheckResult]) -> tuple[str, str] | None:
    red = [check for check in checks if not check.ok]
    if not red:
        return None
    reason = "; ".join(f"check `{check.check}` {_how(check)}" for check in red)
    told = "\n\n".join(
        f"The check `{check.check}` {_how(check)}. The end of its output:\n\n"
        f"```\n{_tail(check.output)}\n```"
        for check in red
    )
    return reason, f"{told}\n\nMend the cause, not the check."


def _how(check: CheckResult) -> str:
    return "was stopped" if check.exit_code is None else f"exited with {check.exit_code}"


def _tail(text: str) -> str:
    return "\n".join(text.rstrip().splitlines()[-FEEDBACK_LINES:])


def _praise(evidence: Evidence) -> str:
    said = []
    if evidence.checks:
        said.append(f"{len(evidence.checks)} check{'s' if len(evidence.checks) != 1 else ''} green")
    if evidence.judgement is not None:
        said.append(f"judged {evidence.judgement.verdict.score}")
    changed = f"{len(evidence.files)} file{'s' if len(evidence.files) != 1 else ''} changed"
    return ", ".join([*said, changed])


def _parts(evidence: Evidence, score: Score) -> dict[str, Any]:
    judgement = evidence.judgement
    parts: dict[str, Any] = {
        "response": "ok" if evidence.ok else evidence.reason,
        "files_changed": len(evidence.files),
        "checks": {check.check: check.ok for check in evidence.checks},
        "judge": evidence.unjudged or "not run",
        "attempts_left": evidence.attempts_left,
        "score": score.parts,
    }
    if judgement is not None:
        verdict = judgement.verdict
        parts["judge"] = {
            "score": verdict.score,
            "confidence": verdict.confidence,
            "not_met": len(verdict.having("not_met")),
            "unclear": len(verdict.having("unclear")),
            "blocking": len(verdict.blocking),
            "struck": len(judgement.struck),
            "not_judged": list(judgement.not_judged),
        }
    return parts
