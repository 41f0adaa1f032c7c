"""What follows from the evidence of one attempt: a pure function, gates first.

Deterministic evidence decides. Without any proof (no check, no judge) a human is asked, because
an agent's own word that it is done proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pathspec import GitIgnoreSpec

from conductor_tui.domain.ports.work import CheckResult
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import Changes, DecisionAction
from conductor_tui.domain.views import FileView

FEEDBACK_LINES = 80
"""How many lines of a failed check's output the agent is shown; the end is where errors stand."""

_UNUSABLE = frozenset({"login", "billing", "unknown_agent"})
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
    judged: bool = False
    """A judge looked at it and found nothing against it."""
    detail: str = ""
    """What the agent's program said where it ended badly."""


@dataclass(frozen=True, slots=True)
class Decision:
    """An action, its reason for humans, and the feedback for the agent."""

    action: DecisionAction
    reason: str
    feedback: str = ""
    parts: dict[str, Any] | None = None


def decide(task: Task, evidence: Evidence) -> Decision:
    """Return what is to be done with a task after an attempt."""
    parts = _parts(evidence)
    if not evidence.ok and evidence.reason in _UNUSABLE:
        return Decision(
            DecisionAction.ASK,
            f"the agent cannot work: {evidence.detail or evidence.reason}",
            "",
            parts,
        )
    gap = _response_gap(evidence) or _changes_gap(task, evidence) or _checks_gap(evidence.checks)
    if gap is not None:
        reason, feedback = gap
        if evidence.attempts_left > 0:
            return Decision(DecisionAction.RETRY, reason, feedback, parts)
        return Decision(
            DecisionAction.ASK,
            f"{reason}; all {task.attempts} attempts are used up",
            feedback,
            parts,
        )
    outside = outside_paths(task, evidence.files)
    if outside:
        names = ", ".join(outside[:5]) + (" …" if len(outside) > 5 else "")
        return Decision(
            DecisionAction.ASK, f"files outside the task's paths were changed: {names}", "", parts
        )
    if not evidence.checks and not evidence.judged:
        return Decision(
            DecisionAction.ASK, "nothing proves the work: the task has no check", "", parts
        )
    return Decision(DecisionAction.ACCEPT, _praise(evidence), "", parts)


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
    checks = len(evidence.checks)
    proof = f"{checks} check{'s' if checks != 1 else ''} green" if checks else "judged"
    return f"{proof}, {len(evidence.files)} file{'s' if len(evidence.files) != 1 else ''} changed"


def _parts(evidence: Evidence) -> dict[str, Any]:
    return {
        "response": "ok" if evidence.ok else evidence.reason,
        "files_changed": len(evidence.files),
        "checks": {check.check: check.ok for check in evidence.checks},
        "judge": "ok" if evidence.judged else "not run",
        "attempts_left": evidence.attempts_left,
    }
