"""How events change the picture of a task's attempts, their checks and their use of tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from conductor_tui.domain.agent_events import AgentLog, AgentUsage
from conductor_tui.domain.codec import to_data
from conductor_tui.domain.events import (
    AttemptFinished,
    AttemptStarted,
    CheckFinished,
    CheckStarted,
    DecisionMade,
    Recorded,
)
from conductor_tui.domain.judge_events import JudgeAway, JudgeVerdict
from conductor_tui.domain.values import DecisionAction, Usage
from conductor_tui.domain.views import (
    AttemptView,
    CheckView,
    DecisionView,
    Step,
    TaskView,
)


def attempt_started(task: TaskView, recorded: Recorded, event: AttemptStarted) -> TaskView:
    """Add an attempt; one whose number is known goes on with another program."""
    number = _number(task, recorded, event)
    known = next((attempt for attempt in task.attempts if attempt.n == number), None)
    if known is None:
        fresh = AttemptView(
            n=number,
            agent=event.agent,
            session=event.session,
            pid=event.pid,
            spool=event.spool,
            started_at=recorded.ts,
        )
        return replace(task, attempts=(*task.attempts, fresh), step=Step.WORK)
    again = replace(
        known,
        agent=event.agent,
        session=event.session,
        pid=event.pid,
        spool=event.spool,
        position=known.position if known.spool == event.spool else 0,
        err_position=known.err_position if known.spool == event.spool else 0,
        ended_at=None,
        ok=None,
        reason="",
        detail="",
        commit="",
    )
    return replace(_with(task, again), step=Step.WORK)


def attempt_finished(task: TaskView, recorded: Recorded, event: AttemptFinished) -> TaskView:
    """Close an attempt: its evidence is gathered next; what it was told has been used."""

    def finish(attempt: AttemptView) -> AttemptView:
        return replace(
            attempt,
            ended_at=recorded.ts,
            ok=event.ok,
            reason=event.reason,
            detail=event.detail,
            commit=event.commit,
            usage=attempt.usage + extra,
            files_changed=event.files_changed,
        )

    known = _find(task, recorded.attempt)
    total = event.usage
    if total.cost_usd is None:
        total = replace(total, cost_usd=event.cost_usd)
    # A total above what was booked piece by piece is booked now; one below takes nothing back.
    extra = total.since(known.usage) if known is not None else total
    task = replace(task, step=Step.CHECK, feedback=None, usage=task.usage + extra)
    return change_attempt(task, recorded.attempt, finish)


def agent_usage(task: TaskView, recorded: Recorded, event: AgentUsage) -> TaskView:
    """Book what an agent used since it last told."""
    used = Usage(event.input, event.output, event.cost_usd)
    task = replace(task, usage=task.usage + used)
    return change_attempt(
        task, recorded.attempt, lambda attempt: replace(attempt, usage=attempt.usage + used)
    )


def agent_log(task: TaskView, recorded: Recorded, event: AgentLog) -> TaskView:
    """Note how far an agent's standard error is recorded."""
    reached = event.err_position
    if reached is None:
        return task
    return change_attempt(
        task,
        recorded.attempt,
        lambda attempt: replace(attempt, err_position=max(attempt.err_position, reached)),
    )


def check_started(task: TaskView, recorded: Recorded, event: CheckStarted) -> TaskView:
    """Show a check as running."""
    view = CheckView(check=event.check, on=event.on)
    return change_attempt(task, recorded.attempt, lambda attempt: _with_check(attempt, view))


def check_finished(task: TaskView, recorded: Recorded, event: CheckFinished) -> TaskView:
    """Put a check's result in the place of its running picture."""
    view = CheckView(
        check=event.check,
        on=event.on,
        ok=event.ok,
        exit_code=event.exit_code,
        duration_s=event.duration_s,
        output=event.output,
    )
    return change_attempt(task, recorded.attempt, lambda attempt: _with_check(attempt, view))


def judge_verdict(task: TaskView, recorded: Recorded, event: JudgeVerdict) -> TaskView:
    """Keep a verdict on its attempt, with who gave it; the judge is there again."""
    known = to_data(event)
    verdict = {**known.pop("verdict"), **known}
    task = replace(task, reason="")
    return change_attempt(task, recorded.attempt, lambda attempt: replace(attempt, verdict=verdict))


def judge_away(task: TaskView, _recorded: Recorded, event: JudgeAway) -> TaskView:
    """Say why a task is not judged."""
    return replace(task, reason=event.reason)


def decision_made(task: TaskView, recorded: Recorded, event: DecisionMade) -> TaskView:
    """Keep a decision on its attempt, and go where it leads."""
    view = DecisionView(
        action=event.action,
        reason=event.reason,
        score=event.score,
        confidence=event.confidence,
        parts=event.parts,
    )
    task = change_attempt(task, recorded.attempt, lambda attempt: replace(attempt, decision=view))
    if event.action is DecisionAction.ACCEPT:
        return replace(task, step=Step.MERGE)
    if event.action is DecisionAction.RETRY:
        return replace(task, step=Step.WORK, feedback=feedback_of(view))
    return replace(task, step=Step.NOTHING)


def feedback_of(decision: DecisionView) -> str:
    """Return what a decision tells the next attempt: its feedback, else its reason."""
    feedback = decision.parts.get("feedback")
    return feedback if isinstance(feedback, str) else decision.reason


def raise_position(task: TaskView, number: int | None, position: int) -> TaskView:
    """Note how far an attempt's stream is recorded; it never goes back."""
    known = _find(task, number)
    if known is None or known.position >= position:
        return task
    return _with(task, replace(known, position=position, opened=True))


def change_attempt(
    task: TaskView, number: int | None, change: Callable[[AttemptView], AttemptView]
) -> TaskView:
    """Return the task with one attempt changed; the newest where no number is given."""
    known = _find(task, number)
    return task if known is None else _with(task, change(known))


def _number(task: TaskView, recorded: Recorded, event: AttemptStarted) -> int:
    if recorded.attempt is not None:
        return recorded.attempt
    newest = task.attempt
    if newest is None:
        return 1
    return newest.n if event.resumed else newest.n + 1


def _find(task: TaskView, number: int | None) -> AttemptView | None:
    newest = task.attempt
    if number is None or newest is None or newest.n == number:
        return newest
    return next((attempt for attempt in task.attempts if attempt.n == number), None)


def _with(task: TaskView, changed: AttemptView) -> TaskView:
    attempts = tuple(changed if old.n == changed.n else old for old in task.attempts)
    return replace(task, attempts=attempts)


def _with_check(attempt: AttemptView, view: CheckView) -> AttemptView:
    checks = list(attempt.checks)
    for place, old in enumerate(checks):
        if old.ok is None and (old.check, old.on) == (view.check, view.on):
            checks[place] = view
            return replace(attempt, checks=tuple(checks))
    return replace(attempt, checks=(*checks, view))
