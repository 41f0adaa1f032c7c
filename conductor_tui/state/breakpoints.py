"""How breakpoints and their answers change the pictures of breakpoints, tasks and runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from conductor_tui.domain.events import BreakpointRaised, BreakpointResolved, Recorded
from conductor_tui.domain.values import ENDED, Answer, BreakpointKind
from conductor_tui.domain.views import BreakpointView, Grant, RunView, Step, TaskView
from conductor_tui.state.attempts import feedback_of

QUESTION_TOOL = "AskUserQuestion"
"""The tool by which Claude Code asks a question; the tool of such a grant."""
PLAN_TOOL = "ExitPlanMode"
"""The tool by which Claude Code asks for the approval of a plan."""


def raised(recorded: Recorded, event: BreakpointRaised) -> BreakpointView:
    """Return the picture of a new breakpoint."""
    return BreakpointView(
        id=event.id,
        task=recorded.task,
        attempt=recorded.attempt,
        kind=event.kind,
        reason=event.reason,
        ask=event.ask,
        options=event.options,
        ts=recorded.ts,
        evidence=event.evidence,
        suggestions=event.suggestions,
    )


def stays_open(answer: Answer) -> bool:
    """Whether an answer is only history: somebody took over, or goes on waiting."""
    return answer in (Answer.TAKE_OVER, Answer.WAIT)


def resolved(
    point: BreakpointView, recorded: Recorded, event: BreakpointResolved
) -> BreakpointView:
    """Return the breakpoint after an answer; the first answer that closes it counts."""
    if not point.open or stays_open(event.answer):
        return point
    return replace(
        point, answer=event.answer, text=event.text, by=event.by, resolved_at=recorded.ts
    )


def effect_on_run(run: RunView, point: BreakpointView, event: BreakpointResolved) -> RunView:
    """Add the rule that an answer of ``always`` makes."""
    rule = point.evidence.get("rule")
    if (
        point.kind is not BreakpointKind.PERMISSION
        or event.answer is not Answer.ALWAYS
        or not isinstance(rule, str)
        or rule in run.rules
    ):
        return run
    return replace(run, rules=(*run.rules, rule))


def effect_on_task(task: TaskView, point: BreakpointView, event: BreakpointResolved) -> TaskView:
    """Do to the task what the answer means; nothing to one that has ended."""
    effect = _EFFECTS.get(point.kind)
    if effect is None or task.status in ENDED:
        return task
    return effect(task, point, event)


def _permission(task: TaskView, point: BreakpointView, event: BreakpointResolved) -> TaskView:
    if event.answer not in (Answer.APPROVE, Answer.ALWAYS, Answer.REJECT, Answer.EDIT):
        return task
    tool = point.evidence.get("tool")
    return _granted(task, point, event, tool if isinstance(tool, str) else "")


def _question(task: TaskView, point: BreakpointView, event: BreakpointResolved) -> TaskView:
    if event.answer not in (Answer.ANSWER, Answer.APPROVE, Answer.REJECT):
        return task
    tool = PLAN_TOOL if point.kind is BreakpointKind.PLAN else QUESTION_TOOL
    return _granted(task, point, event, tool)


def _granted(
    task: TaskView, point: BreakpointView, event: BreakpointResolved, tool: str
) -> TaskView:
    asked = point.evidence.get("input")
    grant = Grant(
        breakpoint=point.id,
        tool=tool,
        input=asked if isinstance(asked, Mapping) else {},
        answer=event.answer,
        text=event.text,
        changed=event.input,
    )
    return replace(task, grants=(*task.grants, grant))


def _result(task: TaskView, _point: BreakpointView, event: BreakpointResolved) -> TaskView:
    if event.answer is Answer.APPROVE:
        return replace(task, step=Step.MERGE, forced=event.force)
    if event.answer is Answer.RETRY:
        return _again(task, event.text or _last_feedback(task))
    return task


def _conflict(task: TaskView, point: BreakpointView, event: BreakpointResolved) -> TaskView:
    if event.answer is not Answer.RETRY:
        return task
    files = point.evidence.get("files")
    names = ", ".join(str(name) for name in files) if isinstance(files, (list, tuple)) else ""
    lines = [event.text or point.reason, f"Files in conflict: {names}" if names else ""]
    return _again(task, "\n".join(line for line in lines if line))


def _again(task: TaskView, feedback: str | None) -> TaskView:
    return replace(
        task,
        step=Step.WORK,
        budget_from=len(task.attempts),
        feedback=feedback,
        forced=False,
    )


def _last_feedback(task: TaskView) -> str | None:
    last = task.attempt
    if last is None or last.decision is None:
        return task.feedback
    return feedback_of(last.decision)


_EFFECTS: dict[
    BreakpointKind, Callable[[TaskView, BreakpointView, BreakpointResolved], TaskView]
] = {
    BreakpointKind.PERMISSION: _permission,
    BreakpointKind.QUESTION: _question,
    BreakpointKind.PLAN: _question,
    BreakpointKind.RESULT: _result,
    BreakpointKind.CONFLICT: _conflict,
}
"""What an answer does to the task; the other kinds leave it at its step."""
