"""How good the work is and how sure that is, 0 to 100, with the parts it is made of.

Score: the mean of the parts that exist, by weight; what was not looked at holds the score down.
Confidence: of what an attempt's course says, and never above the judge's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conductor_tui.domain.ports.work import CheckResult

WEIGHTS = {"tests": 40, "judge": 40, "files": 20}
"""Checklist, part 3."""

CAP_WITHOUT_TESTS = CAP_WITHOUT_JUDGE = 85.0
CAP_FILES_ONLY = 60.0


@dataclass(frozen=True, slots=True)
class Score:
    """The two numbers, and where they come from."""

    score: float
    confidence: float
    parts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Course:
    """How an attempt went, apart from its result."""

    finished: bool
    """The agent ended its turn by itself."""
    answered: bool
    """Its answer is complete: no limit, no refusal."""
    before: int
    """Attempts of the present budget that came before this one."""
    budget: int
    """How many attempts the budget allows."""


def tests_part(checks: Sequence[CheckResult]) -> float | None:
    """Return the share of green checks; None where none was run."""
    if not checks:
        return None
    return 100.0 * sum(check.ok for check in checks) / len(checks)


def files_part(changed: int, outside: int, wanted: bool, forbidden: bool) -> float:
    """Return how well the changed files are those that were to be changed.

    Args:
        changed: how many files were.
        outside: how many of them lie outside the task's paths.
        wanted: the task needs a change.
        forbidden: the task must not make one.
    """
    if not changed:
        return 0.0 if wanted else 100.0
    return 0.0 if forbidden else 100.0 * (changed - outside) / changed


def score_of(
    tests: float | None,
    judge: float | None,
    files: float,
    course: Course,
    sure: float | None = None,
) -> Score:
    """Return score and confidence (checklist, part 3).

    Args:
        tests: share of green checks, 0 to 100; None where none was run.
        judge: the judge's score; None where none judged.
        files: how well the changed files are the wanted ones.
        course: how the attempt went.
        sure: the judge's own confidence; None where none judged.
    """
    parts = {"tests": tests, "judge": judge, "files": files}
    known = {name: value for name, value in parts.items() if value is not None}
    weight = sum(WEIGHTS[name] for name in known)
    score = sum(value * WEIGHTS[name] for name, value in known.items()) / weight
    cap = 100.0
    if tests is None and judge is None:
        cap = CAP_FILES_ONLY
    elif tests is None:
        cap = CAP_WITHOUT_TESTS
    elif judge is None:
        cap = CAP_WITHOUT_JUDGE
    score = min(score, cap)
    spent = min(1.0, course.before / max(1, course.budget))
    confidence = 100 * (
        0.3 * course.answered + 0.4 * score / 100 + 0.1 * course.finished + 0.2 * (1 - spent)
    )
    if sure is not None:
        confidence = min(confidence, sure)
    shown = {name: None if value is None else round(value, 1) for name, value in parts.items()}
    return Score(round(score, 1), round(confidence, 1), {**shown, "cap": cap})
