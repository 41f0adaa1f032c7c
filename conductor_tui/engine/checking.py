"""The step after the agent's: gather evidence in the workspace, decide, and say why."""

from __future__ import annotations

from collections.abc import Sequence

from conductor_tui.domain.events import (
    CheckFinished,
    CheckStarted,
    DecisionMade,
    Event,
    FileChanged,
    TaskPhase,
)
from conductor_tui.domain.ports.work import CheckResult
from conductor_tui.domain.values import BreakpointKind, DecisionAction, Phase, Scope
from conductor_tui.domain.views import FileView
from conductor_tui.engine.absence import ask_about_result
from conductor_tui.engine.job import Job
from conductor_tui.engine.judging import judge_attempt, recorded_checks, wanted_before
from conductor_tui.engine.sealing import unseal
from conductor_tui.supervision.decision import Decision, Evidence, decide, stopped_at_gate
from conductor_tui.supervision.standing import DEFAULT_QUALITY

_SHOWN_OUTPUT = 4000
"""Characters of each red check's output that a breakpoint carries as evidence."""


async def check(job: Job) -> None:
    """Prove the newest attempt and record the decision; ask a human where it says so."""
    await job.record(TaskPhase(Phase.CHECKING))
    last = job.view.attempt
    if last is not None and last.checks:
        await unseal(job)  # a check was cut off here before
    files = await record_changes(job)
    results = await _results(job)
    proved = Evidence(
        ok=bool(last and last.ok),
        reason=last.reason if last else "no attempt was made",
        files=files,
        checks=results,
        attempts_left=job.view.attempts_left,
        pending=wanted_before(job.view),
        detail=last.detail if last else "",
    )
    evidence = await _judged(job, proved)
    if evidence is None:
        return
    judge = job.tools.judging
    decision = decide(job.spec, evidence, DEFAULT_QUALITY if judge is None else judge.quality)
    if decision.action is DecisionAction.ASK:
        await ask_for_verdict(job, decision, results)
    else:
        await job.record(decision_event(decision))


async def _results(job: Job) -> tuple[CheckResult, ...]:
    """Run the checks; those of an attempt that waited for its judge have been run already.

    On which tree they ran is not known then, so they run again before anything is merged.
    """
    if job.tools.judging is not None:
        known = recorded_checks(job.view)
        if known:
            return known
    results = await run_checks(job, Scope.WORKSPACE)
    if results:
        await unseal(job)
    job.proved = True
    return tuple(results)


async def _judged(job: Job, evidence: Evidence) -> Evidence | None:
    """Let the judge look where there is one and the gates leave something to judge."""
    judge = job.tools.judging
    if judge is None or stopped_at_gate(job.spec, evidence) is not None:
        return evidence
    return await judge_attempt(job, judge, evidence)


async def run_checks(job: Job, on: Scope) -> list[CheckResult]:
    """Run all checks of the task, one after the other, and record each."""
    results = []
    for command in job.spec.checks:
        await job.record(CheckStarted(command, on))
        result = await job.tools.checker.run(job.run.id, job.spec, job.workspace, command, on)
        await job.record(
            CheckFinished(
                command, on, result.exit_code, result.ok, result.duration_s, result.output
            )
        )
        results.append(result)
    return results


async def record_changes(job: Job) -> tuple[FileView, ...]:
    """Record how the workspace differs from its base since the last look; return all of it."""
    files = await job.tools.workspaces.changes(job.workspace)
    known = job.view.files
    news: list[Event] = [
        FileChanged(file.path, file.change, file.added, file.removed)
        for file in files
        if known.get(file.path) != file
    ]
    present = {file.path for file in files}
    news += [FileChanged(path, "reverted", 0, 0) for path in known if path not in present]
    if news:
        await job.record(*news)
    return files


def decision_event(decision: Decision) -> DecisionMade:
    """Return the event of a decision; what the agent is told stands in its parts."""
    parts = {**decision.parts, "feedback": decision.feedback}
    return DecisionMade(
        decision.action, decision.score, decision.confidence, parts, decision.reason
    )


async def ask_for_verdict(job: Job, decision: Decision, results: Sequence[CheckResult]) -> None:
    """Record the decision that a human is asked, and the breakpoint that asks."""
    red = [result for result in results if not result.ok]
    point = job.breakpoint(
        BreakpointKind.RESULT,
        decision.reason,
        f"Is the work on “{job.spec.title}” to be accepted?",
        {
            "red": [result.check for result in red],
            "checks": {result.check: result.ok for result in results},
            "output": {result.check: result.output[-_SHOWN_OUTPUT:] for result in red},
            **_of_the_judge(job, decision),
            "files": [file.path for file in job.view.files.values()],
            "workspace": job.workspace.path,
        },
        _suggestions(job, bool(red)),
    )
    await ask_about_result(
        job, point, decision_event(decision), acceptable=not red and _finished(job)
    )


def _of_the_judge(job: Job, decision: Decision) -> dict[str, object]:
    """Return what the judge said of the newest attempt, in short; nothing where none did."""
    last = job.view.attempt
    verdict = last.verdict if last is not None else None
    if verdict is None:
        return {}
    return {
        "score": decision.score,
        "confidence": decision.confidence,
        "judge": verdict.get("summary", ""),
        "findings": decision.feedback,
    }


def _finished(job: Job) -> bool:
    last = job.view.attempt
    return bool(last and last.ok)


def _suggestions(job: Job, red: bool) -> tuple[str, ...]:
    if red:
        return ("retry with a hint", "take over by hand", "reject")
    if not job.spec.checks:
        return ("look at the diff and approve", "retry with a hint", "reject")
    return ("approve", "retry with a hint", "reject")
