"""The report a person reads in the morning: done, failed, waiting, not proved.

It says nothing that the state does not hold.
"""

from __future__ import annotations

from conductor_tui.domain.plaintext import plain
from conductor_tui.domain.values import DecisionAction, Outcome, TaskStatus, WaitReason
from conductor_tui.domain.views import AttemptView, BreakpointView, RunView, Snapshot, TaskView
from conductor_tui.engine.summary import duration

_FAILED = (TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.BLOCKED)


def render(snapshot: Snapshot) -> str:
    """Return the report of a run as text."""
    run = snapshot.run
    if run is None:
        return "There is no run.\n"
    sections = [
        _head(snapshot, run),
        _section(
            "Done", [line for task in _with(snapshot, TaskStatus.COMPLETED) for line in _done(task)]
        ),
        _section("Failed", [line for task in _with(snapshot, *_FAILED) for line in _failed(task)]),
        _section(
            "Waits for you", [line for point in snapshot.open_breakpoints for line in _waits(point)]
        ),
        _section("Not reached", _not_reached(snapshot)),
        _section(
            "Not proved",
            [line for task in snapshot.in_order() for line in _unproved(snapshot, task)],
        ),
        _next(snapshot, run),
    ]
    return plain("\n".join(section for section in sections if section))


def _head(snapshot: Snapshot, run: RunView) -> str:
    done = len(_with(snapshot, TaskStatus.COMPLETED))
    cost = snapshot.usage.cost_usd
    money = f", ${cost:.2f} reported by the agents" if cost is not None else ""
    return f"\nRun {run.id}: {done} of {len(snapshot.tasks)} tasks completed{money}.\n"


def _section(title: str, lines: list[str]) -> str:
    return f"{title}\n" + "".join(f"  {line}\n" for line in lines) if lines else ""


def _with(snapshot: Snapshot, *statuses: TaskStatus) -> list[TaskView]:
    return [task for task in snapshot.in_order() if task.status in statuses]


def _done(task: TaskView) -> list[str]:
    last = task.attempt
    checks = [] if last is None else [check.check for check in last.checks if check.ok]
    proof = f"green: {', '.join(dict.fromkeys(checks))}" if checks else "no check was green"
    if not task.spec.checks:
        proof = "no check was run"
    spent = duration(task)
    tries = f", {len(task.attempts)} attempts" if len(task.attempts) > 1 else ""
    took = f", {spent:.0f} s" if spent is not None else ""
    forced = ", accepted by a human although checks were red" if task.forced else ""
    lines = [f"{task.id}  {task.spec.title}"]
    if last is not None and last.verdict is not None:
        proof += f", judged {last.verdict.get('score')} by {last.verdict.get('model')}"
    changed = f"{len(task.files)} file{'s' if len(task.files) != 1 else ''}"
    lines.append(f"    {changed}, {proof}{tries}{took}{forced}")
    return lines


def _failed(task: TaskView) -> list[str]:
    if task.status is TaskStatus.BLOCKED:
        return [f"{task.id}  {task.spec.title}", f"    blocked: depends on {task.blocked_by}"]
    lines = [f"{task.id}  {task.spec.title}", f"    {task.status}: {task.reason}"]
    if task.workspace and task.attempts:
        lines.append(
            f"    its work so far: conductor diff {task.id}; again: conductor retry {task.id}"
        )
    return lines


def _waits(point: BreakpointView) -> list[str]:
    answers = " | ".join(f"--{option}" for option in point.options)
    return [
        f"[{point.id}] {point.task or 'run'}: {point.reason}",
        f"    {point.ask}",
        f"    conductor breakpoint resolve {point.id} {answers}",
    ]


def _not_reached(snapshot: Snapshot) -> list[str]:
    waiting = {point.task for point in snapshot.open_breakpoints}
    return [
        f"{task.id}  {task.status}{_waits_for(task)}"
        for task in _with(snapshot, TaskStatus.QUEUED, TaskStatus.RUNNING, TaskStatus.WAITING)
        if task.id not in waiting
    ]


def _waits_for(task: TaskView) -> str:
    if not task.waiting:
        return ""
    why = f" ({task.reason})" if task.waiting is WaitReason.JUDGE and task.reason else ""
    return f": {task.waiting}{why}"


def _unproved(snapshot: Snapshot, task: TaskView) -> list[str]:
    """Name completed work that was accepted without, or against, a proof."""
    if task.status is not TaskStatus.COMPLETED:
        return []
    last = task.attempt
    by_hand = [
        point.by
        for point in snapshot.breakpoints.values()
        if point.task == task.id and point.kind == "result" and point.answer == "approve"
    ]
    if not task.spec.checks:
        who = f" (accepted by {by_hand[-1]})" if by_hand else _by_judge(last)
        return [f"{task.id}: it has no check{who}"]
    if task.forced:
        return [f"{task.id}: accepted with red checks by {by_hand[-1] if by_hand else 'a human'}"]
    if last and last.decision and last.decision.action is not DecisionAction.ACCEPT and by_hand:
        return [f"{task.id}: {last.decision.reason}; accepted by {by_hand[-1]}"]
    if task.outcome is not Outcome.SUCCESS:
        return [f"{task.id}: the agent did not end its turn by itself"]
    return []


def _by_judge(attempt: AttemptView | None) -> str:
    if attempt is None or attempt.verdict is None:
        return ""
    return f" (accepted on the word of {attempt.verdict.get('model')})"


def _next(snapshot: Snapshot, run: RunView) -> str:
    if run.landed:
        return f"The accepted work is landed on {run.landed}.\n"
    if any(task.merged for task in snapshot.tasks.values()):
        refused = f"It was not landed: {run.not_landed}.\n" if run.not_landed else ""
        return refused + (
            f"The accepted work is on {run.branch}; `conductor land` merges it into your branch.\n"
        )
    return ""
