"""One task at work in this process: its place in the state, its workspace, its live agent."""

from __future__ import annotations

from conductor_tui.domain.errors import NotFound
from conductor_tui.domain.events import BreakpointRaised, Draft, Event
from conductor_tui.domain.ports.work import Workspace
from conductor_tui.domain.task import Task
from conductor_tui.domain.values import ANSWERS, Answer, BreakpointKind
from conductor_tui.domain.views import RunView, TaskView
from conductor_tui.engine.numbering import Numbering
from conductor_tui.engine.slots import Slots
from conductor_tui.engine.tools import Tools


class Job:
    """What the steps of an attempt share."""

    def __init__(
        self, tools: Tools, slots: Slots, numbering: Numbering, task: str, workspace: Workspace
    ) -> None:
        self.tools = tools
        self.slots = slots
        self._numbering = numbering
        self.task = task
        self.workspace = workspace
        self.proved = False
        """The checks ran here and now, on the tree and base that are to be merged. After a crash
        it is not known on which tree they ran, so they run again before anything is merged."""

    @property
    def view(self) -> TaskView:
        """The task as it stands."""
        return self.tools.state.snapshot.tasks[self.task]

    @property
    def spec(self) -> Task:
        """The task as it was written."""
        return self.view.spec

    @property
    def run(self) -> RunView:
        """The run the task belongs to."""
        run = self.tools.state.snapshot.run
        if run is None:
            raise NotFound("there is no run")
        return run

    @property
    def attempt(self) -> int | None:
        """The number of the newest attempt."""
        last = self.view.attempt
        return None if last is None else last.n

    def draft(self, event: Event, position: int | None = None) -> Draft:
        """Return an event of this task and its newest attempt, ready to be recorded."""
        return Draft(event, self.task, self.attempt, position)

    async def record(self, *events: Event) -> None:
        """Record events of this task; they are on disk when this returns."""
        await self.tools.state.record(*(self.draft(event) for event in events))

    def breakpoint(
        self,
        kind: BreakpointKind,
        reason: str,
        ask: str,
        evidence: dict[str, object],
        suggestions: tuple[str, ...] = (),
    ) -> BreakpointRaised:
        """Return the event that asks a human, with the next free id of the run."""
        return BreakpointRaised(
            id=self._numbering.next(),
            kind=kind,
            reason=reason,
            ask=ask,
            options=(*ANSWERS[kind], Answer.CANCEL),
            evidence=evidence,
            suggestions=suggestions,
        )
