"""Where a working agent's requests are decided: by rule, by mode, or by a human.

While a human is asked the task waits and holds no slot, but its agent stays alive; once every
open question of the task is answered it queues for a slot and then the agent is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from conductor_tui.domain.agent_events import AgentPermission, AgentQuestion, AgentToolResult
from conductor_tui.domain.errors import IllegalTransition
from conductor_tui.domain.events import (
    BreakpointRaised,
    BreakpointResolved,
    Draft,
    Event,
    TaskPhase,
    TaskStarted,
    TaskWaiting,
)
from conductor_tui.domain.ports.agents import (
    AgentSession,
    Permission,
    PermissionAsked,
    QuestionAsked,
    ToolIntent,
)
from conductor_tui.domain.values import (
    Answer,
    BreakpointPolicy,
    Phase,
    TaskStatus,
    Verdict,
    WaitReason,
)
from conductor_tui.domain.views import BreakpointView
from conductor_tui.engine.job import Job
from conductor_tui.engine.requests import (
    asked_of,
    grant_for,
    permission_point,
    question_point,
    ruling,
)
from conductor_tui.engine.resolving import queued_again

_NOBODY = (
    "Nobody is there to answer, so this was denied. Find a way without it, or finish what you can."
)


@dataclass(frozen=True, slots=True)
class _Answered:
    """An answer to a request, from whomever."""

    answer: Answer
    text: str | None = None
    changed: Mapping[str, Any] | None = None


class Desk:
    """Decides the requests of one live agent.

    Args:
        job: the agent's task.
        session: the agent.
        paused: called with True when the agent begins to wait for a human, False when it goes on.
    """

    def __init__(self, job: Job, session: AgentSession, paused: Callable[[bool], None]) -> None:
        self._job = job
        self._session = session
        self._paused = paused
        self._open: dict[str, PermissionAsked | QuestionAsked] = {}
        self._by_mode: dict[str, ToolIntent] = {}
        self._poked = asyncio.Event()
        self._asking = False
        self._deciding = asyncio.Lock()
        """Held while a question is put, or while answers are given: one after the other."""

    @property
    def waiting(self) -> bool:
        """Whether the agent waits for a human, or the task for a slot after the answer."""
        return self._asking

    def poke(self) -> None:
        """Look again: something was answered."""
        self._poked.set()

    # -- what the agent asks -----------------------------------------------------------------

    async def intent(self, signal: ToolIntent) -> None:
        """Decide a tool call by the rules; without one, its program's mode decides."""
        verdict, reason = await ruling(self._job, signal.tool, signal.input)
        if verdict is None:
            self._by_mode[signal.id] = signal
            await self._session.permit(signal.request, Permission("pass"))
        elif verdict is Verdict.ASK:
            await self._session.permit(signal.request, Permission("ask", reason))
        else:
            await self._told(signal, verdict.value, "rule", reason)
            await self._session.permit(signal.request, Permission(verdict.value, reason))

    async def tool_result(self, result: AgentToolResult) -> None:
        """Record that a tool ran which no rule and no human had to allow."""
        signal = self._by_mode.pop(result.id, None)
        if signal is not None and result.ok:
            await self._told(signal, "allow", "mode", None)

    async def permission(self, signal: PermissionAsked) -> None:
        """Answer a permission request by rule, by an answer given before, or ask a human."""
        self._by_mode.pop(signal.id, None)
        verdict, reason = await ruling(self._job, signal.tool, signal.input)
        if verdict in (Verdict.ALLOW, Verdict.DENY):
            await self._told(signal, verdict.value, "rule", reason)
            await self._session.permit(signal.request, Permission(verdict.value, reason))
            return
        grant = grant_for(self._job, signal.tool, signal.input)
        if grant is not None:
            await self._permit(signal, _Answered(grant.answer, grant.text, grant.changed))
            return
        await self._raise(permission_point(self._job, signal, reason), signal)

    async def question(self, signal: QuestionAsked) -> None:
        """Let a human answer a question or approve a plan."""
        tool, asked = asked_of(signal)
        grant = grant_for(self._job, tool, asked)
        if grant is not None:
            await self._reply(signal, _Answered(grant.answer, grant.text))
            return
        await self._raise(question_point(self._job, signal), signal)

    async def withdrawn(self, request: str) -> None:
        """Close the breakpoint of a request the agent no longer waits for."""
        for name, signal in list(self._open.items()):
            if signal.request == request:
                del self._open[name]
                await _void(self._job, [name], "the agent no longer asks")
        self.poke()

    async def abandon(self, why: str) -> None:
        """Close all open breakpoints of an agent that has ended, and go on with a slot."""
        names = list(self._open)
        self._open.clear()
        await self._job.tools.state.flush()  # what was under way when the agent ended
        await _void(self._job, names, why)
        await self.regain()

    # -- what a human answers ----------------------------------------------------------------

    async def serve(self) -> None:
        """Tell the agent each time all its open requests are answered; runs until cancelled."""
        while True:
            await self._poked.wait()
            self._poked.clear()
            async with self._deciding:
                await self._go_on()

    async def regain(self) -> None:
        """Get a slot again after waiting, and be running; nothing where the task runs already."""
        job = self._job
        if job.view.status is TaskStatus.WAITING:
            await job.record(queued_again(job.view, "ready"))
        if job.view.status is not TaskStatus.QUEUED:
            return
        await job.slots.acquire(job.task)
        await job.record(
            TaskStarted(job.workspace.path, job.workspace.base), TaskPhase(Phase.WORKING)
        )

    # -- inside ----------------------------------------------------------------------------------

    async def _go_on(self) -> None:
        """Get a slot and give the agent its answers, unless one is still missing."""
        points = self._job.tools.state.snapshot.breakpoints
        if not self._asking or any(points[name].open for name in self._open):
            return
        await self.regain()
        answered, self._open = self._open, {}
        for name, signal in answered.items():
            await self._deliver(signal, points[name])
        self._asking = False
        self._paused(False)

    async def _raise(
        self, point: BreakpointRaised, signal: PermissionAsked | QuestionAsked
    ) -> None:
        job, policy = self._job, self._job.tools.options.on_breakpoint
        if policy in (BreakpointPolicy.WAIT, BreakpointPolicy.SKIP):
            async with self._deciding:
                await self._park(point)
                self._open[point.id] = signal
                self._asking = True
                self._paused(True)
            job.slots.release(job.task)
            return
        accept = policy is BreakpointPolicy.ACCEPT
        answer = _Answered(Answer.APPROVE if accept else Answer.REJECT, None if accept else _NOBODY)
        await job.record(
            point, BreakpointResolved(point.id, answer.answer, answer.text, f"policy:{policy}")
        )
        await self._tell(signal, answer)

    async def _park(self, point: BreakpointRaised) -> None:
        """Record a question; a task whose last one was just answered goes on with that first."""
        job = self._job
        while True:
            if job.view.status is TaskStatus.QUEUED:
                await self._go_on()
            events: list[Event] = [point]
            if job.view.status is TaskStatus.RUNNING:
                events.append(TaskWaiting(WaitReason.BREAKPOINT))
            try:
                await job.record(*events)
            except IllegalTransition:
                if job.view.status is not TaskStatus.QUEUED:
                    raise
            else:
                return

    async def _deliver(
        self, signal: PermissionAsked | QuestionAsked, point: BreakpointView
    ) -> None:
        grants = [grant for grant in self._job.view.grants if grant.breakpoint == point.id]
        changed = grants[0].changed if grants else None
        await self._tell(signal, _Answered(point.answer or Answer.REJECT, point.text, changed))

    async def _tell(self, signal: PermissionAsked | QuestionAsked, answer: _Answered) -> None:
        if isinstance(signal, PermissionAsked):
            await self._permit(signal, answer)
        else:
            await self._reply(signal, answer)

    async def _permit(self, signal: PermissionAsked, answer: _Answered) -> None:
        allowed = answer.answer in (Answer.APPROVE, Answer.ALWAYS, Answer.EDIT)
        decision = "allow" if allowed else "deny"
        message = "" if allowed else (answer.text or "The user denied this.")
        await self._told(signal, decision, "breakpoint", message or None)
        await self._session.permit(signal.request, Permission(decision, message, answer.changed))

    async def _reply(self, signal: QuestionAsked, answer: _Answered) -> None:
        text = answer.text
        if answer.answer is Answer.APPROVE:
            text = "" if signal.plan else (signal.choices[0] if signal.choices else "yes")
        elif answer.answer is Answer.REJECT:
            text = None
        await self._job.record(AgentQuestion(signal.text, text))
        await self._session.answer(signal.request, text)

    async def _told(
        self, signal: ToolIntent | PermissionAsked, decision: str, by: str, text: str | None
    ) -> None:
        await self._job.record(
            AgentPermission(signal.id, signal.tool, signal.input, decision, by, text or None)
        )


async def _void(job: Job, names: list[str], why: str) -> None:
    """Close breakpoints that the agent itself has made pointless."""
    points = job.tools.state.snapshot.breakpoints
    drafts = [
        Draft(BreakpointResolved(name, Answer.CANCEL, why, "agent"), job.task, points[name].attempt)
        for name in names
        if points[name].open
    ]
    if drafts:
        await job.tools.state.record(*drafts)
