"""What a judge's verdict has against work whose gates are passed, and what the agent is told of it.

A judge can only take away: nothing here makes anything accepted.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from conductor_tui.supervision.judging import Judgement, same
from conductor_tui.supervision.scoring import Score
from conductor_tui.supervision.verdict import Issue, Verdict

CRITICAL_CONFIDENCE = 50
"""Confidence below which a critical task is not accepted without a human (checklist, part 3)."""

_NAMED = 3
"""How many things a reason names; the verdict has all of them."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Scores, 0 to 100, at which judged work passes, is tried again, or is put before a human."""

    passing: int = 70
    retry_below: int = 50
    breakpoint_below: int = 30


DEFAULT_QUALITY = Quality()
"""What holds where the settings say nothing (contract, section 4)."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Why judged work is not accepted."""

    reason: str
    mendable: bool
    """The agent can be told what to do; otherwise a human has to look."""


def judged_gap(
    judgement: Judgement, quality: Quality, score: Score, known: Set[str], *, critical: bool
) -> Gap | None:
    """Return the first thing that keeps judged work from being accepted, None where nothing does.

    Args:
        judgement: what the judge found.
        quality: the thresholds.
        score: of the attempt as a whole.
        known: fingerprints of what was held against earlier attempts.
        critical: the task may not be accepted on a doubtful verdict.
    """
    return (
        _found(judgement.verdict, known)
        or _unseen(judgement)
        or _low(judgement.verdict, quality, score)
        or _unsure(judgement.verdict, quality, score, critical=critical)
    )


def _found(verdict: Verdict, known: Set[str]) -> Gap | None:
    found = [f"{_at(issue)}{issue.text}" for issue in verdict.blocking]
    found += [f"not met: {one.text}" for one in verdict.having("not_met")]
    if not found:
        return None
    if fingerprints(verdict) & known:
        return Gap(f"the judge finds the same as before: {_some(found)}", mendable=False)
    return Gap(f"the judge found: {_some(found)}", mendable=True)


def _unseen(judgement: Judgement) -> Gap | None:
    if not judgement.not_judged:
        return None
    missing = _some(list(judgement.not_judged))
    return Gap(f"not all could be shown to the judge; not judged: {missing}", mendable=False)


def _low(verdict: Verdict, quality: Quality, score: Score) -> Gap | None:
    graded = min(score.score, float(verdict.score))
    if graded >= quality.passing:
        return None
    said = f"the score {graded:g} is below {quality.passing}"
    if verdict.summary:
        said += f": {_line(verdict.summary)}"
    if graded < quality.breakpoint_below:
        return Gap(said, mendable=False)
    concrete = bool(verdict.issues or verdict.feedback)
    return Gap(said, mendable=concrete or graded < quality.retry_below)


def _unsure(verdict: Verdict, quality: Quality, score: Score, *, critical: bool) -> Gap | None:
    unclear = verdict.having("unclear")
    if unclear:
        named = _some([one.text for one in unclear])
        return Gap(f"the judge cannot tell whether this is met: {named}", mendable=False)
    least = CRITICAL_CONFIDENCE if critical else 0
    least = max(least, quality.breakpoint_below)
    if score.confidence < least:
        kind = "critical and " if critical else ""
        return Gap(
            f"the task is {kind}judged with a confidence of {score.confidence:g} only",
            mendable=False,
        )
    return None


def fingerprints(verdict: Verdict) -> frozenset[str]:
    """Return what is held against the work, each so that it is known again in the next verdict.

    Lines move and wordings gain marks, so neither counts.
    """
    issues = {f"issue {issue.file or ''} {same(issue.text)}" for issue in verdict.blocking}
    return frozenset(
        issues | {f"requirement {same(one.text)}" for one in verdict.having("not_met")}
    )


def judge_feedback(judgement: Judgement) -> str:
    """Return what the agent is told: each thing to mend with its file and line."""
    verdict = judgement.verdict
    lines = [f"- {_at(issue)}{issue.text} ({issue.severity})" for issue in verdict.issues]
    lines += [f"- not done yet: {one.text}" for one in verdict.having("not_met")]
    lines += [f"- cannot be seen to be done: {one.text}" for one in verdict.having("unclear")]
    told = ["A reviewer looked at your work and found:\n\n" + "\n".join(lines)] if lines else []
    if verdict.feedback:
        told.append(verdict.feedback)
    elif not lines and verdict.summary:
        told.append(f"A reviewer says of your work: {verdict.summary}")
    return "\n\n".join(told)


def _at(issue: Issue) -> str:
    return f"{issue.place}: " if issue.place else ""


def _some(found: list[str]) -> str:
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return "; ".join(map(_line, found[:_NAMED])) + more


def _line(text: str) -> str:
    return " ".join(text.split())
