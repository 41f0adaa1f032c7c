"""The judging of an attempt whose gates are passed, and what becomes of it when no judge is there.

An outage never counts against the agent and never lets work pass: the task waits without a slot,
and goes on with the same evidence when the judge is back, also in another process.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import ValidationError

from conductor_tui.domain.agent_events import AgentText
from conductor_tui.domain.errors import JudgeUnavailable
from conductor_tui.domain.events import TaskPhase, TaskWaiting
from conductor_tui.domain.judge_events import JudgeAway, JudgeVerdict
from conductor_tui.domain.ports.work import CheckResult
from conductor_tui.domain.values import Answer, DecisionAction, Phase, Scope, WaitReason
from conductor_tui.domain.views import AttemptView, TaskView
from conductor_tui.engine.asking import Judge, NoVerdict, Opinion
from conductor_tui.engine.job import Job
from conductor_tui.state.attempts import feedback_of
from conductor_tui.state.runfiles import RunFiles, write_atomic
from conductor_tui.supervision.decision import Evidence
from conductor_tui.supervision.judging import Judgement, Material, Plan
from conductor_tui.supervision.standing import fingerprints, judge_feedback
from conductor_tui.supervision.verdict import Verdict

ROUNDS = 3
"""How often a judge may answer without a verdict on one attempt, before a human is asked."""


async def judge_attempt(job: Job, judge: Judge, evidence: Evidence) -> Evidence | None:
    """Let the judge look at the newest attempt.

    Args:
        job: a running task whose newest attempt passed the gates.
        judge: who judges.
        evidence: what is known of the attempt.

    Returns:
        The evidence with the judge's verdict, or with the reason why there is none; None where the
        task waits for the judge now.
    """
    await job.record(TaskPhase(Phase.JUDGING))
    try:
        event = await _verdict(job, judge, evidence)
    except NoVerdict as error:
        if await _rounds(job) + 1 >= ROUNDS:
            await job.record(JudgeAway(error.message, answered=True))
            return replace(evidence, unjudged=error.message)
        await _park(job, JudgeAway(error.message, answered=True))
        return None
    except JudgeUnavailable as error:
        await _park(job, JudgeAway("; ".join(filter(None, (error.message, error.mend)))))
        return None
    await job.record(event)
    verdict = Verdict.model_validate(event.verdict)
    return replace(
        evidence,
        judgement=Judgement(verdict, event.struck, event.not_judged),
        known=held_before(job.view),
    )


async def _verdict(job: Job, judge: Judge, evidence: Evidence) -> JudgeVerdict:
    """Ask the judge, unless the model has answered the identical question before."""
    health = await judge.health()  # first: from then on the model's window is known
    material = await _material(job, evidence)
    plan = await judge.plan(material)
    key = judge.key(plan)
    known = _answered_before(job, key)
    if known is not None:
        return known
    if not health.ok:
        raise JudgeUnavailable(health.reason)
    await _keep(job, plan)
    return _event(await judge.judge(material, plan), key)


def _event(opinion: Opinion, key: str) -> JudgeVerdict:
    judgement = opinion.judgement
    return JudgeVerdict(
        judgement.verdict.as_data(),
        opinion.model,
        opinion.duration_s,
        tuple(judgement.struck),
        judgement.not_judged,
        key,
    )


async def _park(job: Job, event: JudgeAway) -> None:
    await job.record(event, TaskWaiting(WaitReason.JUDGE))


async def _rounds(job: Job) -> int:
    """Return how often the newest attempt was put to the judge without a verdict."""
    told = await job.tools.state.history(job.run.id, task=job.task, types=(JudgeAway.type,))
    return sum(
        isinstance(one.event, JudgeAway) and one.event.answered and one.attempt == job.attempt
        for one in told
    )


# -- what it is shown ----------------------------------------------------------------------------


async def _material(job: Job, evidence: Evidence) -> Material:
    return Material(
        task=job.spec,
        checks=evidence.checks,
        diff=await job.tools.workspaces.diff(job.workspace),
        claim=await _last_words(job),
        feedback=_told(job),
    )


def _told(job: Job) -> str:
    """Return what the attempt was told of the one before: by a decision, or by a human."""
    attempts = job.view.attempts
    if len(attempts) < 2:
        return ""
    before = attempts[-2]
    told = []
    if before.decision is not None and before.decision.action is DecisionAction.RETRY:
        told.append(feedback_of(before.decision))
    told += [
        point.text
        for point in job.tools.state.snapshot.breakpoints.values()
        if point.task == job.task
        and point.attempt == before.n
        and point.answer is Answer.RETRY
        and point.text
    ]
    return "\n\n".join(told)


async def _last_words(job: Job) -> str:
    await job.tools.state.flush()
    said = await job.tools.state.history(job.run.id, task=job.task, types=(AgentText.type,))
    for one in reversed(said):
        if isinstance(one.event, AgentText) and one.attempt == job.attempt and not one.event.agent:
            return one.event.text
    return ""


async def _keep(job: Job, plan: Plan) -> None:
    """Keep what the judge is asked beside what the agent was told."""
    files = RunFiles(job.tools.folder, job.run.id).attempt(job.task, job.attempt or 1)
    await write_atomic(files.judge, "\n\n---\n\n".join((plan.system, *plan.prompts)))


# -- what is known already -----------------------------------------------------------------------


def _answered_before(job: Job, key: str) -> JudgeVerdict | None:
    """Return the verdict on the identical question, from whichever attempt of the run it is."""
    for task in job.tools.state.snapshot.tasks.values():
        for attempt in task.attempts:
            found = attempt.verdict
            if found is not None and found.get("key") == key:
                verdict = _read(attempt)
                if verdict is not None:
                    return JudgeVerdict(
                        verdict.as_data(),
                        str(found.get("model", "")),
                        0.0,
                        tuple(found.get("struck", ())),
                        tuple(found.get("not_judged", ())),
                        key,
                        cached=True,
                    )
    return None


def held_before(task: TaskView) -> frozenset[str]:
    """Return the fingerprints of what was held against earlier attempts of the present budget."""
    found: set[str] = set()
    for attempt in task.attempts[task.budget_from : -1]:
        verdict = _read(attempt)
        if verdict is not None:
            found |= fingerprints(verdict)
    return frozenset(found)


def wanted_before(task: TaskView) -> str:
    """Return what a judge wanted mended when it last looked at an earlier attempt."""
    for attempt in reversed(task.attempts[task.budget_from : -1]):
        verdict = _read(attempt)
        if verdict is not None:
            return judge_feedback(Judgement(verdict))
    return ""


def recorded_checks(task: TaskView) -> tuple[CheckResult, ...] | None:
    """Return the checks' results of the newest attempt, None where one of them did not run."""
    last = task.attempt
    ran = {
        view.check: CheckResult(
            view.check, view.on, view.ok, view.exit_code, view.duration_s, view.output
        )
        for view in (last.checks if last is not None else ())
        if view.on is Scope.WORKSPACE and view.ok is not None
    }
    if not all(check in ran for check in task.spec.checks):
        return None
    return tuple(ran[check] for check in task.spec.checks)


def _read(attempt: AttemptView) -> Verdict | None:
    if attempt.verdict is None:
        return None
    try:
        return Verdict.model_validate(attempt.verdict)
    except ValidationError:  # of another version
        return None
