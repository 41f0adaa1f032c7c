"""The agent's step of an attempt: what it is told, where it goes on, and how it ended."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from conductor_tui.domain.errors import AgentError
from conductor_tui.domain.events import (
    AttemptFinished,
    AttemptStarted,
    BudgetExceeded,
    Draft,
    TaskPhase,
    TaskWaiting,
)
from conductor_tui.domain.ports.agents import Agent, AgentSession, Assignment
from conductor_tui.domain.values import (
    Answer,
    BreakpointKind,
    BreakpointPolicy,
    Phase,
    Usage,
    WaitReason,
)
from conductor_tui.domain.views import AttemptView, BreakpointView
from conductor_tui.engine.checking import record_changes
from conductor_tui.engine.job import Job
from conductor_tui.engine.live import BUDGET, LiveAgent, Turn
from conductor_tui.engine.sealing import seal
from conductor_tui.state.runfiles import RunFiles, write_atomic
from conductor_tui.supervision.prompts import Dependency

LIMIT_PAUSE = timedelta(hours=1)
"""How long a task is parked by a usage limit whose end is not told (checklist, retry table)."""

NO_SESSION = "unknown_session"
"""Why a turn failed whose session the agent's program does not know any more."""


_PASSING = frozenset({"limit", NO_SESSION})
"""Ends of a turn that a program which ended before tells again when it is attached to, though
they are over: the limit was waited for, the session is made anew."""

LIMIT_PAUSE_LEAST = timedelta(minutes=1)
"""How long a task is parked by a limit that by its own word is over already."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be started for an attempt."""

    n: int
    resumed: bool
    """The attempt was begun before."""
    session: str | None
    known: bool
    """The session exists: go on with it."""
    prompt: str


async def work(job: Job, live: Callable[[LiveAgent | None], None]) -> None:
    """Let the agent work until its turn is over, and record how it ended.

    Args:
        job: a running task.
        live: told which agent is at work for the task, and None when it no longer is.

    Raises:
        AgentError: the agent could not be started.
    """
    agent = find_agent(job)
    last = job.view.resumable
    turn = await _attach(job, agent, last, live) if last is not None else None
    if turn is None or not turn.ended or turn.reason in _PASSING:
        plan = await _plan(job, agent)
        turn = await _start(job, agent, plan, live)
        if turn.reason == NO_SESSION:
            turn = await _start(job, agent, _afresh(job, plan), live)
    await _finish(job, turn)


def find_agent(job: Job) -> Agent:
    """Return the agent the task names.

    Raises:
        AgentError: the settings name no such agent.
    """
    agent = job.tools.agents.get(job.spec.agent)
    if agent is None:
        known = ", ".join(sorted(job.tools.agents)) or "none"
        raise AgentError(
            f"task {job.task}: there is no agent called {job.spec.agent!r}",
            f"name one under `agents:` in conductor.yaml (there are: {known})",
        )
    return agent


# -- starting ------------------------------------------------------------------------------------


async def _attach(
    job: Job, agent: Agent, last: AttemptView, live: Callable[[LiveAgent | None], None]
) -> Turn | None:
    """Take up the program of an earlier process, living or ended; None if nothing is known."""
    if not last.spool:
        return None
    assignment = replace(
        _assignment(job, last.n, last.session or "", True, "", last.spool),
        err_position=last.err_position,
    )
    session = await agent.attach(assignment, last.position)
    if session is None:
        return None
    await job.record(TaskPhase(Phase.WORKING))
    return await _run(job, session, live)


async def _start(
    job: Job, agent: Agent, plan: _Plan, live: Callable[[LiveAgent | None], None]
) -> Turn:
    tools = job.tools
    files = RunFiles(tools.folder, job.run.id).attempt(job.task, plan.n)
    await write_atomic(files.prompt, plan.prompt)
    spool = str(files.folder / f"agent-{uuid.uuid4().hex[:8]}")
    assignment = _assignment(job, plan.n, plan.session or "", plan.known, plan.prompt, spool)
    await job.record(TaskPhase(Phase.WORKING))
    session = await agent.open(assignment)
    started = AttemptStarted(
        job.spec.agent, plan.session, session.pid, resumed=plan.resumed, spool=spool
    )
    try:
        await tools.state.record(Draft(started, job.task, plan.n))
    except BaseException:
        await session.end()
        raise
    return await _run(job, session, live)


async def _run(job: Job, session: AgentSession, live: Callable[[LiveAgent | None], None]) -> Turn:
    agent = LiveAgent(job, session)
    live(agent)
    try:
        return await agent.run()
    finally:
        live(None)


def _assignment(
    job: Job, n: int, session: str, resume: bool, prompt: str, spool: str
) -> Assignment:
    return Assignment(
        run=job.run.id,
        task=job.task,
        attempt=n,
        workspace=job.workspace.path,
        prompt=prompt,
        session=session,
        resume=resume,
        booked=_booked(job, session),
        spool=spool,
        env=job.spec.env,
        feedback=job.view.feedback or "",
        detach=job.tools.options.detach,
    )


def _booked(job: Job, session: str) -> Usage:
    """Return what is booked for a session already: its program reports totals over its life."""
    return sum(
        (attempt.usage for attempt in job.view.attempts if attempt.session == session), Usage()
    )


# -- what it is told -------------------------------------------------------------------------------


async def _plan(job: Job, agent: Agent) -> _Plan:
    view = job.view
    last = view.resumable
    if last is not None:
        known = last.session is not None and last.opened
        prompt = (
            job.tools.prompts.resume(job.spec, view.grants, view.feedback)
            if known
            else _first_prompt(job)
        )
        return _Plan(last.n, True, last.session, known, prompt)
    feedback = await _conflict_feedback(job)
    previous = view.attempt
    n = len(view.attempts) + 1
    if previous is not None and previous.session and previous.opened:
        told = feedback or view.feedback or "The last attempt was not accepted. Finish the task."
        prompt = job.tools.prompts.feedback(job.spec, n, told)
        return _Plan(n, False, previous.session, True, prompt)
    session = str(uuid.uuid4()) if agent.sessions else None
    return _Plan(n, False, session, False, _first_prompt(job, feedback))


def _afresh(job: Job, plan: _Plan) -> _Plan:
    """Return the same attempt in a new session, for a program that lost the old one."""
    return _Plan(plan.n, True, str(uuid.uuid4()), False, _first_prompt(job))


def _first_prompt(job: Job, feedback: str | None = None) -> str:
    tasks = job.tools.state.snapshot.tasks
    done = [
        Dependency(name, tasks[name].spec.title, tuple(sorted(tasks[name].files)))
        for name in job.spec.depends_on
        if name in tasks
    ]
    return job.tools.prompts.task(job.spec, done, feedback or job.view.feedback)


async def _conflict_feedback(job: Job) -> str | None:
    """Bring the run's branch into the workspace after a conflict; say what is to be resolved."""
    point = _conflict_to_resolve(job)
    if point is None:
        return None
    job.workspace, marked = await job.tools.workspaces.rebase(job.run.id, job.workspace)
    files = ", ".join(marked or [str(name) for name in point.evidence.get("files", [])])
    hint = f"\n\n{point.text}" if point.text else ""
    return (
        "Your change conflicts with what other tasks merged meanwhile. Their work is now in your "
        "working tree. Where both changed the same lines, these files hold conflict markers: "
        f"{files}. Resolve them so that both intentions live on.{hint}"
    )


def _conflict_to_resolve(job: Job) -> BreakpointView | None:
    last = job.view.attempt
    if last is None:
        return None
    for point in job.tools.state.snapshot.breakpoints.values():
        if (
            point.task == job.task
            and point.kind is BreakpointKind.CONFLICT
            and point.answer is Answer.RETRY
            and point.attempt == last.n
        ):
            return point
    return None


# -- how it ended ---------------------------------------------------------------------------------


async def _finish(job: Job, turn: Turn) -> None:
    if turn.reason == "limit":
        await _park_for_limit(job, _limit_until(job, turn))
        return
    files = await record_changes(job)
    commit = await seal(job)
    await job.tools.state.flush()  # the agent's last bookings
    last = job.view.attempt
    usage = last.usage if last is not None else Usage()
    if turn.reason == BUDGET:
        limit = job.spec.budget_usd or 0.0
        used = job.view.usage.cost_usd or 0.0
        await job.record(BudgetExceeded(f"task {job.task}", used, limit))
    await job.record(
        AttemptFinished(
            turn.ok, turn.reason, usage, usage.cost_usd, len(files), turn.detail, commit
        )
    )


async def _park_for_limit(job: Job, until: str) -> None:
    """Let the task wait for the end of a usage limit; it costs no attempt.

    Where breakpoints are skipped it is parked behind one, so that the process can end.
    """
    if job.tools.options.on_breakpoint is not BreakpointPolicy.SKIP:
        await job.record(TaskWaiting(WaitReason.LIMIT, until))
        return
    point = job.breakpoint(
        BreakpointKind.LIMIT,
        f"the agent's usage limit is reached; it ends {until}",
        "Go on with the task?",
        {"until": until},
        ("go on once the limit has ended",),
    )
    await job.record(point, TaskWaiting(WaitReason.BREAKPOINT, until))


def _limit_until(job: Job, turn: Turn) -> str:
    now = job.tools.now()
    if turn.limit_until is None:
        return (now + LIMIT_PAUSE).isoformat()
    if datetime.fromisoformat(turn.limit_until) <= now:
        return (now + LIMIT_PAUSE_LEAST).isoformat()
    return turn.limit_until
