"""Brings tasks that wait for the judge back to work once it can be asked again."""

from __future__ import annotations

import asyncio
import contextlib

from conductor_tui.domain.errors import IllegalTransition
from conductor_tui.domain.events import Draft
from conductor_tui.domain.values import TaskStatus, WaitReason
from conductor_tui.domain.views import Snapshot, TaskView
from conductor_tui.engine.resolving import queued_again
from conductor_tui.engine.tools import Tools

FIRST_S = 2.0
LAST_S = 30.0
"""Seconds between two looks for a judge that is away: the first, and the most."""


class JudgeWatch:
    """Looks for the judge while a task waits for it.

    The pause grows with each look in vain, and with each judgement that failed although the judge
    looked well; a verdict makes it short again.

    Args:
        tools: the engine's surroundings.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._poked = asyncio.Event()
        self._pause = FIRST_S
        self._verdicts = 0

    def look(self) -> None:
        """Look at the tasks once more: the state has changed."""
        self._poked.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._poked.wait()
            self._poked.clear()
            while waiting_for_judge(self._tools.state.snapshot):
                await self._try()

    async def _try(self) -> None:
        judge = self._tools.judging
        if judge is not None:
            verdicts = _count_verdicts(self._tools.state.snapshot)
            if verdicts > self._verdicts:
                self._pause = FIRST_S
            self._verdicts = verdicts
            await judge.sleep(self._pause)
            self._pause = min(self._pause * 2, LAST_S)
            if not (await judge.health()).ok:
                return
        for task in waiting_for_judge(self._tools.state.snapshot):
            last = task.attempt
            with contextlib.suppress(IllegalTransition):  # it was cancelled meanwhile
                await self._tools.state.record(
                    Draft(queued_again(task, "ready"), task.id, last.n if last else None)
                )


def waiting_for_judge(snapshot: Snapshot) -> list[TaskView]:
    """Return the tasks whose work is done and not judged."""
    return [
        task
        for task in snapshot.tasks.values()
        if task.status is TaskStatus.WAITING and task.waiting is WaitReason.JUDGE
    ]


def _count_verdicts(snapshot: Snapshot) -> int:
    return sum(
        attempt.verdict is not None for task in snapshot.tasks.values() for attempt in task.attempts
    )
