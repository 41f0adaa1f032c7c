"""One agent at work: its stream into the state, its requests to the desk, its limits in time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from conductor_tui.domain.agent_events import (
    AgentExited,
    AgentLimit,
    AgentLog,
    AgentToolCall,
    AgentToolResult,
    AgentUsage,
    MessageSent,
)
from conductor_tui.domain.errors import ConductorError
from conductor_tui.domain.events import Event
from conductor_tui.domain.ports.agents import (
    AgentSession,
    Arrival,
    PermissionAsked,
    QuestionAsked,
    RequestWithdrawn,
    SessionOpened,
    ToolIntent,
    TurnEnded,
)
from conductor_tui.engine.checking import record_changes
from conductor_tui.engine.desk import Desk
from conductor_tui.engine.job import Job

BUDGET = "budget"
"""Why a turn ended that cost as much as its task may."""

_LOOK_S = 1.0
"""How often the clock is looked at, at the least, while an agent works."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How the agent's part of an attempt ended."""

    ok: bool
    reason: str
    ended: bool = True
    """The agent said that its turn is over, or was stopped by a limit of ours."""
    limit_until: str | None = None
    """When a usage limit ends; with reason ``limit``."""
    detail: str = ""
    """What the agent's program said where it ended badly."""


class LiveAgent:
    """Pumps one agent session until its program has ended."""

    def __init__(self, job: Job, session: AgentSession) -> None:
        self._job = job
        self._session = session
        self.desk = Desk(job, session, self._pause)
        self._turn: Turn | None = None
        self._limit: str | None = None
        self._exit: AgentExited | None = None
        self._in_flight: set[str] = set()
        self._heard = self._now()
        self._wall = self._heard + job.spec.timeout_s
        self._paused_at: float | None = None

    async def run(self) -> Turn:
        """Return how the turn ended, once the program and its whole tree are dead.

        On cancellation the program is let go of when the run is detached, and ended otherwise.
        """
        try:
            await self._pump()
        except asyncio.CancelledError:
            await self._let_go()
            raise
        except BaseExceptionGroup as group:
            await self._session.end()
            raise _cause(group) from group
        if self.desk.waiting:
            await self.desk.abandon("the agent's program ended")
        return self._turn or self._unfinished()

    async def say(self, text: str, by: str) -> None:
        """Give the agent a further message."""
        await self._job.record(MessageSent(self._job.task, text, by))
        await self._session.say(text)

    async def interrupt(self) -> None:
        """Stop what the agent does now."""
        await self._session.interrupt()

    # -- the pump --------------------------------------------------------------------------------

    async def _pump(self) -> None:
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self.desk.serve()),
                group.create_task(self._watch_files()),
                group.create_task(self._watch_time()),
            ]
            try:
                async for arrival in self._session.signals():
                    self._heard = self._now()
                    await self._handle(arrival, group)
            finally:
                for helper in helpers:
                    helper.cancel()

    async def _handle(self, arrival: Arrival, group: asyncio.TaskGroup) -> None:
        match arrival.signal:
            case ToolIntent() as intent:
                await self.desk.intent(intent)
            case PermissionAsked() as asked:
                await self.desk.permission(asked)
            case QuestionAsked() as asked:
                await self.desk.question(asked)
            case RequestWithdrawn(request):
                await self.desk.withdrawn(request)
            case TurnEnded() as ended:
                detail = "" if ended.ok else ended.text
                self._turn = Turn(ended.ok, ended.reason, True, self._limit, detail)
                group.create_task(self._session.close())
            case SessionOpened():
                pass
            case event:
                await self._event(event, arrival)

    async def _event(self, event: Event, arrival: Arrival) -> None:
        match event:
            case AgentLog() if arrival.err_position:
                event = replace(event, err_position=arrival.err_position)
            case AgentToolCall(id=call):
                self._in_flight.add(call)
            case AgentToolResult(id=call):
                self._in_flight.discard(call)
                await self.desk.tool_result(event)
            case AgentLimit(resets_at=until):
                self._limit = until
            case AgentUsage() if self._over_budget(event):
                await self._stop_for_budget()
            case AgentExited():
                self._exit = event
        await self._job.tools.state.note(self._job.draft(event, arrival.position))

    def _over_budget(self, usage: AgentUsage) -> bool:
        limit = self._job.spec.budget_usd
        if limit is None or self._turn is not None:
            return False
        used = (self._job.view.usage.cost_usd or 0.0) + (usage.cost_usd or 0.0)
        return used >= limit

    async def _stop_for_budget(self) -> None:
        limit = self._job.spec.budget_usd or 0.0
        detail = f"the task's budget of ${limit:.2f} is used up"
        self._turn = Turn(False, BUDGET, detail=detail)
        await self._session.end()

    async def _watch_files(self) -> None:
        async for _ in self._job.tools.workspaces.watch(self._job.workspace):
            await record_changes(self._job)

    # -- time --------------------------------------------------------------------------------------

    async def _watch_time(self) -> None:
        """End an agent that is silent, or at work, for too long."""
        while True:
            left = self._due() - self._now()
            if left <= 0:
                break
            await asyncio.sleep(min(left, _LOOK_S))
        if self._turn is None:
            self._turn = self._overdue()
        await self._session.end()

    def _due(self) -> float:
        """Return when the agent is overdue; a tool, or a human who is asked, may be silent long."""
        if self._paused_at is not None:
            return math.inf
        if self._in_flight:
            return self._wall
        return min(self._wall, self._heard + self._job.spec.idle_timeout_s)

    def _pause(self, paused: bool) -> None:
        if paused and self._paused_at is None:
            self._paused_at = self._now()
        elif not paused and self._paused_at is not None:
            self._heard = self._now()
            self._wall += self._heard - self._paused_at
            self._paused_at = None

    def _overdue(self) -> Turn:
        spec = self._job.spec
        if self._now() >= self._wall:
            return Turn(False, f"it ran longer than {spec.timeout_s:g} s")
        return Turn(False, f"it was silent for {spec.idle_timeout_s:g} s")

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # -- the end -----------------------------------------------------------------------------------

    def _unfinished(self) -> Turn:
        ended = self._exit
        if ended is None:
            return Turn(False, "its program ended", ended=False)
        code = "unknown" if ended.code is None else ended.code
        reason = f"its program ended with exit code {code} before its turn was over"
        return Turn(False, reason, ended=False)

    async def _let_go(self) -> None:
        if self._job.tools.options.detach:
            await self._session.release()
        else:
            await self._session.end()


def _cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error behind a group: a fault of ours before any that is told to a user."""
    errors = list(_leaves(group))
    return next((error for error in errors if not isinstance(error, ConductorError)), errors[0])


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
