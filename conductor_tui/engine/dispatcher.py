"""Who is at work: gives slots to tasks, wakes those that waited, and sees when a run is over."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime

from conductor_tui.domain.errors import GitError, NotFound, Refused, RepositoryError
from conductor_tui.domain.events import (
    AttemptFinished,
    BreakpointResolved,
    BudgetExceeded,
    DispatchChanged,
    Draft,
    RunFinished,
    TaskBlocked,
    TaskCancelled,
)
from conductor_tui.domain.values import (
    ACTIVE,
    Answer,
    BreakpointPolicy,
    RunStatus,
    TaskStatus,
    WaitReason,
)
from conductor_tui.domain.views import Snapshot, TaskView
from conductor_tui.engine import summary
from conductor_tui.engine.attempt import drive
from conductor_tui.engine.draining import JudgeWatch
from conductor_tui.engine.landing import land
from conductor_tui.engine.live import LiveAgent
from conductor_tui.engine.numbering import Numbering
from conductor_tui.engine.resolving import queued_again
from conductor_tui.engine.scheduler import newly_blocked, newly_free, startable, stuck
from conductor_tui.engine.slots import Slots
from conductor_tui.engine.tools import Tools


@dataclass(slots=True)
class _AtWork:
    """A task that a coroutine of this process drives."""

    future: asyncio.Task[None]
    agent: LiveAgent | None = None


class Dispatcher:
    """Drives the tasks of the open run, as many at once as there are slots.

    Args:
        tools: the engine's surroundings.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._wake = asyncio.Event()
        self._slots = Slots(self._wake.set)
        self._numbering = Numbering(lambda: len(self._snapshot.breakpoints))
        self._turn = asyncio.Lock()
        self._judge_watch = JudgeWatch(tools)
        self._at_work: dict[str, _AtWork] = {}
        self.is_open = False
        """Whether the run's branch is ready, so that tasks may be started."""
        self._ending: set[str] = set()
        """Tasks that are being cancelled: they are not started once more meanwhile."""
        self._last = False
        self.over_budget = ""
        """Which budget is used up, in words; empty while none is."""
        self.settled = asyncio.Event()
        """Set while nothing goes on by itself: the run closed, or only humans can move it."""

    @property
    def _snapshot(self) -> Snapshot:
        return self._tools.state.snapshot

    def open(self) -> None:
        """Begin to dispatch: the run's branch is ready."""
        self.is_open = True
        self._numbering.restart()
        self.look_again()

    def look_again(self) -> None:
        """Look at the state once more."""
        if not self._last:
            self.settled.clear()
        self._wake.set()

    def finish(self) -> None:
        """Settle for good: this process is about to end."""
        self._last = True
        self.settled.set()

    def agent_of(self, task: str) -> LiveAgent | None:
        """Return the agent that is at work for a task in this process."""
        work = self._at_work.get(task)
        return None if work is None else work.agent

    # -- the loop ------------------------------------------------------------------------------

    async def run(self, group: asyncio.TaskGroup) -> None:
        """Dispatch until cancelled; tasks are driven in the group."""
        watchers = [
            group.create_task(self._watch_state()),
            group.create_task(self._judge_watch.run()),
        ]
        try:
            while True:
                await self._wait()
                if self.is_open and self._snapshot.run is not None:
                    await self._turn_once(group)
        finally:
            for watcher in watchers:
                watcher.cancel()

    async def stop(self) -> None:
        """Stop driving all tasks; no agent is alive then, unless the run is detached.

        :meth:`run` has to be over, or it would start others.
        """
        self.is_open = False
        futures = [work.future for work in self._at_work.values()]
        for future in futures:
            future.cancel()
        if futures:
            await asyncio.wait(futures)

    async def _watch_state(self) -> None:
        async for _ in self._tools.state.follow():
            self._wake.set()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_next_timer(self._snapshot, self._tools.now())):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _turn_once(self, group: asyncio.TaskGroup) -> None:
        await self._move_waiting()
        self._judge_watch.look()
        await self._watch_budget()
        await self._stop_at_first_failure()
        slots = self._tools.options.max_agents
        for task in startable(self._snapshot, self._slots.holders, slots):
            if task.id in self._ending:
                continue
            self._slots.grant(task.id)
            if task.id not in self._at_work:
                future = group.create_task(self._drive(task.id), name=f"task {task.id}")
                self._at_work[task.id] = _AtWork(future)
        await self._notice_end()

    async def _drive(self, task: str) -> None:
        def live(agent: LiveAgent | None) -> None:
            self._at_work[task].agent = agent

        try:
            await drive(self._tools, self._slots, self._numbering, task, self._turn, live)
        finally:
            del self._at_work[task]
            self._slots.release(task)
            self._wake.set()

    async def _move_waiting(self) -> None:
        """Block, free and wake tasks whose surroundings have changed."""
        snapshot, now = self._snapshot, self._tools.now()
        drafts = [Draft(TaskBlocked(by), task.id) for task, by in newly_blocked(snapshot)]
        drafts += [Draft(queued_again(task, "unblocked"), task.id) for task in newly_free(snapshot)]
        drafts += [
            Draft(queued_again(task, "ready"), task.id, task.attempt.n if task.attempt else None)
            for task in _limited(snapshot)
            if task.until is None or datetime.fromisoformat(task.until) <= now
        ]
        if drafts:
            await self._tools.state.record(*drafts)

    async def _watch_budget(self) -> None:
        limit, used = self._tools.options.budget_usd, self._snapshot.usage.cost_usd
        if limit is None or used is None or used < limit or self.over_budget:
            return
        self.over_budget = f"the run's budget of ${limit:.2f} is used up (${used:.2f})"
        await self._tools.state.record(
            Draft(BudgetExceeded("run", used, limit)), Draft(DispatchChanged(True))
        )
        self.settled.set()

    async def _stop_at_first_failure(self) -> None:
        snapshot = self._snapshot
        if self._tools.options.keep_going:
            return
        failed = [task for task in snapshot.in_order() if task.status is TaskStatus.FAILED]
        if failed:
            await self.cancel_all(f"--fail-fast: {failed[0].id} failed")

    async def _notice_end(self) -> None:
        snapshot = self._snapshot
        if snapshot.run is None or self._slots.holders:
            return
        if not snapshot.active:
            if snapshot.run.status is RunStatus.RUNNING:
                await self._close_run()
            self.settled.set()
        elif self._tools.options.on_breakpoint is not BreakpointPolicy.WAIT and stuck(
            snapshot, patient=self._tools.options.patient
        ):
            self.settled.set()

    async def _close_run(self) -> None:
        code = summary.exit_code(self._snapshot)
        if code == 0 and self._tools.options.land:
            with contextlib.suppress(GitError, RepositoryError):  # recorded as refused
                await land(self._tools.state, self._tools.workspaces, None)
        snapshot = self._snapshot
        await self._tools.state.record(
            Draft(
                RunFinished(
                    code,
                    summary.reason(snapshot),
                    summary.task_table(snapshot),
                    summary.open_points(snapshot),
                )
            )
        )

    # -- ending tasks ----------------------------------------------------------------------------

    async def cancel(self, task: str, reason: str) -> None:
        """End a task; all its processes are dead before that is written.

        Raises:
            NotFound: there is no such task in the run.
            Refused: it has ended already.
        """
        require_cancellable(self._snapshot, task)
        self._ending.add(task)
        try:
            await self._halt(task)
            await self._tools.state.flush()  # what the task recorded last may have ended it
            require_cancellable(self._snapshot, task)
            await self._tools.state.record(*cancellation(self._snapshot, task, reason))
        finally:
            self._ending.discard(task)
            self.look_again()

    async def cancel_all(self, reason: str) -> list[str]:
        """End every task that is not at its end, those first that would start next.

        Returns:
            The ids of the tasks that were cancelled.
        """
        active = [task for task in self._snapshot.in_order() if task.status in ACTIVE]
        active.sort(key=lambda task: task.id in self._at_work)
        cancelled = []
        for task in active:
            with contextlib.suppress(Refused):  # it came to its end meanwhile
                await self.cancel(task.id, reason)
                cancelled.append(task.id)
        return cancelled

    async def _halt(self, task: str) -> None:
        work = self._at_work.get(task)
        if work is not None:
            work.future.cancel()
            await asyncio.wait([work.future])
        run = self._snapshot.run
        if run is not None:
            await self._tools.host.sweep({"CONDUCTOR_RUN_ID": run.id, "CONDUCTOR_TASK_ID": task})


def require_cancellable(snapshot: Snapshot, task: str) -> None:
    """Make sure that a task can be cancelled.

    Raises:
        NotFound: there is no such task in the run.
        Refused: it is completed, or cancelled already.
    """
    view = snapshot.tasks.get(task)
    if view is None:
        raise NotFound(f"there is no task {task} in this run", "see `conductor status`")
    if view.status in (TaskStatus.COMPLETED, TaskStatus.CANCELLED):
        raise Refused(f"task {task} is {view.status} already")


def cancellation(snapshot: Snapshot, task: str, reason: str) -> list[Draft]:
    """Return the events that end a task whose processes are dead."""
    view = snapshot.tasks[task]
    drafts = [
        Draft(BreakpointResolved(point.id, Answer.CANCEL, reason, "cancel"), task, point.attempt)
        for point in snapshot.open_breakpoints
        if point.task == task
    ]
    last = view.resumable
    if last is not None and view.status in (TaskStatus.RUNNING, TaskStatus.WAITING):
        finished = AttemptFinished(
            False, reason, last.usage, last.usage.cost_usd, last.files_changed
        )
        drafts.append(Draft(finished, task, last.n))
    return [*drafts, Draft(TaskCancelled(reason), task, last.n if last else None)]


def _next_timer(snapshot: Snapshot, now: datetime) -> float | None:
    """Return how many seconds are left until the first limit ends, None where none is known."""
    times = [datetime.fromisoformat(task.until) for task in _limited(snapshot) if task.until]
    return max(0.0, (min(times) - now).total_seconds()) if times else None


def _limited(snapshot: Snapshot) -> list[TaskView]:
    return [
        task
        for task in snapshot.tasks.values()
        if task.status is TaskStatus.WAITING and task.waiting is WaitReason.LIMIT
    ]
