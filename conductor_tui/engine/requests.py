"""What an agent's request is: to the rules, to an answer given before, and to a human."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from conductor_tui.domain.events import BreakpointRaised
from conductor_tui.domain.ports.agents import PermissionAsked, QuestionAsked
from conductor_tui.domain.values import Answer, BreakpointKind, Verdict
from conductor_tui.domain.views import Grant
from conductor_tui.engine.job import Job
from conductor_tui.supervision.permissions import RuleError, judge, rule_for

QUESTION_TOOL = "AskUserQuestion"
PLAN_TOOL = "ExitPlanMode"


async def ruling(job: Job, tool: str, given: Mapping[str, Any]) -> tuple[Verdict | None, str]:
    """Return what the rules of the settings and of the run say of a tool call, and why."""
    tools = job.tools
    policy = tools.policy.allowing(*job.run.rules)
    # In a thread: following links looks at the disk, and a long command takes time to parse.
    found = await asyncio.to_thread(
        judge, policy, tool, given, job.workspace.path, home=tools.home, resolve=tools.resolve
    )
    return found.verdict, found.reason


def grant_for(job: Job, tool: str, given: Mapping[str, Any]) -> Grant | None:
    """Return the answer that was given to the same request before, if it was not told yet."""
    for grant in job.view.grants:
        if grant.tool == tool and dict(grant.input) == dict(given):
            return grant
    return None


def asked_of(signal: QuestionAsked) -> tuple[str, dict[str, Any]]:
    """Return a question as the call of a tool: its name and input."""
    return PLAN_TOOL if signal.plan else QUESTION_TOOL, {"question": signal.text}


def permission_point(job: Job, signal: PermissionAsked, reason: str) -> BreakpointRaised:
    """Return the breakpoint that asks a human for a permission."""
    rule = _rule(job, signal)
    point = job.breakpoint(
        BreakpointKind.PERMISSION,
        reason or "no rule and no mode allows it",
        describe(signal.tool, signal.input),
        {"tool": signal.tool, "input": dict(signal.input), "rule": rule or None},
        ("approve once", "always allow this in the run", "reject with a hint"),
    )
    if rule:
        return point
    # No rule can be made of it, so it cannot be allowed always.
    options = tuple(option for option in point.options if option != Answer.ALWAYS)
    return replace(point, options=options, suggestions=("approve once", "reject with a hint"))


def question_point(job: Job, signal: QuestionAsked) -> BreakpointRaised:
    """Return the breakpoint that puts a question, or a plan, to a human."""
    tool, asked = asked_of(signal)
    return job.breakpoint(
        BreakpointKind.PLAN if signal.plan else BreakpointKind.QUESTION,
        "the agent wants its plan approved" if signal.plan else "the agent asks",
        signal.text,
        {"tool": tool, "input": asked, "choices": list(signal.choices)},
        signal.choices,
    )


def describe(tool: str, given: Mapping[str, Any]) -> str:
    """Return a tool call as a human is asked about it: the command, the path, or all of it."""
    for key in ("command", "file_path", "path", "url", "notebook_path", "pattern"):
        if isinstance(given.get(key), str):
            return f"{tool}: {given[key]}"
    inner = ", ".join(f"{key}={value!r}" for key, value in given.items())
    return f"{tool}({inner})"


def _rule(job: Job, signal: PermissionAsked) -> str:
    try:
        return rule_for(signal.tool, signal.input, job.workspace.path)
    except RuleError:
        return ""
